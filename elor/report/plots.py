"""Pictures for a notebook, by pyplot, which shows them: what `.plot()` of answers, scores and explanations draws."""

from typing import Any

import pandas as pd
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from elor.ensemble import Prediction
from elor.report.figures import coloured_waveform
from elor.report.findings import METHODS, Shown
from elor.report.prediction_over_time import draw_head
from elor.report.results import Results
from elor.report.series import MARKS, scores
from elor.report.style import HUES, INK, SOFT, style

WIDTH = 8.0
"""Inches."""

LOOKS: dict[str, dict[str, Any]] = {
    "network": {"marker": "o", "color": HUES[0]},
    "people": {"marker": "D", "color": INK},
    "guess": {"marker": "x", "color": SOFT},
}
"""One mark, one meaning, as on the page."""


def prediction(found: Prediction) -> list[Axes]:
    """Over time what each head says of every window: an axis per head."""
    figure = _figure(len(found.heads), 1.9)
    with style():
        grid = _below_each_other(figure, len(found.heads), sharex=True)
        for axes, head in zip(grid, found.heads, strict=True):
            draw_head(figure, axes, found, head)
        grid[-1].set(xlabel="time (s)", xlim=(0.0, found.seconds))
    return grid


def results(found: Results) -> list[Axes]:
    """The headline scores with their intervals, beside people and guesses; dashed: chance. An axis per dimension."""
    table = pd.DataFrame(scores(found))
    by_dimension = list(table.groupby("dimension", sort=False))
    figure = _figure(len(by_dimension), 0.5 + 0.2 * max(len(rows) for _, rows in by_dimension))
    with style():
        grid = _below_each_other(figure, len(by_dimension))
        for axes, (dimension, rows) in zip(grid, by_dimension, strict=True):
            _forest(axes, rows.reset_index(drop=True))
            axes.set_title(str(dimension))
            axes.set_xlabel(f"{found.score} [{found.level}]")
    return grid


def maps(shown: Shown, method: str) -> list[Axes]:
    """The waveform, orange where it speaks for a head's answer by a method, blue where against it: an axis per head."""
    heads = shown.maps[method]  # not those that it left out
    figure = _figure(len(heads), 1.9)
    with style():
        grid = _below_each_other(figure, len(heads), sharex=True)
        for axes, head in zip(grid, heads, strict=True):
            coloured_waveform(axes, shown, method, head)
            r = shown.correlations[method][head].sentence()
            axes.set_title(f"{shown.target_text(head)}: {METHODS[method]}\n{r}", fontweight="normal")
        grid[-1].set_xlabel("time (s)")
    return grid


def _figure(rows: int, height: float) -> Figure:
    """A figure for axes of a height in inches each, made outside `style`, which undoes that notebooks show it."""
    return pyplot.figure(figsize=(WIDTH, 0.4 + rows * height), layout="constrained")


def _below_each_other(figure: Figure, rows: int, sharex: bool = False) -> list[Axes]:
    return list(figure.subplots(rows, 1, sharex=sharex, squeeze=False)[:, 0])


def _forest(axes: Axes, rows: pd.DataFrame) -> None:
    """A row per network, guess or people: its score, and its interval where it has one."""
    for kind in MARKS.values():
        some = rows[rows["kind"] == kind]
        axes.hlines(some.index, some["low"].astype(float), some["high"].astype(float), LOOKS[kind]["color"], alpha=0.6)
        axes.plot(some["value"], some.index, linestyle="none", markersize=5, **LOOKS[kind])
    if (chance := rows["chance"].dropna()).size:
        axes.axvline(chance.iloc[0], color=SOFT, linewidth=0.8, linestyle="--")
    axes.set_yticks(rows.index, rows["row"])
    axes.invert_yaxis()
    axes.grid(True, axis="x")
