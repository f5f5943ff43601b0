"""Stage `across`: corpora and languages beside each other: transfer, scores, alterations, claims."""

from collections.abc import Iterable, Iterator, Mapping
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
    differences,
    groups_of,
    judge_cells,
    learned_from,
    means_apart,
    transfers,
)
from elor.evaluation.comparisons import holm
from elor.evaluation.measures import p_by_utterance
from elor.evaluation.predictions import fold_per_slice, judge_all, tested
from elor.evaluation.settings import Settings
from elor.evidence.across import Across, Said
from elor.evidence.model import write
from elor.explain.claims.claim import Facts
from elor.explain.claims.evidence import Measured
from elor.explain.claims.rows import claims as decide
from elor.explain.claims.table import CORPUS, SCORES
from elor.explain.interventions.alterations import ALTERATIONS
from elor.params import Params, answering, load
from elor.registry import WORDLESS
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
    how = params.evaluate
    settings = Settings(confidence=how.confidence, permutations=how.permutations, seed=params.seed)
    predictions = {net: read_table(DATA / "predictions" / f"{net}.csv") for net in answering(params.corpus)}
    judged = judge_all(predictions, slices, params.labels.asked.heads, folds)
    groups = groups_of(slices)
    sources = learned_from(every, folds).reindex(fold_per_slice(slices, folds)).to_numpy(dtype=object)
    cells = transfers(judged, sources, slices["corpus"].to_numpy(dtype=object), settings)
    alone = machine(params, every, settings)
    for rows in (cells, alone):
        judge_cells(rows, 1 - settings.confidence)
    found = Across.of(
        hold_out=params.folds.hold_out,
        transfer=cells,
        machine=alone,
        scores=differences(judged, groups, settings),
        alterations=alterations(slices, groups, settings),
        claims=list(claims(params, predictions, slices, folds, groups, settings)),
    )
    write(METRICS / "across.json", found, beside=DATA / "evidence" / "across")
    columns = ["network", "dimension", "trained_on", "tested_on", "value", "chance", "slices", "speakers", "verdict"]
    write_plot(pd.DataFrame(cells + [one | {"network": "svm alone"} for one in alone])[columns], TRANSFER, "%.6g")


def machine(params: Params, slices: pd.DataFrame, settings: Settings) -> list[dict]:
    """The cells of the machine that was trained on one corpus alone."""
    table = read_table(DATA / "transfer.csv")
    found: list[dict] = []
    for source, part in table.groupby("trained_on", sort=True):
        own = slices[slices["slice"].isin(part["slice"])].reset_index(drop=True)
        judged = judge_all({"svm": part}, own, params.labels.asked.heads, None)
        place = own["corpus"].to_numpy(dtype=object)
        found += transfers(judged, np.full(len(own), source, dtype=object), place, settings)
    return found


def alterations(slices: pd.DataFrame, groups: dict[str, NDArray], settings: Settings) -> list[dict]:
    """How far each alteration, at its strongest dose, moves the answers of every two groups."""
    rows = []
    corpora = slices.drop_duplicates("speaker").set_index("speaker")["corpus"]
    for path in sorted((DATA / "effects").glob("*.csv")):
        table = read_table(path)
        table = table[(table["length"] == 0) & table["dose"].notna() & table["change"].notna()]
        table = table.assign(corpus=table["speaker"].map(corpora), language=table["language"].replace("", UNKNOWN))
        for (network, head, name), doses in table.groupby(["network", "head", "intervention"], sort=True):
            dose = strongest(name, doses["dose"])
            part = doses[doses["dose"] == dose]
            for factor in groups:
                sides = {group: _means(own) for group, own in part.groupby(factor, sort=True)}
                for a, b in combinations(sides, 2):
                    about = {"dimension": head, "network": network, "factor": factor, "a": a, "b": b}
                    about |= {"what": f"{name} {dose:g}"}
                    test = means_apart(sides[a], sides[b], settings, settings.stream(*about.values()))
                    rows.append(about | {"value_a": sides[a].mean(), "value_b": sides[b].mean()} | test)
    for row, adjusted in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = adjusted
    return rows


def _means(rows: pd.DataFrame) -> pd.Series:
    """By speaker the mean change of all slices."""
    sums = rows["change"].mul(rows["slices"]).groupby(rows["speaker"]).sum()
    return sums / rows.groupby("speaker")["slices"].sum()


def strongest(name: str, doses: Iterable[float]) -> float:
    """Of an alteration's doses the one farthest from none; of equals, as all are of noise (none: -inf), the highest."""
    none = ALTERATIONS[name].none
    return max(doses, key=lambda dose: (abs(dose - none), dose))


def claims(
    params: Params,
    predictions: dict[str, pd.DataFrame],
    slices: pd.DataFrame,
    folds: pd.DataFrame,
    groups: dict[str, NDArray],
    settings: Settings,
) -> Iterator[Said]:
    """The claims that predictions and ratings decide, in each group alone: a table, and a correction, of its own."""
    labels = params.labels
    rated, turns = read_ratings(DATA / "ratings.csv"), read_utterances(DATA / "utterances.csv")
    chosen = raters(rated, turns, params.corpus.sources, labels.rater, labels.asked)
    for factor, names in groups.items():
        for group in sorted(set(names)):
            own = slices[names == group].reset_index(drop=True)
            ratings, rater = labelling(rated, turns, chosen, own, labels.asked)
            inside, tests = own["slice"], folds[folds["slice"].isin(own["slice"])]
            some = {net: predictions[net][predictions[net]["slice"].isin(inside)] for net in WORDLESS}
            scored = scored_of(params, some, own, tests, ratings, rater)
            learned = {
                head: {
                    net: p_by_utterance(one, own["utterance"].to_numpy(), settings, f"{head}.{net}")
                    for net, one in by.items()
                }
                for head, by in scored.judged.items()
            }
            facts = Facts(Measured(learned=learned, confidence=settings.confidence), scored)
            for one in decide(facts, (*SCORES, *CORPUS), labels.shuffle).claims:
                kept = {name: getattr(one, name) for name in ("id", "claim", "ours", "unit", "p")}
                lacking = "" if one.deciding is None else one.evidence[one.deciding].missing
                yield Said(**kept, factor=factor, group=group, verdict=one.verdict.value, missing=lacking)


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
