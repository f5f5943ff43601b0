"""The effects on all networks in one place, and as tables for plots; each network was asked by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd


def gather(summaries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Put the summaries of single networks together.

    Args:
        summaries: one at least, of the same slices: what `elor.explain.interventions.effects.summarise` says, and
            `features`.

    Returns:
        `networks`, `spread` and `features` of all of them; `settings` are those of the first, which all share.
    """
    together = dict(summaries[0])
    for part in ("networks", "spread", "features"):
        together[part] = {network: value for one in summaries for network, value in one[part].items()}
    return together


def curves(summary: Mapping[str, Any], network: str) -> pd.DataFrame:
    """The changes by dose of one network, for a plot: intervention, unit, head, dose, change, low, high."""
    rows = [
        {"intervention": name, "unit": entry["unit"], "head": head, "dose": dose}
        | {column: effect["doses"][dose][column] for column in ("change", "low", "high")}
        for name, entry in summary["networks"][network].items()
        for head, effect in entry["heads"].items()
        for dose in effect["doses"]
    ]
    return pd.DataFrame(rows)
