"""Charts of scores, controls, descriptors and interventions as figures; what they show comes from `series`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from elor.corpora.faults import plural
from elor.report import series
from elor.report.findings import METHODS, Findings
from elor.report.results import Results, title
from elor.report.style import HEAD_HUES, HEAD_MARKS, HUES, INK, NETWORK_HUES, NETWORK_MARKS, SOFT, new_figure, style

CONTROL_MARKS = {
    "trained": ("o", INK, True),
    "untrained": ("o", HUES[1], False),
    "class swap": ("^", HUES[2], False),
    "other waveform": ("x", HUES[3], True),
    "shifted": ("+", HUES[4], True),
}
"""Marker, colour and filling of a control; the partly untrained networks share squares."""

PAPER = ("*", HUES[4], True)
PARTLY = ("s", HUES[5], False)


def results(found: Results) -> Figure:
    """Each network's headline score with its interval, beside guesses and people."""
    by_dimension, name = series.scores(found), series.score_title(found)
    scores = found.any_scores
    caption = (
        f"n = {plural(scores['count'], 'slice')} of {plural(scores['speakers'], 'speaker')}, pooled. Bars: "
        f"{found.level} jackknife t-intervals over speakers. Diamonds: other evaluators' ratings scored as "
        "predictions, the human ceiling; crosses: guesses that hear nothing."
    )
    with style():
        rows = max(map(len, by_dimension.values()))
        figure = new_figure(9.0, 0.3 * rows + 0.7, f"{name} of the networks, and of people", caption)
        grid = figure.subplots(1, len(by_dimension), sharex=True, squeeze=False)[0]
        for axes, (dimension, marks) in zip(grid, by_dimension.items(), strict=True):
            for place, mark in enumerate(marks):
                colour = NETWORK_HUES.get(mark.get("network", ""), INK if mark["kind"] == "people" else SOFT)
                shape = {"network": "o", "people": "D", "guess": "x"}[mark["kind"]]
                _interval(axes, place, mark, colour, shape)
            axes.set(title=dimension, xlabel=f"{name} (1 = perfect)", ylim=(len(marks) - 0.4, -0.6))
            axes.set_yticks(range(len(marks)), [mark["name"] for mark in marks])
            axes.grid(True, axis="x")
    return figure


def confusions(dimension: str, by_network: Mapping[str, NDArray]) -> Figure:
    """The confusion matrices of one dimension, a panel per network: row shares above, counts below."""
    total = int(next(iter(by_network.values())).sum())
    caption = (
        f"n = {plural(total, 'slice')}, each by the network that has not heard its speaker. Above: share of the rated "
        "class; below: count. The diagonal is framed."
    )
    with style():
        figure = new_figure(2.6 * len(by_network) + 0.4, 2.7, f"{dimension.capitalize()}: rated and predicted", caption)
        grid = figure.subplots(1, len(by_network), sharey=True, squeeze=False)[0]
        for axes, (network, counts) in zip(grid, by_network.items(), strict=True):
            shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
            axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
            for row, column in np.argwhere(counts):
                share = shares[row, column]
                ink = "white" if share > 0.55 else INK
                text = f"{100 * share:.0f} %\n{counts[row, column]}"
                axes.text(column, row, text, ha="center", va="center", size=7, color=ink)
            for place in range(len(counts)):
                axes.add_patch(_frame(place))
            axes.set(
                title=title(network), xlabel="predicted class", xticks=range(len(counts)), yticks=range(len(counts))
            )
        grid[0].set_ylabel("rated class")
    return figure


def speakers(found: Findings) -> Figure:
    """Each speaker's score by every network."""
    by_dimension, name = series.speakers(found), series.score_title(found.results)
    rows = max(map(len, by_dimension.values()))
    caption = (
        "Each speaker's slices (n in brackets) by the networks that have not heard her or him. Who lacks a class is "
        f"scored on the others: the {name} of two speakers may rest on different classes."
    )
    with style():
        figure = new_figure(9.0, 0.26 * rows + 0.8, f"{name} by speaker", caption)
        grid = figure.subplots(1, len(by_dimension), sharey=True, squeeze=False)[0]
        for axes, (dimension, entries) in zip(grid, by_dimension.items(), strict=True):
            for network in entries[0]["values"]:
                values = [np.nan if (v := entry["values"][network]) is None else v for entry in entries]
                look = {"marker": NETWORK_MARKS.get(network, "o"), "color": NETWORK_HUES.get(network)}
                axes.plot(values, range(len(values)), linestyle="none", label=title(network), ms=5.5, **look)
            axes.set(title=dimension, xlabel=f"{name} (1 = perfect)")
            axes.grid(True)
        grid[0].set_yticks(range(rows), [f"{entry['speaker']} ({entry['slices']})" for entry in entries])
        grid[0].invert_yaxis()
        grid[-1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def curves(found: Findings) -> Figure:
    """Validation score by epoch, a line per fold, and the epoch that was kept."""
    by_network = series.curves(found.curves)
    folds = max(map(len, by_network.values()))
    caption = f"n = {plural(folds, 'fold')} per network, a line each; the dot is the epoch whose weights were kept."
    with style():
        figure = new_figure(9.0, 2.4, "Training", caption)
        grid = figure.subplots(1, len(by_network), sharey=True, squeeze=False)[0]
        for axes, (network, lines) in zip(grid, by_network.items(), strict=True):
            colour = NETWORK_HUES.get(network)
            for line in lines:
                points = dict(line["points"])
                axes.plot(list(points), list(points.values()), color=colour, linewidth=0.7, alpha=0.6)
                if line["kept"] in points:
                    axes.plot(line["kept"], points[line["kept"]], "o", color=colour, ms=4)
            axes.set(title=title(network), xlabel="epoch")
            axes.grid(True)
        grid[0].set_ylabel("validation score")
    return figure


def controls(saliency: Mapping[str, Any], role: str, reading: str) -> Figure:
    """Every r beside its controls: a row per pair and method."""
    rows = series.controls(saliency, role, reading)
    counts = sorted({(mark["slices"], mark["speakers"]) for row in rows for mark in row["marks"][:1]})
    n = " or ".join(f"{plural(some, 'slice')} of {plural(people, 'speaker')}" for some, people in counts)
    caption = (
        f"{series.ROLES[role].capitalize()}; n = {n}. Reading: {series.READINGS[reading]}; occlusion by windows of "
        "100 ms. Fisher z averaged over slices, then over speakers; bars: t-intervals over speakers; of "
        "shifted signals the bar holds 95 % of r. Squares: only the first layers are trained."
    )
    with style():
        figure = new_figure(9.0, 0.36 * len(rows) + 0.9, "Every correlation beside its controls", caption)
        axes = figure.subplots()
        axes.axvline(0.0, color=SOFT, linewidth=0.8)
        known: dict[str, None] = {}
        for place, row in enumerate(rows):
            marks = row["marks"] + ([{"name": "paper", "value": row["paper"]}] if row["paper"] is not None else [])
            for mark in reversed(marks):
                shape, colour, filled = _control_mark(mark["name"])
                label = "partly untrained" if mark["name"].startswith("heads") else mark["name"]
                _interval(axes, place, mark, colour, shape, filled, None if label in known else label)
                known[label] = None
        axes.set_yticks(range(len(rows)), [f"{row['what']}: {METHODS[row['method']]}" for row in rows])
        axes.set(xlabel="r", xlim=(-1.02, 1.02), ylim=(len(rows) - 0.4, -0.6))
        axes.grid(True, axis="x")
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def descriptors(found: Findings, key: str) -> Figure | None:
    """A panel per descriptor: its value by label, a point per fold's network and a line through their means."""
    panels = series.descriptors(found.prototypes, key)
    if not panels:
        return None
    networks = max(len(row["folds"]) for heads in panels.values() for rows in heads.values() for row in rows)
    caption = (
        f"Prototypes: {series.way(key)}; n = {plural(networks, 'fold network')} at most, each the median of its "
        "converged restarts. Line: their mean; bars: t-intervals over these networks, which share training slices. A "
        "trend is claimed only where untrained networks and a second parametrisation allow it."
    )
    across = 4
    with style():
        down = -(-len(panels) // across)
        figure = new_figure(10.0, 1.75 * down, "What the prototypes are like, by label", caption)
        grid = figure.subplots(down, across, squeeze=False)
        for axes in grid.flat[len(panels) :]:
            axes.axis("off")
        for axes, (name, heads) in zip(grid.flat, panels.items(), strict=False):
            for shift, (head, rows) in zip((-0.08, 0.08), heads.items(), strict=False):
                colour, places = HEAD_HUES.get(head, HUES[3]), np.arange(len(rows)) + shift
                for place, row in zip(places, rows, strict=True):
                    axes.plot([place] * len(row["folds"]), row["folds"], ".", color=colour, ms=3, alpha=0.45)
                shape = HEAD_MARKS.get(head, "s")
                axes.plot(places, _known(rows, "value"), marker=shape, color=colour, ms=4, lw=1.2, label=head)
                axes.vlines(places, _known(rows, "low"), _known(rows, "high"), color=colour, lw=1.0, alpha=0.7)
                axes.set_xticks(range(len(rows)), [str(row["label"]) for row in rows])
            axes.set_title(series.DESCRIPTOR_NAMES[name][0], size=8.5, weight="normal")
            axes.set_ylabel(series.DESCRIPTOR_NAMES[name][1])
            axes.grid(True, axis="y")
        for axes in grid.flat[max(0, len(panels) - across) : len(panels)]:
            axes.set_xlabel("label")
        _shared_legend(grid, len(panels))
    return figure


def interventions(network: str, entry: Mapping[str, Any]) -> Figure:
    """A panel per intervention: how the expected label changes with the dose, with intervals."""
    panels = series.doses(entry)
    counts = [count for panel in panels for line in panel["lines"] for count in line["counts"] if count[0] is not None]
    people, slices = max(counts, default=(0, 0))
    caption = (
        f"{title(network)}; n = {plural(slices, 'slice')} of {plural(people, 'speaker')} at most. Change of the "
        "expected label against the unaltered slice, mean over speakers; bars: t-intervals over speakers."
    )
    across = 4
    with style():
        down = -(-len(panels) // across)
        figure = new_figure(10.0, 1.9 * down, "What changes the answer", caption)
        grid = figure.subplots(down, across, squeeze=False, sharey=True)
        for axes in grid.flat[len(panels) :]:
            axes.axis("off")
        for axes, panel in zip(grid.flat, panels, strict=False):
            axes.axhline(0.0, color=SOFT, linewidth=0.8)
            for line in panel["lines"]:
                _dose_line(axes, line)
            axes.set_title(panel["name"], size=8.5, weight="normal")
            axes.set_xlabel(f"dose ({panel['unit']})" if panel["unit"] else "dose")
            axes.grid(True)
        for axes in grid[:, 0]:
            axes.set_ylabel("change (labels)")
        _shared_legend(grid, len(panels))
    return figure


def bands(saliency: Mapping[str, Any]) -> Figure:
    """How far the logit falls without each mel band, a panel per head: trained networks beside untrained ones."""
    by_head = series.bands(saliency)
    caption = (
        f"n = {plural(series.sampled(saliency), 'slice')}. Fall of the predicted class' logit when a mel band is "
        "taken away, as a share of all bands' absolute falls. Shaded: t-intervals over speakers, or over folds that "
        "hold several. Dashed: untrained networks."
    )
    with style():
        figure = new_figure(9.0, 2.6, "What each mel band carries", caption)
        grid = figure.subplots(1, len(by_head), squeeze=False)[0]
        for axes, (head, points) in zip(grid, by_head.items(), strict=True):
            hertz, colour = _known(points, "hertz"), HEAD_HUES.get(head, HUES[3])
            axes.axhline(0.0, color=SOFT, linewidth=0.8)
            axes.fill_between(hertz, _known(points, "low"), _known(points, "high"), color=colour, alpha=0.2, lw=0)
            axes.plot(hertz, _known(points, "value"), marker=".", color=colour, lw=1.4, label="trained")
            axes.plot(hertz, _known(points, "untrained"), color=SOFT, lw=1.2, ls="--", label="untrained")
            axes.set_xscale("function", functions=(series.mel, series.hertz))
            axes.set_xticks(series.MEL_TICKS, [f"{tick:,}" for tick in series.MEL_TICKS])
            axes.set(title=head, xlabel="frequency (Hz)")
            axes.grid(True)
        grid[0].set_ylabel("share of the fall")
        grid[-1].legend(fontsize=8)
    return figure


def _dose_line(axes: Axes, line: Mapping[str, Any]) -> None:
    points, colour = line["points"], HEAD_HUES.get(line["head"], HUES[3])
    dose, value = [point["dose"] for point in points], [point["value"] for point in points]
    shape = HEAD_MARKS.get(line["head"], "s")
    axes.plot(dose, value, marker=shape, color=colour, ms=3.5, lw=1.2, label=line["head"])
    known = [point for point in points if point["low"] is not None]
    axes.vlines(
        [p["dose"] for p in known],
        [p["low"] for p in known],
        [p["high"] for p in known],
        color=colour,
        lw=1.0,
        alpha=0.7,
    )


def _shared_legend(grid: NDArray, panels: int) -> None:
    """The first panel's legend, in the first place without a panel where there is one."""
    handles, names = grid[0, 0].get_legend_handles_labels()
    empty = grid.flat[panels] if panels < grid.size else grid[0, 0]
    empty.legend(handles, names, fontsize=8, loc="best" if panels == grid.size else "center")


def _interval(
    axes: Axes,
    place: float,
    mark: Mapping[str, Any],
    colour: str,
    shape: str,
    filled: bool = True,
    label: str | None = None,
) -> None:
    """One point with its interval, if it has both."""
    if mark["value"] is None:
        return
    if mark.get("low") is not None:
        axes.plot([mark["low"], mark["high"]], [place, place], color=colour, linewidth=1.6, alpha=0.6)
    face = colour if filled else "white"
    axes.plot(mark["value"], place, shape, color=colour, mfc=face, ms=7, mew=1.4, label=label, linestyle="none")


def _control_mark(name: str) -> tuple[str, str, bool]:
    if name == "paper":
        return PAPER
    return CONTROL_MARKS.get(name, PARTLY)


def _known(rows: Sequence[Mapping[str, Any]], key: str) -> list[float]:
    """One number of every row, NaN where there is none."""
    return [np.nan if row[key] is None else row[key] for row in rows]


def _frame(place: int) -> Rectangle:
    return Rectangle((place - 0.5, place - 0.5), 1, 1, fill=False, edgecolor=SOFT, linewidth=1.0)
