"""Finding the values that a network is trained with.

Precedence: the profile's default < the search < a value pinned in `networks.<net>`. `elor_ftr` combines the winners of
`elor` and `ftr` (Wieser et al. 2020, "Hyperparameter optimization": empirically combined, never searched).
"""

import math
from collections.abc import Sequence

import pandas as pd

from elor.engine import Engine
from elor.errors import UserError
from elor.params import OF_THE_MLP, NetworkScale, Range, Search, Settings, inherited
from elor.progress import Progress
from elor.sections import check
from elor.training import budget, tpe
from elor.training.resume import epochs_done
from elor.training.task import Task
from elor.training.train import place, spread
from elor.training.trials import Trial, evaluate
from elor.training.tuning_file import Tuning


def tune(
    task: Task,
    scale: NetworkScale,
    pinned: Settings,
    space: dict[str, Range],
    how: Search,
    engine: Engine,
    max_hours: float | None = None,
) -> tuple[Tuning, pd.DataFrame]:
    """Search a network's values.

    Returns:
        The values, and the table of all trials (empty without a search).

    Raises:
        UserError: if it may take more than `max_hours`, `how.fold` is no fold, or every trial of a search failed.
    """
    base = merge(scale.defaults, pinned)
    searched = tpe.dimensions(scale.defaults, pinned, space)
    names = task.fold_names()
    if how.fold is not None and how.fold not in names:
        raise UserError(f"search.fold is {how.fold!r}; choose one of {', '.join(names)}, or leave it empty.")
    if not searched or scale.evaluations <= 1:
        provenance = {name: "pinned" if name in pinned.given() else "default" for name in base.given()}
        return Tuning(task.network, "none", None, dict.fromkeys(names, base), provenance), tpe.no_trials()
    folds = names if how.scope == "nested" else [how.fold or names[0]]
    if max_hours is not None:
        beside = len(folds) * budget.rounds(scale.evaluations, how.round)
        budget.check(task.job(names[0], base, testing=False), beside, engine, max_hours, "the search")
    results = {fold: _search_fold(task, scale.evaluations, fold, base, searched, how, engine) for fold in folds}
    first = results[folds[0]].best
    values = {fold: results[fold].best if fold in results else first for fold in names}
    won = any(result.best != base for result in results.values())  # else it was the default, the first trial
    found = {dimension.setting for dimension in searched if won}
    provenance = {
        name: "search" if name in found else "pinned" if name in pinned.given() else "default" for name in base.given()
    }
    trials = pd.concat([r.trials.assign(fold=fold) for fold, r in results.items()], ignore_index=True)
    shared = folds[0] if how.scope == "shared" else None
    apart = shared is not None and not task.heard(shared) & task.tested()
    return Tuning(task.network, how.scope, shared, values, provenance, apart), trials


def _search_fold(
    task: Task,
    evaluations: int,
    fold: str,
    base: Settings,
    searched: Sequence[tpe.Dimension],
    how: Search,
    engine: Engine,
) -> tpe.Result:
    """One search on one fold, which never touches that fold's test speaker."""
    total = evaluations * task.epochs
    with Progress(f"search {task.network} {fold}", total, unit="epoch") as progress:
        before, best = 0, -math.inf

        def run(proposals: list[Settings], floor: tuple[float, ...]) -> list[Trial]:
            nonlocal before, best
            jobs = place([task.job(fold, settings, testing=False, floor=floor) for settings in proposals], engine)

            def watch() -> None:
                progress.advance(before + sum(epochs_done(job.scratch) for job in jobs) - progress.done)

            trials = spread(evaluate, jobs, engine, watch)
            before += len(jobs) * task.epochs
            best = max([best, *(trial.score for trial in trials if trial.status != "failed")])
            progress.advance(before - progress.done, note=f"best {best:.3f}" if math.isfinite(best) else "")
            return trials

        return tpe.search(base, searched, evaluations, how.round, task.seed, run, how.stop_losers)


def combine(task: Task, pinned: Settings, first: Tuning, second: Tuning) -> tuple[Tuning, pd.DataFrame]:
    """The values of `elor_ftr`: the CNN and the optimiser of the first one's winner, the MLP of the second one's."""
    values = {}
    for fold in task.fold_names():
        theirs = inherited(first.values[fold].given(), second.values[fold].given())
        values[fold] = merge(check(Settings, theirs, task.network), pinned)
    provenance = {
        name: "pinned" if name in pinned.given() else second.network if name in OF_THE_MLP else first.network
        for name in values[task.fold_names()[0]].given()
    }
    scopes = {first.scope, second.scope}
    scope = "shared" if "shared" in scopes else "nested" if "nested" in scopes else "none"
    apart = all(one.apart for one in (first, second) if one.scope == "shared") and scope == "shared"
    return Tuning(task.network, scope, first.fold or second.fold, values, provenance, apart), tpe.no_trials()


def merge(defaults: Settings, pinned: Settings) -> Settings:
    """The defaults with the pinned values in their places."""
    return check(Settings, defaults.given() | pinned.given(), "networks")
