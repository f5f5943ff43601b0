"""FTR against a linear SVM on the same 1,582 features in the same folds.

The SVM (scikit-learn's LinearSVC, one per dimension) gets what FTR gets: features scaled by the training slices' mean
and deviation, and the validation slices to choose by. Where FTR chooses its epoch, the SVM chooses C: for each fold and
dimension the value with the best UAR on the validation slices, of equals the smallest. It reads the data that
`dvc repro` has left in a workspace.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from benchmarks.publish import command, publish
from elor.errors import UserError
from elor.evaluation.intervals import jackknife
from elor.evaluation.recall import confusion, uar, war
from elor.evaluation.score import Settings, compare
from elor.evaluation.tables import Judged, check_predictions, fold_per_slice, judge
from elor.params import Params, load
from elor.progress import track
from elor.report.text import Block, Table, interval, p_value
from elor.tables import read_table
from elor.targets import heads

COSTS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""The values of C that are tried."""

MODELS = {"ftr": "FTR", "svm": "linear SVM"}


def measure(workspace: Path = Path()) -> dict[str, Any]:
    """Train the SVMs and score them beside the workspace's FTR predictions.

    Raises:
        UserError: if the workspace lacks the tables, its target has no classes, or its predictions are not of its
            slices and folds.
    """
    params, data = load(workspace / "params.yaml"), workspace / "data"
    asked = heads(params.labels.target, params.labels.classes)
    if any(head.classes is None or head.soft for head in asked):
        raise UserError(f"The target {params.labels.target} has no single classes for an SVM; choose classes.")
    slices, folds = read_table(data / "slices.csv"), read_table(data / "folds.csv")
    features = np.load(data / "is10.npy")
    svm, chosen = cross_validated(features, slices, folds, [head.name for head in asked])
    fold = fold_per_slice(slices, folds)
    tables = {"ftr": read_table(data / "predictions" / "ftr.csv"), "svm": svm}
    checked = {model: check_predictions(table, slices, asked, folds) for model, table in tables.items()}
    found: dict[str, Any] = {}
    for head in asked:
        judged = {model: judge(table, slices, head, fold) for model, table in checked.items()}
        difference = compare(judged["ftr"], judged["svm"], Settings(seed=params.seed))
        scores = {model: scores_of(one, params.evaluate.confidence) for model, one in judged.items()}
        found[head.name] = scores | {"difference": difference, "costs": chosen[head.name]}
    return {"corpus": _name(params), "slices": len(slices), "speakers": slices["speaker"].nunique(), "heads": found}


def cross_validated(
    features: np.ndarray, slices: pd.DataFrame, folds: pd.DataFrame, names: list[str]
) -> tuple[pd.DataFrame, dict[str, dict[str, float]]]:
    """Predict every fold's test slices.

    Args:
        features: one row per slice.
        slices, folds: the tables of the same names.
        names: of the dimensions.

    Returns:
        One row per tested slice: slice, fold, and a class per dimension; and the chosen C by dimension and fold.
    """
    parts: list[pd.DataFrame] = []
    chosen: dict[str, dict[str, float]] = {name: {} for name in names}
    total = folds["fold"].nunique()
    for fold, rows in track(_roles(slices, folds), "linear SVM", total, unit="fold"):
        part = pd.DataFrame({"slice": slices["slice"].to_numpy()[rows["test"]], "fold": fold})
        for name in names:
            model, cost = best_svm(features, slices[name].to_numpy(), rows["train"], rows["validation"])
            part[name] = model.predict(features[rows["test"]])
            chosen[name][fold] = cost
        parts.append(part)
    return pd.concat(parts, ignore_index=True), chosen


def best_svm(features: np.ndarray, labels: np.ndarray, train: np.ndarray, validation: np.ndarray) -> tuple[Any, float]:
    """The SVM with the best UAR on the validation rows, trained on the training rows, and its C."""
    count = int(labels.max()) + 1
    models = [make_pipeline(StandardScaler(), LinearSVC(C=cost, dual="auto", random_state=0)) for cost in COSTS]
    scores = [
        uar(
            confusion(
                labels[validation], model.fit(features[train], labels[train]).predict(features[validation]), count
            )
        )
        for model in models
    ]
    best = int(np.argmax(scores))
    return models[best], COSTS[best]


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
    )
    caption = (
        f"FTR and a linear SVM on IS10, the same folds: {measured['corpus']}, {measured['slices']} slices of "
        f"{measured['speakers']} speakers"
    )
    return [Table(caption, ("", "model", "WAR", "UAR", "UAR, FTR - SVM", "sign-flip p"), (rows,), labels=2)]


def _difference(found: dict[str, Any]) -> str:
    test = found["difference"]
    return interval(test["difference"], test["ci_low"], test["ci_high"])


def _roles(slices: pd.DataFrame, folds: pd.DataFrame) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Each fold's row numbers by role."""
    for fold, table in folds.groupby("fold", sort=False):
        roles = table.set_index("slice")["role"].reindex(slices["slice"]).to_numpy()
        yield str(fold), {role: np.flatnonzero(roles == role) for role in ("train", "validation", "test")}


def _name(params: Params) -> str:
    """The corpus as it may be printed: no path of this machine."""
    path = Path(params.corpus.path)
    return "demonstration corpus" if path.suffix == ".yaml" else "/".join(path.parts[-2:])


def main(
    workspace: Annotated[Path, typer.Option(help="A folder with params.yaml and the data of a finished run.")] = Path(),
    name: Annotated[str, typer.Option(help="Of the results, where several corpora have theirs.")] = "svm",
) -> None:
    """Compare FTR with a linear SVM on a workspace's corpus."""
    publish(name, "svm", lambda: measure(workspace), tables)


if __name__ == "__main__":
    command(main)
