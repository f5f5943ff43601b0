"""Whether the spread of ratings is learned where it is planted, and found where it is not: two networks, four corpora.

All four evaluators of the demonstration's recipe rate every turn. Where it is `planted`, their deviation grows with
arousal, an octave from the middle to the end; elsewhere it is the same for all turns, but for the ends of the scale,
which leave no room; and where ratings are `shuffled`, they are dealt out anew among a speaker's turns. Beside the
divergence stands the plain loss, 1 - CCC of the mean, in the same folds.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks.measure import ROOT, run_stage
from benchmarks.publish import command, publish
from elor.corpora.schema import read_ratings, read_utterances
from elor.engine import Engine
from elor.evaluation.evaluate import Settings, compare, evaluate
from elor.evaluation.predictions import check_predictions, fold_per_slice, judge
from elor.params import Params, load
from elor.report.results import title
from elor.report.text import MISSING, Block, Table, interval, number, p_value
from elor.tables import read_table
from elor.training.outputs import predictions_of
from elor.training.task import Task, input_files
from elor.training.train import place, run

STAGES = ("sources", "corpus", "labels", "slices", "folds", "is10")
NETWORKS = ("ftr", "elor")
EVALUATORS = ["E-1", "E-2", "E-3", "E-4"]

CASES = {
    "planted": {"disagreement": 1.0, "target": "spread"},
    "planted, plain loss": {"disagreement": 1.0, "target": "regression"},
    "planted, shuffled": {"disagreement": 1.0, "target": "spread", "shuffle": True},
    "not planted": {"disagreement": 0.0, "target": "spread"},
}
"""What is learned of which corpus."""


def measure(utterances: int = 400, folds: int = 5, epochs: int = 30) -> dict[str, Any]:
    """Train both networks in every case.

    Returns:
        `cases`: by case, network and dimension the scores of `elor.evaluation`; `plain`: by network and dimension the
        CCC by the divergence minus that by the plain loss; `slices`, `folds`, `epochs`.
    """
    scored: dict[str, Any] = {}
    judged: dict[str, Any] = {}
    for case, how in CASES.items():
        with tempfile.TemporaryDirectory(prefix="elor-") as folder:
            params = _corpus(Path(folder), utterances, folds, **how)
            scored[case], judged[case], settings = _trained(Path(folder), params, epochs)
    plain = {
        network: {
            head: compare(one, judged["planted, plain loss"][network][head], settings) for head, one in by.items()
        }
        for network, by in judged["planted"].items()
    }
    first = next(iter(scored["planted"]["ftr"].values()))
    return {"cases": scored, "plain": plain, "slices": first["count"], "folds": folds, "epochs": epochs}


def _corpus(
    folder: Path, utterances: int, folds: int, disagreement: float, target: str, shuffle: bool = False
) -> Params:
    """A workspace up to its folds and features."""
    yaml = YAML()
    value, recipe = yaml.load(ROOT / "params.yaml"), yaml.load(ROOT / "data" / "demo.yaml")
    value["labels"] |= {"target": target, "shuffle": shuffle}
    value["folds"]["most"] = folds
    value["scale"]["demo"]["utterances"] = utterances
    recipe["disagreement"] = disagreement
    for dialogue in recipe["dialogues"].values():
        dialogue["evaluators"] = EVALUATORS
    for rater in EVALUATORS:
        recipe["raters"][rater]["deviation"] = 0.6
    (folder / "data").mkdir()
    yaml.dump(recipe, folder / "data" / "demo.yaml")
    yaml.dump(value, folder / "params.yaml")
    for stage in STAGES:
        run_stage(folder, stage)
    return load(folder / "params.yaml")


def _trained(folder: Path, params: Params, epochs: int) -> tuple[dict[str, Any], dict[str, Any], Settings]:
    """Scores, and predictions beside the truth, by network and dimension."""
    data, target = folder / "data", params.labels.asked
    slices, folds = read_table(data / "slices.csv"), read_table(data / "folds.csv")
    settings = Settings(seed=params.seed, target=target.kind, classes=target.classes, permutations=2_000, draws=1_000)
    tables = {}
    for network in NETWORKS:
        how = params.train.over(params.scale.train)
        files = input_files(data, network)
        task = Task(network, target.heads, files, slices, folds, how, epochs, epochs, "mean", params.seed)
        defaults = params.scale.networks[network].defaults
        jobs = place([task.job(fold, defaults) for fold in task.fold_names()], Engine("cpu", 1))
        tables[network] = predictions_of(task, jobs, run(jobs, Engine("cpu", 1), network))
    utterances, ratings = read_utterances(data / "utterances.csv"), read_ratings(data / "ratings.csv")
    found = evaluate(slices, folds, utterances, ratings, tables, {}, settings)
    scores = {net: {head.name: found.metrics[head.name][net] for head in target.heads} for net in NETWORKS}
    fold = fold_per_slice(slices, folds)
    judged = {
        net: {
            head.name: judge(check_predictions(tables[net], slices, target.heads, folds), slices, head, fold)
            for head in target.heads
        }
        for net in NETWORKS
    }
    return scores, judged, settings


def tables(measured: dict[str, Any]) -> list[Block]:
    """A row per case, dimension and network; and what the loss costs or brings the mean."""
    groups = []
    for case, by in measured["cases"].items():
        groups.append(tuple(_row(case, head, net, one) for net, heads in by.items() for head, one in heads.items()))
    header = ("ratings", "", "network", "CCC", "r of deviations [95 %]", "p", "KL", "one for all")
    header += ("within 80 %", "one for all")
    caption = (
        f"{measured['slices']} slices, {measured['folds']} folds, {measured['epochs']} epochs; within 80 %: single "
        "ratings in the interval that should hold 80 %"
    )
    rows = tuple(
        (title(net), head, interval(one["difference"], one["ci_low"], one["ci_high"]), p_value(one["p"]))
        for net, heads in measured["plain"].items()
        for head, one in heads.items()
    )
    return [
        Table(caption, header, tuple(groups), labels=3),
        Table("CCC of the mean, divergence minus plain loss", ("network", "", "difference [95 %]", "p"), (rows,), 2),
    ]


def _row(case: str, head: str, network: str, one: dict[str, Any]) -> tuple[str, ...]:
    if "spread_r" not in one:
        return (case, head, title(network), number(one["ccc"]), *[MISSING] * 6)
    return (
        *(case, head, title(network), number(one["ccc"])),
        interval(one["spread_r"], one["spread_r_low"], one["spread_r_high"]),
        p_value(one["spread_p"]),
        *(number(one[key]) for key in ("divergence", "divergence_constant", "coverage_80", "coverage_80_constant")),
    )


def main(utterances: int = 400, folds: int = 5, epochs: int = 30) -> None:
    """Train the spread of ratings where it is planted, shuffled, or not there."""
    publish("spread", "spread", lambda: measure(utterances, folds, epochs), tables)


if __name__ == "__main__":
    command(main)
