"""What words add to the scores, and how much of it may be the corpus' doing: the same scripts in other mouths.

In scripted dialogues every session says the same. A test speaker's text then stands, word for word, in the training
part, with the labels that other actors got for it: words may tell which place of which script this is. So improvised
and scripted speech stand apart, and so do texts that nobody said in the training part.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from elor.evaluation.evaluate import compare
from elor.evaluation.measures import headline_of, statistics_of
from elor.evaluation.predictions import Judged
from elor.evaluation.settings import Settings

NEW, ALL = "texts that are new", "all"
"""Parts of the slices besides those by scenario."""


def heard_before(texts: pd.DataFrame, slices: pd.DataFrame, folds: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether a slice's text stands word for word in the training part of the fold that tests it, `(n,)`.

    Capitals and punctuation do not count. An empty text was not heard before.

    Args:
        texts: utterance, text.
        slices, folds: the tables of these names; slices that no fold tests are there, too.
    """
    plain = texts["text"].str.lower().str.findall(r"\w+").str.join(" ")
    said = pd.Series(plain.to_numpy(), index=texts["utterance"])
    text = pd.Series(said.reindex(slices["utterance"]).fillna("").to_numpy(), index=slices["slice"])
    found = pd.Series(False, index=slices["slice"])
    for _, fold in folds.groupby("fold", sort=False):
        known = set(text[fold.loc[fold["role"] == "train", "slice"]]) - {""}
        tests = fold.loc[fold["role"] == "test", "slice"]
        found[tests] = text[tests].isin(known).to_numpy()
    return found.to_numpy()


def parts(slices: pd.DataFrame, heard: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
    """Which slices belong to which part: all, each scenario, and texts that are new; only those with slices.

    A scenario that is called like one of the others is told as `scenario all`, say.
    """
    scenario = slices["scenario"].to_numpy(dtype=object)
    found = {ALL: np.ones(len(slices), dtype=bool)}
    for name in sorted(set(scenario) - {""}):
        part = str(name)
        while part in (*found, NEW):
            part = f"scenario {part}"
        found[part] = scenario == name
    return {name: rows for name, rows in (found | {NEW: ~heard}).items() if rows.any()}


def leak(slices: pd.DataFrame, heard: NDArray[np.bool_]) -> dict[str, dict[str, float]]:
    """By part the number of slices, and the share whose text was heard before."""
    return {
        name: {"slices": int(rows.sum()), "heard_before": float(heard[rows].mean())}
        for name, rows in parts(slices, heard).items()
        if name != NEW
    }


def added(
    told: dict[str, Judged], plain: dict[str, Judged], where: dict[str, NDArray[np.bool_]], settings: Settings
) -> Iterator[dict[str, Any]]:
    """The network that is told the words against the one that is not, by head and part.

    Args:
        told, plain: by head the predictions beside the truth.
        where: see `parts`.
        settings: of the comparison.

    Yields:
        head, part, slices, speakers, score (its name), told, plain, and what `elor.evaluation.evaluate.compare` says.
    """
    for head, one in told.items():
        for part, rows in where.items():
            pair = one.where(rows), plain[head].where(rows)
            name = headline_of(one)
            scores = [float(statistics_of(each)[name](each.tallies(each.speaker).sum(0))) for each in pair]
            tested = compare(*pair, settings)
            kept = {key: tested[key] for key in ("difference", "ci_low", "ci_high", "p")}
            speakers = len(np.unique(pair[0].speaker))
            known = {"head": head, "part": part, "slices": int(rows.sum()), "speakers": speakers, "score": name}
            yield known | {"told": scores[0], "plain": scores[1]} | kept
