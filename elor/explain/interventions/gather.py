"""The effects on all networks in one place, and as tables for plots; each network was asked by itself."""

from collections.abc import Sequence

import pandas as pd

from elor.evidence.interventions import Interventions


def gather(summaries: Sequence[Interventions]) -> Interventions:
    """Put the summaries of single networks together.

    Args:
        summaries: one at least, of the same slices: what `elor.explain.interventions.summary.summarise` says.

    Returns:
        `networks`, `spread` and `features` of all of them; `settings` and `level_sd` are those of the first, which
        all share.
    """
    together = summaries[0].tree()
    for part in ("networks", "spread", "features"):
        together[part] = {network: value for one in summaries for network, value in one.tree()[part].items()}
    return Interventions.of(together)


def curves(summary: Interventions, network: str) -> pd.DataFrame:
    """The changes by dose of one network, for a plot: intervention, unit, head, dose, change, low, high."""
    rows = [
        {"intervention": name, "unit": entry.unit, "head": head, "dose": dose}
        | {"change": change.change, "low": change.low, "high": change.high}
        for name, entry in summary.networks[network].items()
        for head, effect in entry.heads.items()
        for dose, change in effect.doses.items()
    ]
    return pd.DataFrame(rows)
