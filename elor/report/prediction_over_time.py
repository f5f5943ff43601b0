"""The course of a prediction over a recording: its waveform, and below it what each head says of every window."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from elor.audio import FULL_SCALE
from elor.ensemble import WINDOW_S, Prediction, expected
from elor.recording import Recording
from elor.report.style import HUES, INK, SOFT, new_figure, save, style
from elor.targets import Head

COLUMNS = 1_200
"""Of a waveform as wide as the figure."""

DOTTED = 150
"""Windows up to which each has its dot; the dots of more would hide the line and its shade."""


def draw(prediction: Prediction, recording: Recording, who: str, path: Path) -> None:
    """Write the figure, in the format that the path's suffix names.

    Args:
        prediction: of the recording.
        recording: read a second time, for its waveform.
        who: which networks predicted.
    """
    save(course(prediction, envelope(recording), Path(recording.name).name, who), path)


def course(prediction: Prediction, extremes: np.ndarray, name: str, who: str) -> Figure:
    """The figure.

    Args:
        extremes: what `envelope` returned.
        name: of the recording. who: which networks predicted.
    """
    ordered = any(head.ordered for head in prediction.heads)
    shades = "shading: probability of each class, mean over networks. " if not prediction.heads[0].valued else ""
    line = "value" if prediction.heads[0].valued else "expected label"
    lines = f"Line: {line}; band: standard deviation over networks. " if ordered else ""
    caption = (
        f"{who}. n = {len(prediction.starts)} windows of at most {WINDOW_S:g} s, each drawn at its middle; "
        f"{shades}{lines}Windows of digital silence are left empty."
    )
    with style():
        rows = 1 + len(prediction.heads)
        figure = new_figure(8.0, 1.4 + 1.7 * len(prediction.heads), name, caption)
        axes = figure.subplots(rows, 1, sharex=True, height_ratios=[1, *[1.6] * (rows - 1)], squeeze=False)[:, 0]
        time = np.linspace(0, prediction.seconds, extremes.shape[1])
        axes[0].fill_between(time, extremes[0], extremes[1], color=SOFT, linewidth=0.4)
        axes[0].set(ylabel="amplitude\n(full scale = 1)", ylim=(-1, 1), xlim=(0, prediction.seconds))
        for axis, head in zip(axes[1:], prediction.heads, strict=True):
            draw_head(figure, axis, prediction, head)
        axes[-1].set_xlabel("time (s)")
    return figure


def envelope(recording: Recording, columns: int = COLUMNS) -> np.ndarray:
    """The lowest and highest amplitude in each of some equal parts of a recording, (2, columns) in [-1, 1].

    A part that holds no sample, in a recording shorter than `columns`, repeats the one before it.
    """
    extremes = np.stack([np.full(columns, np.inf), np.full(columns, -np.inf)])
    start = 0
    for block in recording.blocks():
        if not len(block):  # the resampler may hold a block back
            continue
        column = (np.arange(start, start + len(block)) * columns) // recording.samples
        first = np.flatnonzero(np.diff(column, prepend=-1))
        places = column[first]
        extremes[0, places] = np.minimum(extremes[0, places], np.minimum.reduceat(block, first))
        extremes[1, places] = np.maximum(extremes[1, places], np.maximum.reduceat(block, first))
        start += len(block)
    filled = np.maximum.accumulate(np.where(np.isfinite(extremes[0]), np.arange(columns), 0))
    return extremes[:, filled] / FULL_SCALE


def draw_head(figure: Figure, axis: Axes, prediction: Prediction, head: Head) -> None:
    """One head: shades of probability, and the value, or the expected label where labels have an order, with its
    spread."""
    middles = (prediction.starts + prediction.ends) / 2
    answers = prediction.windows(head.name)
    if not head.valued:
        edges = _edges(middles, prediction.seconds)
        mesh = axis.pcolormesh(
            edges, np.arange(head.answers + 1) - 0.5, answers.T, cmap="Greys", vmin=0, vmax=1, rasterized=True
        )
        figure.colorbar(mesh, ax=axis, label="probability", pad=0.01)
        axis.set_yticks(range(head.answers), head.labels)
    if head.ordered:
        values = np.array([expected(head.name, answer) for answer in answers])
        spread = np.nan_to_num([prediction.spread(head.name, index) for index in range(len(middles))])
        axis.fill_between(middles, values - spread, values + spread, color=HUES[0], alpha=0.35, linewidth=0)
        dots = {"marker": "o", "markersize": 3, "markeredgecolor": INK} if len(middles) <= DOTTED else {}
        axis.plot(middles, values, color=HUES[0], linewidth=1.5 if dots else 0.7, **dots)
    kind = "value" if head.valued else "class"
    axis.set_ylabel(f"{head.name}\n({kind})")


def _edges(middles: np.ndarray, seconds: float) -> np.ndarray:
    """Where each window's column of shades begins and ends: half-way to its neighbours, (windows + 1,)."""
    return np.concatenate([[0.0], (middles[1:] + middles[:-1]) / 2, [seconds]])
