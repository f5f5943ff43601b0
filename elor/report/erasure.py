"""What the page says of what is taken away: deletion and insertion, and the overlap of the heads."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from elor.evidence.saliency import Contrast, Order, Overlap, Saliency
from elor.report.findings import METHODS
from elor.report.text import MISSING, Row, Table, interval, number, p_value

ORDERS = METHODS | {"loudest": "loudest first", "random": "at random"}
"""What ranks the segments, in words."""


MASKS = {"silence": ("deletion", "insertion"), "noise": ("noise deletion", "noise insertion")}
"""By what stands in the place of what is taken away, the measures in metrics/saliency.json."""


def curves(saliency: Saliency, output: str) -> Iterator[dict[str, Any]]:
    """A point per head, mask, measure, order and share of the segments; the first is at nothing.

    Args:
        saliency: what was measured.
        output: what moves, `logit` or `value`: of a value every change counts, up or down.
    """
    for head, orders in saliency.erasure.items():
        for (mask, measures), (order, name) in product(MASKS.items(), ORDERS.items()):
            for place, measure in enumerate(measures):
                entry = orders.get(order, {}).get(measure)
                if entry is None or not entry.curve:
                    continue
                known = {"mask": mask, "panel": f"{head} {output}: {MASKS['silence'][place]}", "order": name}
                for share, change in {"0": 0.0, **entry.curve}.items():
                    yield known | {"share": float(share) / 100, "change": change}


def tables(saliency: Saliency, output: str) -> list[Table]:
    """How far the logit, or the value, moves when parts are taken away in the order of a map, beside other orders and
    networks; arguments as of `curves`."""
    return [*_erasures(saliency.erasure, output), *_overlaps(saliency.overlap)]


def _erasures(by_head: Mapping[str, Mapping[str, Mapping[str, Order]]], output: str) -> Iterator[Table]:
    """A table per head with a group per order, and one of what loudest first does in untrained networks."""
    header = ("order", "measure", "mean", "over random", "p", "over loudest first", "p")
    for head, orders in by_head.items():
        groups = tuple(
            tuple(
                (name, measure, number(entry.mean), *_beyond(entry.over_random), *_beyond(entry.over_loudest))
                for measure, entry in orders[order].items()
            )
            for order, name in ORDERS.items()
            if order in orders
        )
        slices = next(entry.slices for measures in orders.values() for entry in measures.values())
        change = f"change of the {output}{', up or down' if output == 'value' else ''}"
        yield Table(f"{head}: {change}, n = {slices}", header, groups, labels=2)
    lines = tuple(
        (head, measure, number(entry.wins), number(entry.initial_wins), *_beyond(entry.over_initial))
        for head, orders in by_head.items()
        for measure, entry in orders.get("loudest", {}).items()
        if entry.wins is not None
    )
    if lines:
        caption = "Share of the slices in which loudest first beats the random order"
        header = ("head", "measure", "trained", "initial", "difference", "p")
        yield Table(caption, header, (lines,), labels=2)


def _overlaps(by_network: Mapping[str, Overlap]) -> Iterator[Table]:
    """How far the windows overlap that matter most to arousal and to valence, the paper's pair."""
    lines = tuple(
        (name, number(entry.overlap), number(entry.chance), *_beyond(entry.over_chance), *_beyond(entry.over_initial))
        for name, entry in by_network.items()
    )
    if lines:
        slices = next(iter(by_network.values())).slices
        caption = f"Overlap of the top 10 % of occlusion windows of arousal and valence (Jaccard index), n = {slices}"
        header = ("networks", "overlap", "by chance", "over chance", "p", "over initial", "p")
        yield Table(caption, header, (lines,))


def _beyond(excess: Contrast | None) -> Row:
    """A difference with its interval, and p; both missing where nothing was compared."""
    if excess is None:
        return (MISSING, MISSING)
    return (interval(excess.difference, excess.low, excess.high), p_value(excess.p))
