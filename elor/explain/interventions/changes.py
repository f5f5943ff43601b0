"""How far alterations move answers, slice by slice and, as a table, speaker by speaker."""

import numpy as np
import pandas as pd

from elor.explain.interventions.versions import UNALTERED

ROUNDING = 6
"""Decimals of a change: what lies below is the rounding of float32, which can have a direction too."""


def spreads(found: pd.DataFrame) -> pd.Series:
    """By network, model and answer the standard deviation of answers to a fold's unaltered slices, over folds."""
    asked = ["network", "model", "answer"]
    plain = found[found["intervention"] == UNALTERED]
    return np.sqrt(plain.groupby([*asked, "fold"])["value"].var().groupby(asked).mean())


def changes_by_slice(found: pd.DataFrame) -> pd.DataFrame:
    """Answers minus those to the unaltered slice; NaN of untrained networks that answer all of these alike."""
    asked = ["network", "model", "answer"]
    plain = found[found["intervention"] == UNALTERED].set_index([*asked, "row"])["value"]
    altered = found[found["intervention"] != UNALTERED].copy()
    base = plain.reindex(pd.MultiIndex.from_frame(altered[[*asked, "row"]])).to_numpy()
    dead = spreads(found).eq(0).reindex(pd.MultiIndex.from_frame(altered[asked])).to_numpy(dtype=bool)
    altered["change"] = (altered["value"] - base).round(ROUNDING).mask(dead & (altered["model"] >= 0))
    return altered


def changes_by_speaker(found: pd.DataFrame, slices: pd.DataFrame) -> pd.DataFrame:
    """What every mean over speakers is made of.

    Args:
        found: the rows of `elor.explain.interventions.run.run`.
        slices: slices.csv.

    Returns:
        fold, speaker, network, head (or another answer, such as `valence.extremity`), intervention, dose (empty for the
        sham), length (1 for the length control of that dose), slices, change and sd (mean and standard deviation of the
        trained network's changes over the speaker's slices), calibrated (mean over the slices and the fold's networks
        with random weights), language: of who speaks several, a row for each.
    """
    table = changes_by_slice(found).rename(columns={"answer": "head"})
    for name in ("speaker", "language"):
        table[name] = slices[name].to_numpy()[table["row"]]
    table["length"] = table["length"].astype(int)
    table["calibrated"] = table["change"].where(table["model"] >= 0)
    table["change"] = table["change"].where(table["model"] == -1)
    asked = ["fold", "speaker", "network", "head", "intervention", "dose", "length"]
    some = table.groupby([*asked, "language"], sort=False, dropna=False)
    made = some.agg(
        slices=("row", "nunique"), change=("change", "mean"), sd=("change", "std"), calibrated=("calibrated", "mean")
    )
    return made.reset_index()[[*asked, *made.columns, "language"]]
