"""Stage `across`: corpora and languages beside each other: transfer, scores, alterations, claims."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from elor.corpora.labels import MEAN, evaluations
from elor.corpora.schema import read_ratings, read_utterances
from elor.corpora.sources import raters, under_one_name
from elor.evaluation.across import (
    UNKNOWN,
    How,
    differences,
    groups_of,
    judge_cells,
    learned_from,
    means_apart,
    transfers,
)
from elor.evaluation.comparisons import holm
from elor.evaluation.predictions import fold_per_slice, judge_all, tested
from elor.evidence.across import Across, Said
from elor.evidence.model import write
from elor.explain.claims.claim import Facts
from elor.explain.claims.evidence import Measured
from elor.explain.claims.rows import claims as decide
from elor.params import Params, answering, load, trained
from elor.tables import read_table, write_plot
from elor.targets import Target
from stages import DATA, METRICS, main
from stages.scored import scored_of

TRANSFER = Path("plots/data/across/transfer.csv")


def across() -> None:
    """Write metrics/across.json, its table of alterations, and plots/data/across/transfer.csv."""
    params = load()
    every, folds = read_table(DATA / "slices.csv"), read_table(DATA / "folds.csv")
    slices = tested(every, folds)
    how = How(params.evaluate.confidence, params.evaluate.permutations, params.seed)
    predictions = {net: read_table(DATA / "predictions" / f"{net}.csv") for net in answering(params.corpus)}
    judged = judge_all(predictions, slices, params.labels.asked.heads, folds)
    groups = groups_of(slices)
    sources = learned_from(every, folds).reindex(fold_per_slice(slices, folds)).to_numpy(dtype=object)
    cells, alone = transfers(judged, sources, slices["corpus"].to_numpy(dtype=object), how), machine(params, every, how)
    found = Across.of(
        hold_out=params.folds.hold_out,
        transfer=cells,
        machine=alone,
        scores=differences(judged, groups, how),
        alterations=alterations(slices, groups, how),
        claims=list(claims(params, predictions, slices, folds, groups)),
    )
    write(METRICS / "across.json", found, beside=DATA / "evidence" / "across")
    columns = ["network", "dimension", "trained_on", "tested_on", "value", "chance", "slices", "speakers", "verdict"]
    write_plot(pd.DataFrame(cells + [one | {"network": "svm alone"} for one in alone])[columns], TRANSFER, "%.6g")


def machine(params: Params, slices: pd.DataFrame, how: How) -> list[dict]:
    """The cells of the machine that was trained on one corpus alone."""
    table = read_table(DATA / "transfer.csv")
    found: list[dict] = []
    for source, part in table.groupby("trained_on", sort=True):
        own = slices[slices["slice"].isin(part["slice"])].reset_index(drop=True)
        judged = judge_all({"svm": part}, own, params.labels.asked.heads, None)
        place = own["corpus"].to_numpy(dtype=object)
        found += transfers(judged, np.full(len(own), source, dtype=object), place, how)
    judge_cells(found, 1 - how.confidence)  # over all of them
    return found


def alterations(slices: pd.DataFrame, groups: dict[str, NDArray], how: How) -> list[dict]:
    """How far each alteration, at its strongest dose, moves the answers of every two groups."""
    rows = []
    corpora = slices.drop_duplicates("speaker").set_index("speaker")["corpus"]
    for path in sorted((DATA / "effects").glob("*.csv")):
        table = read_table(path)
        table = table[(table["length"] == 0) & table["dose"].notna() & table["change"].notna()]
        table = table.assign(corpus=table["speaker"].map(corpora), language=table["language"].replace("", UNKNOWN))
        asked = ["network", "head", "intervention"]
        strongest = table.groupby(asked)["dose"].transform(_strongest)
        for (network, head, name), part in table[table["dose"] == strongest].groupby(asked, sort=True):
            for factor in groups:
                sides = {group: _means(own) for group, own in part.groupby(factor, sort=True)}
                for a, b in combinations(sides, 2):
                    about = {"dimension": head, "network": network, "factor": factor, "a": a, "b": b}
                    about |= {"what": f"{name} {part['dose'].iloc[0]:g}"}
                    test = means_apart(sides[a], sides[b], how, how.rng(*about.values()))
                    rows.append(about | {"value_a": sides[a].mean(), "value_b": sides[b].mean()} | test)
    for row, adjusted in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = adjusted
    return rows


def _means(rows: pd.DataFrame) -> pd.Series:
    """By speaker the mean change of all slices."""
    sums = rows["change"].mul(rows["slices"]).groupby(rows["speaker"]).sum()
    return sums / rows.groupby("speaker")["slices"].sum()


def _strongest(doses: pd.Series) -> float:
    return float(doses.iloc[doses.abs().to_numpy().argmax()])


def claims(
    params: Params,
    predictions: dict[str, pd.DataFrame],
    slices: pd.DataFrame,
    folds: pd.DataFrame,
    groups: dict[str, NDArray],
) -> Iterator[Said]:
    """The claims that predictions and ratings decide, in each group alone."""
    labels = params.labels
    rated, turns = read_ratings(DATA / "ratings.csv"), read_utterances(DATA / "utterances.csv")
    chosen = raters(rated, turns, params.corpus.sources, labels.rater, labels.asked)
    for factor, names in groups.items():
        for group in sorted(set(names)):
            own = slices[names == group].reset_index(drop=True)
            ratings, rater = labelling(rated, turns, chosen, own, labels.asked)
            inside, tests = own["slice"], folds[folds["slice"].isin(own["slice"])]
            some = {net: predictions[net][predictions[net]["slice"].isin(inside)] for net in trained(params.corpus)}
            scored = scored_of(params, some, own, tests, ratings, rater)
            table = decide(Facts(Measured(confidence=params.evaluate.confidence), scored), shuffled=labels.shuffle)
            for one in table.claims:
                if one.group in ("scores", "corpus") and one.ours is not None:
                    kept = {name: getattr(one, name) for name in ("id", "claim", "ours", "unit", "p")}
                    yield Said(**kept, factor=factor, group=group, verdict=one.verdict.value)


def labelling(
    rated: pd.DataFrame, turns: pd.DataFrame, chosen: Mapping[str, str], own: pd.DataFrame, target: Target
) -> tuple[pd.DataFrame, str]:
    """The ratings of a group, with its labelling raters under one name, and that name; `mean` if they rated nothing.

    Args:
        rated, turns: ratings.csv and utterances.csv.
        chosen: who labels each corpus.
        own: the group's rows of slices.csv.
        target: what is learned.
    """
    ratings = rated[rated["utterance"].isin(own["utterance"])]
    ratings, rater = under_one_name(ratings, turns, {name: chosen[name] for name in own["corpus"].unique()})
    known = set(evaluations(ratings, target.dimensions)["rater"])
    return ratings, rater if rater in known else MEAN


if __name__ == "__main__":
    main(across)
