"""From a measured step to the paper's whole experiment: four searches, and ten folds of four networks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elor.params import Params
from elor.report.results import title
from elor.report.text import Block, Table
from elor.tables import read_table

RELEASE_SLICES = 8_681
"""Slices of the full release that E-2 has rated."""

FOLDS = 10


def project(cases: Sequence[dict[str, Any]], params: Params, units: int, curves: Path) -> dict[str, Any]:
    """Project the hours that the `paper` profile takes on this machine.

    A search evaluation trains on one fold; every epoch passes over the training slices and predicts the validation
    slices (and, in the ten folds, those of the test speaker). All networks are taken at their default sizes, though
    the search also tries smaller and larger ones. Jobs are independent, so they share the cores or GPUs evenly.

    Args:
        cases: measured steps; those of size `paper` count.
        params: the values.
        units: cores, or GPUs.
        curves: folder of training curves, which say after how many epochs the profile's patience would have ended them.

    Returns:
        Hours per network at all epochs, and the share of epochs that is used (None where there are no curves).
    """
    test = RELEASE_SLICES / FOLDS
    validation = (RELEASE_SLICES - test) * params.folds.validation
    train = RELEASE_SLICES - test - validation
    rows = []
    for case in cases:
        if case["size"] != "paper":
            continue
        scale, seconds = params.scales["paper"].networks[case["network"]], case["slice_seconds"]
        epoch = train * seconds["step"] + validation * seconds["predict"]
        search = scale.evaluations * scale.epochs * epoch
        folds = FOLDS * scale.epochs * (epoch + test * seconds["predict"])
        hours = {name: value / units / 3600 for name, value in (("search", search), ("folds", folds))}
        share = share_of_epochs(curves / f"{case['network']}.csv", scale.epochs, scale.patience)
        rows.append({"network": case["network"], "evaluations": scale.evaluations, "share": share, "hours": hours})
    return {"units": units, "slices": RELEASE_SLICES, "networks": rows}


def share_of_epochs(curves: Path, epochs: int, patience: int) -> float | None:
    """The mean share of its epochs that a fold would use if its score rose as in another run; None without curves.

    A fold whose curve ends before the patience does is counted with all epochs: the share is an upper bound.
    """
    if not curves.exists():
        return None
    scores = read_table(curves).sort_values("epoch").groupby("fold")["score"]
    return float(np.mean([_used(score.to_numpy(), epochs, patience) for _, score in scores]) / epochs)


def _used(score: NDArray, epochs: int, patience: int) -> int:
    """Epochs until the best one lies further back than the patience; all of them if that is never seen."""
    rises = np.diff(np.maximum.accumulate(score), prepend=-np.inf) > 0
    since = np.arange(len(score)) - np.maximum.accumulate(np.where(rises, np.arange(len(score)), 0))
    ended = np.flatnonzero(since >= patience)
    return min(epochs, ended[0] + 1) if len(ended) else epochs


def tables(projected: dict[str, Any]) -> list[Block]:
    """Hours per network and in all, at most and with early stopping."""
    if not projected["networks"]:
        return []
    rows = [_row(row) for row in projected["networks"]]
    most = sum(sum(row["hours"].values()) for row in projected["networks"])
    likely = sum(sum(row["hours"].values()) * (row["share"] or 1) for row in projected["networks"])
    caption = (
        f"Projected hours of the paper's whole experiment on these {projected['units']} cores or GPUs: "
        f"{projected['slices']:,} slices, all networks at their default sizes"
    )
    header = ("network", "evaluations", "search", "ten folds", "share of epochs used", "with early stopping")
    total = ("all", "", "", _hours(most), "", _hours(likely))
    return [Table(caption, header, (tuple(rows), (total,)))]


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    share, hours = row["share"], row["hours"]
    return (
        title(row["network"]),
        str(row["evaluations"]),
        _hours(hours["search"]),
        _hours(hours["folds"]),
        "unknown" if share is None else f"{share:.2f}",
        _hours(sum(hours.values()) * (1 if share is None else share)),
    )


def _hours(hours: float) -> str:
    return f"{hours:,.0f}" if hours >= 10 else f"{hours:.2g}"
