"""FTR against support vector machines on the same functionals in the same folds.

The machines are those of `elor.training.svm_baseline`, as the stage `baseline` has them and once more with the choice
made narrower: with plain classes, and with balanced ones. It reads the data that `dvc repro` has left in a workspace.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.publish import command, publish
from elor.engine import Engine
from elor.errors import UserError
from elor.evaluation.evaluate import compare
from elor.evaluation.intervals import jackknife
from elor.evaluation.predictions import Judged, judge_all
from elor.evaluation.recall import uar, war
from elor.evaluation.settings import Settings
from elor.params import Params, load
from elor.report.text import Block, Table, interval, p_value
from elor.tables import read_table
from elor.training import svm_baseline
from elor.vectors import IS10, Vectors

CHOICES = {
    "svm": svm_baseline.CHOICES,
    "plain": tuple(choice for choice in svm_baseline.CHOICES if not choice.balanced),
    "balanced": tuple(choice for choice in svm_baseline.CHOICES if choice.balanced),
}
"""What the validation slices may choose from, by machine."""

MODELS = {
    "ftr": "FTR",
    "svm": "SVM",
    "plain": "SVM, plain classes",
    "balanced": "SVM, balanced classes",
}


def measure(workspace: Path = Path()) -> dict[str, Any]:
    """Train the SVMs and score them beside the workspace's FTR predictions.

    Raises:
        UserError: if the workspace lacks the tables, its target has no classes, or its predictions are not of its
            slices and folds.
    """
    params, data = load(workspace / "params.yaml"), workspace / "data"
    asked = params.labels.asked.heads
    if any(head.classes is None or head.soft for head in asked):
        raise UserError(f"The target {params.labels.target} has no single classes for an SVM; choose classes.")
    slices, folds = read_table(data / "slices.csv"), read_table(data / "folds.csv")
    tables = {"ftr": read_table(data / "predictions" / "ftr.csv")}  # before anything long
    fitted = {
        name: svm_baseline.cross_validated(data / "is10.npy", slices, folds, asked, Engine("cpu"), choices)
        for name, choices in CHOICES.items()
    }
    tables |= {name: found[0] for name, found in fitted.items()}
    found: dict[str, Any] = {}
    for name, judged in judge_all(tables, slices, asked, folds).items():
        difference = compare(judged["ftr"], judged["svm"], Settings(seed=params.seed))
        scores = {model: scores_of(one, params.evaluate.confidence) for model, one in judged.items()}
        chosen = fitted["svm"][1]
        rows = chosen[chosen["head"] == name].drop(columns="head").set_index("fold")
        found[name] = scores | {"difference": difference, "chosen": rows.to_dict("index")}
    features = Vectors.read(data / "is10.json").name
    return {
        "corpus": _name(params),
        "features": features,
        "slices": len(slices),
        "speakers": slices["speaker"].nunique(),
        "heads": found,
    }


def scores_of(judged: Judged, confidence: float) -> dict[str, float]:
    """Pooled WAR and UAR with their intervals over speakers."""
    tallies = judged.tallies(judged.speaker)
    found: dict[str, Any] = {}
    for name, statistic in (("war", war), ("uar", uar)):
        limits = jackknife(tallies, statistic, confidence)
        found |= {name: float(statistic(tallies.sum(0))), f"{name}_low": limits.low, f"{name}_high": limits.high}
    return found


def tables(measured: dict[str, Any]) -> list[Block]:
    """Both models' scores per dimension, and the test of their difference."""
    rows = tuple(
        (
            head,
            MODELS[model],
            *(interval(*(found[model][f"{name}{end}"] for end in ("", "_low", "_high"))) for name in ("war", "uar")),
            *((_difference(found), p_value(found["difference"]["p"])) if model == "ftr" else ("", "")),
        )
        for head, found in measured["heads"].items()
        for model in MODELS
        if model in found
    )
    caption = (
        f"FTR and an SVM on {measured.get('features', IS10.name)}, the same folds: {measured['corpus']}, "
        f"{measured['slices']} slices of {measured['speakers']} speakers"
    )
    return [Table(caption, ("", "model", "WAR", "UAR", "UAR, FTR - SVM", "sign-flip p"), (rows,), labels=2)]


def _difference(found: dict[str, Any]) -> str:
    test = found["difference"]
    return interval(test["difference"], test["ci_low"], test["ci_high"])


def _name(params: Params) -> str:
    """The corpus as it may be printed: no path of this machine."""
    path = Path(params.corpus.sources[0].path)
    return "demonstration corpus" if path.suffix == ".yaml" else "/".join(path.parts[-2:])


def main(
    workspace: Annotated[Path, typer.Option(help="A folder with params.yaml and the data of a finished run.")] = Path(),
    name: Annotated[str, typer.Option(help="Of the results, where several corpora have theirs.")] = "svm",
) -> None:
    """Compare FTR with support vector machines on a workspace's corpus."""
    publish(name, "svm", lambda: measure(workspace), tables)


if __name__ == "__main__":
    command(main)
