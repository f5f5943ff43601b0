"""What a seed changes: every headline, declared difference and verdict over several runs.

Two things can be drawn anew: the corpus (`corpus.seed`, or other recordings), and all that comes after it (`seed`:
folds, weights, batches, samples). Runs on one corpus tell how much of a score is luck of the training; fresh corpora
tell what luck of the corpus adds. Whether two runs had one corpus is what the hashes in their dvc.lock say.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from elor.corpora.faults import some
from elor.errors import UserError
from elor.runs.compare import is_number
from elor.runs.run import Run, open_run
from elor.targets import Target

TRAINING, CORPORA, ALL = "training seeds", "fresh corpora", "runs"
"""The groups: runs on the first run's corpus; one run of every corpus; all, where dvc.lock does not tell."""

SEEDS = ("seed", "corpus.seed")

LISTED = 5
"""Scores that a warning names."""

Spread = dict[str, float]
"""mean, sd (n - 1; NaN for one run), low, high, runs."""


@dataclass(frozen=True)
class Summary:
    """Several runs summarised, group by group.

    Attributes:
        runs: their names.
        groups: by group the names of its runs; one group, or `TRAINING` and `CORPORA`.
        values: by kind of score (UAR or CCC, WAR or RMSE, difference) and its name, one value per run.
        spreads: by kind, name and group.
        verdicts: by claim and group how many runs gave each verdict.
        warnings: sentences: in what else the runs differ, and which scores are left out.
    """

    runs: list[str]
    groups: dict[str, list[str]]
    values: dict[str, dict[str, list[float]]]
    spreads: dict[str, dict[str, dict[str, Spread]]]
    verdicts: dict[str, dict[str, dict[str, int]]]
    warnings: list[str]


def summarise(where: Sequence[str | Path], metrics: str | None = None) -> Summary:
    """Summarise runs.

    Args:
        where: folders, or commits, branches, tags or DVC experiments of this repository; the first one's corpus is
            the one on which training seeds are compared.
        metrics: summarise this flat file of metrics alone, instead of scores, differences and claims.

    Raises:
        UserError: if one of them is not there, or lacks the metrics.
    """
    if not where:
        raise UserError("There is no run to summarise; name one or more.")
    runs = [open_run(one) for one in where]
    groups = grouped(runs)
    found = [{"score": run.json(metrics)} if metrics else scores(run) for run in runs]
    values, spreads = {}, {}
    for kind in found[0]:
        tables = [one.get(kind, {}) for one in found]
        names = over_seeds(tables)
        values[kind] = {name: [table[name] for table in tables] for name in names}
        spread = {
            group: over_seeds([table for table, run in zip(tables, runs, strict=True) if run in members])
            for group, members in groups.items()
        }
        spreads[kind] = {name: {group: one[name] for group, one in spread.items()} for name in names}
    judged = {run: {} if metrics else verdicts(run) for run in runs}
    claims = {claim: None for run in runs for claim in judged[run]}
    return Summary(
        runs=[run.name for run in runs],
        groups={group: [run.name for run in members] for group, members in groups.items()},
        values=values,
        spreads=spreads,
        verdicts={
            claim: {
                group: dict(Counter(judged[run][claim] for run in members if claim in judged[run]).most_common())
                for group, members in groups.items()
            }
            for claim in claims
        },
        warnings=[*warnings(runs), *left_out(runs, found)],
    )


def over_seeds(runs: Sequence[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Summarise the same metrics of several training runs that differ in their seed only.

    The spread over seeds is no confidence interval: all runs test the same speakers.

    Args:
        runs: one flat dict of metrics per seed; keys that not all runs have, and what is no number, are left out.

    Returns:
        Per metric: mean, sd (n - 1; NaN for one run), low and high (the range), runs.
    """
    numeric = [key for key in (runs[0] if runs else ()) if all(is_number(run.get(key)) for run in runs)]
    summary = {}
    for key in numeric:
        values = np.array([run[key] for run in runs], dtype=np.float64)
        spread = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
        low, high = float(values.min()), float(values.max())
        summary[key] = {"mean": float(values.mean()), "sd": spread, "low": low, "high": high, "runs": len(runs)}
    return summary


def left_out(runs: Sequence[Run], found: Sequence[dict[str, dict[str, float]]]) -> list[str]:
    """Which runs lack scores that others have, so that no table has these."""
    has = [
        {f"{kind} {name}" for kind, by in one.items() for name, value in by.items() if is_number(value)}
        for one in found
    ]
    lacks = {run.name: sorted(set().union(*has) - own) for run, own in zip(runs, has, strict=True)}
    return [f"{name} lacks {some(names, LISTED)}: left out of the tables." for name, names in lacks.items() if names]


def grouped(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs on the first one's corpus, and one run of every corpus, as far as there is more than one of them."""
    corpora = {run: run.outputs().get("data/corpus") for run in runs}
    if None in corpora.values():
        return {ALL: list(runs)}
    same = [run for run in runs if corpora[run] == corpora[runs[0]]]
    fresh = list({corpora[run]: run for run in reversed(runs)}.values())[::-1]
    if len(fresh) == 1:
        return {TRAINING: same}
    return {CORPORA: fresh} if len(same) == 1 else {TRAINING: same, CORPORA: fresh}


def scores(run: Run) -> dict[str, dict[str, float]]:
    """A run's headlines by kind: UAR (values: CCC), WAR (RMSE), and the declared differences.

    What runs of before have not written is left out.
    """
    tests = run.json("metrics/comparisons.json")["comparisons"] if run.read("metrics/comparisons.json") else []
    asked = Target(run.params.get("labels.target", "classes")).heads
    values = asked[0].valued or any(test["score"] == "ccc" for test in tests)
    found = {"CCC" if values else "UAR": run.json("metrics/uar.json")}
    if run.read("metrics/war.json"):
        found["RMSE" if values else "WAR"] = run.json("metrics/war.json")
    if tests:
        found["difference"] = {f"{t['dimension']}.{t['a']} - {t['b']}": t["difference"] for t in tests}
    return found


def verdicts(run: Run) -> dict[str, str]:
    """By the claim's short name its verdict; empty where none were decided."""
    if run.read("metrics/claims.json") is None:
        return {}
    return {claim.get("id", claim["claim"]): claim["verdict"] for claim in run.json("metrics/claims.json")["claims"]}


def warnings(runs: Sequence[Run]) -> list[str]:
    """In what else than seeds runs differ, and which are one run under two names."""
    found = []
    first, *others = runs
    for run in others:
        if without := [one.name for one in (first, run) if not one.stages]:
            lacking = f"{' and '.join(without)} {'lack' if len(without) > 1 else 'lacks'} dvc.lock"
            found.append(f"Nothing tells whether {run.name} differs from {first.name} in more than seeds: {lacking}.")
            continue
        ours, theirs = ({k: v for k, v in one.params.items() if k not in SEEDS} for one in (first, run))
        if names := sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)):
            found.append(f"{run.name} differs from {first.name} in more than seeds: {', '.join(names)}.")
        if first.inputs() != run.inputs():
            found.append(f"{run.name} was made by other code or from other files than {first.name}.")
    names: dict[str, list[str]] = {}
    for run in runs:
        if run.stages:
            names.setdefault(run.outputs_digest(), []).append(run.name)
    twice = [alike for alike in names.values() if len(alike) > 1]
    return found + [f"{' and '.join(alike)} are one run, counted {len(alike)} times." for alike in twice]
