"""The search against random draws of the same budget: the best validation score so far, trial by trial.

Both begin with the profile's default and train on the same fold. A seed draws other points, and other weights for them.
It reads the data that `dvc repro` has left in a workspace.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.publish import command, known, publish, resumed
from elor.engine import Engine
from elor.errors import UserError
from elor.files import file_digest
from elor.params import NETWORKS, Params, Settings, load
from elor.report.text import Block, Table, number
from elor.training import tpe
from elor.training.task import Task
from elor.training.train import place, spread
from elor.training.trials import Trial, evaluate
from elor.training.tune import merge
from stages.task import task_of

WAYS = {"tpe": "TPE", "random": "random draws"}
TABLES = ("slices.csv", "folds.csv")
"""What decides a search beside its network's inputs."""

SHOWN = (1, 2, 4, 8, 12, 16, 20, 30, 50, 100)
"""Numbers of trials at which the table looks."""


def measure(workspace: Path = Path(), network: str = "ftr", seeds: int = 5) -> dict[str, Any]:
    """Search as the profile does, and at random; a run that was ended goes on where it was.

    Args:
        workspace: a folder with params.yaml and the data of a finished run.
        network: which of the four.
        seeds: how many searches of each kind.

    Returns:
        `network`, `fold`, `evaluations`, and by way a list of the best scores so far for each seed.

    Raises:
        UserError: if the network is unknown, or nothing of it is searched.
    """
    known([network], NETWORKS)
    with contextlib.chdir(workspace):
        params = load()
        if params.scale.networks[network].evaluations < 2 or not _searched_values(network, params):
            raise UserError(f"Nothing of {network} is searched here; choose another --network.")
        task = task_of(network, params)
        data = [file_digest(path) for path in (*task.files.values(), *(Path("data") / name for name in TABLES))]
    found = {
        "network": network,
        "fold": task.fold_names()[0],
        "evaluations": params.scale.networks[network].evaluations,
    }
    names = [f"{way} {seed}" for seed in range(params.seed, params.seed + seeds) for way in WAYS]
    what = found | {"params": params.model_dump(mode="json"), "data": data}
    made = resumed("search", what, names, partial(_searched, workspace=workspace, network=network))
    best = {way: [one["best"] for one in made if one["name"].startswith(f"{way} ")] for way in WAYS}
    return found | {"best": best}


def _searched(name: str, workspace: Path, network: str) -> dict[str, Any]:
    """One search: the best score so far, trial by trial."""
    way, _, seed = name.partition(" ")
    with contextlib.chdir(workspace):
        params = load()
        budget = params.scale.networks[network].evaluations if way == "random" else None
        return {"best": _best_so_far(task_of(network, params), params, int(seed), budget)}


def _best_so_far(task: Task, params: Params, seed: int, startup: int | None) -> list[float]:
    """One search; with as many random trials as there are trials it never proposes."""
    scale = params.scale.networks[task.network]
    base, dimensions = merge(scale.defaults, params.networks[task.network]), _searched_values(task.network, params)
    seeded = Task(**vars(task) | {"seed": seed})
    run = _runner(seeded, Engine("cpu", params.engine.workers))
    size = params.search.round or params.scale.round
    trials = tpe.search(base, dimensions, scale.evaluations, size, seed, run, startup=startup).trials
    return np.fmax.accumulate(trials["score"]).tolist()


def _searched_values(network: str, params: Params) -> list[tpe.Dimension]:
    """What the profile's search of a network draws."""
    scale = params.scale.networks[network]
    return tpe.dimensions(scale.defaults, params.networks[network], params.scale.space | scale.space)


def _runner(task: Task, engine: Engine) -> Callable[[list[Settings], tuple[float, ...]], list[Trial]]:
    """Trains the trials of a round on the first fold."""

    def run(proposals: list[Settings], floor: tuple[float, ...]) -> list[Trial]:
        fold = task.fold_names()[0]
        jobs = place([task.job(fold, settings, testing=False, floor=floor) for settings in proposals], engine)
        return spread(evaluate, jobs, engine)

    return run


def tables(measured: dict[str, Any]) -> list[Block]:
    """The mean over seeds of the best score so far, and in how many seeds each way ends ahead."""
    best = {way: np.array(rows) for way, rows in measured["best"].items()}
    budget = measured["evaluations"]
    columns = [count for count in SHOWN if count < budget] + [budget]
    ahead = {"tpe": best["tpe"][:, -1] > best["random"][:, -1], "random": best["random"][:, -1] > best["tpe"][:, -1]}
    rows = tuple(
        (WAYS[way], *(number(scores[:, count - 1].mean()) for count in columns), f"{ahead[way].sum()} of {len(scores)}")
        for way, scores in best.items()
    )
    caption = f"Best validation score so far of {measured['network']}, mean over {len(best['tpe'])} seeds, by trials"
    return [Table(caption, ("search", *map(str, columns), "ends ahead"), (rows,))]


def main(
    workspace: Annotated[Path, typer.Option(help="A folder with params.yaml and the data of a finished run.")] = Path(),
    network: Annotated[str, typer.Option(help=f"One of {', '.join(NETWORKS[:3])}.")] = "ftr",
    seeds: Annotated[int, typer.Option(min=1, help="Searches of each kind.")] = 5,
) -> None:
    """Compare TPE with random draws of the same budget."""
    publish("search", "search", lambda: measure(workspace.resolve(), network, seeds), tables)


if __name__ == "__main__":
    command(main)
