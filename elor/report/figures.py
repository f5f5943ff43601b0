"""The paper's figures, redrawn: a signal with its map (Fig. 4), its spectrogram, and the prototypes (Fig. 5).

Wieser et al. 2020 show maps and prototypes without anything to compare them with; here r stands beside its control, and
every restart behind the best one.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter
from numpy.typing import NDArray

from elor.audio import SAMPLE_RATE
from elor.explain.integrated import FRAME, HOP
from elor.report.downsample import columns, full_colour, strongest
from elor.report.exhibits import Prototype
from elor.report.findings import METHODS, Shown
from elor.report.series import way
from elor.report.spectra import FLOOR_DB, floor, spectrogram
from elor.report.style import FAINT, HUES, INK, SIGNED, SOFT, make_room, new_figure, style

PIXELS = 1_400
"""Columns of a waveform as wide as a page at the figures' resolution."""


def waveform_map(shown: Shown, method: str, head: str) -> Figure:
    """Fig. 4: the waveform, the positive saliency, and the waveform coloured by the signed saliency.

    Args:
        shown: the signal with its maps.
        method: one of `METHODS`.
        head: whose map.
    """
    values, signal = shown.maps[method][head], shown.signal
    title = f"{shown.name}: {METHODS[method]}, {shown.target_text(head)}"
    caption = (
        f"n = 1 signal of {shown.support / SAMPLE_RATE:.2f} s; padding hatched. Above: waveform; middle: positive "
        f"saliency; below: the waveform coloured by the signed saliency; {shown.colours(head)}. r "
        f"{'of the windows and their level' if method == 'occlusion' else 'of map and waveform'}, without padding."
    )
    with style():
        figure = new_figure(9.0, 5.0, title, caption, shown.correlations[method][head].sentence(), arranged=False)
        top, middle, bottom = figure.subplots(3, 1, sharex=True, gridspec_kw={"hspace": 0.28})
        seconds = _column_times(len(signal))
        low, high = columns(signal, PIXELS).T
        top.fill_between(seconds, low, high, color=INK, linewidth=0.4)
        peaks = np.maximum(columns(values, PIXELS)[:, 1], 0.0)
        middle.fill_between(seconds, 0.0, peaks, color=HUES[1], linewidth=0.4)
        coloured_waveform(bottom, shown, method, head)
        top.set(ylabel=bottom.get_ylabel(), ylim=bottom.get_ylim())
        middle.set(ylabel=f"saliency > 0\n({shown.unit(method, head)})", ylim=(0.0, 1.05 * peaks.max() + 1e-12))
        middle.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
        for axes in (top, middle):
            _hatch_padding(axes, shown)
        bottom.set_xlabel("time (s)")
        figure.align_ylabels()
        make_room(figure)
    return figure


def coloured_waveform(axes: Axes, shown: Shown, method: str, head: str) -> None:
    """The waveform coloured by a signed map, with its colour bar to the right; padding hatched."""
    values, signal = shown.maps[method][head], shown.signal
    low, high = columns(signal, PIXELS).T
    shades = _coloured(
        axes, _column_times(len(signal), rate=shown.rate), low, high, strongest(values, PIXELS), full_colour(values)
    )
    bar = axes.figure.colorbar(shades, cax=axes.inset_axes((1.012, 0.0, 0.012, 1.0)))
    bar.set_label(f"saliency\n({shown.unit(method, head)})")
    bar.ax.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
    limit = 1.05 * np.abs(signal).max() + 1e-6
    axes.set(ylabel="amplitude\n(1 = full scale)", ylim=(-limit, limit), xlim=(0.0, len(signal) / shown.rate))
    _hatch_padding(axes, shown)


def spectrogram_map(shown: Shown, head: str) -> Figure:
    """The spectrogram, and the integrated gradients of the same frames and frequencies."""
    heat, levels = shown.stft[head], spectrogram(shown.signal)
    title = f"{shown.name}: integrated gradients in time and frequency, {shown.target_text(head)}"
    caption = (
        f"n = 1 signal of {shown.support / SAMPLE_RATE:.2f} s; padding hatched. Frames of "
        f"{1000 * FRAME / SAMPLE_RATE:g} ms every {1000 * HOP / SAMPLE_RATE:g} ms; all attributions add up to "
        f"{heat.sum():.3g}, the {shown.output(head)}'s change from silence; {shown.colours(head)}."
    )
    with style():
        figure = new_figure(9.0, 5.0, title, caption, arranged=False)
        upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw={"hspace": 0.15})
        area = (0.0, len(shown.signal) / SAMPLE_RATE, 0.0, SAMPLE_RATE / 2000)
        image = {"origin": "lower", "aspect": "auto", "extent": area, "interpolation": "nearest"}
        level = upper.imshow(levels.T, cmap="Greys", vmin=FLOOR_DB, vmax=0.0, **image)
        largest = full_colour(heat)
        signed = lower.imshow(heat.T, cmap=SIGNED, vmin=-largest, vmax=largest, **image)
        for axes, shade, label in (
            (upper, level, "level (dB)"),
            (lower, signed, f"attribution ({shown.output(head)})"),
        ):
            axes.set_ylabel("frequency (kHz)")
            _hatch_padding(axes, shown)
            numbers = ScalarFormatter()
            numbers.set_powerlimits((-2, 3))
            figure.colorbar(shade, cax=axes.inset_axes((1.015, 0.0, 0.015, 1.0)), label=label, format=numbers)
        lower.set_xlabel("time (s)")
        make_room(figure)
    return figure


def prototypes(found: Sequence[Prototype], key: str, described: str) -> Figure:
    """Fig. 5: the prototype of every label in time, and its spectrum with those of the other restarts as thin lines.

    Args:
        found: one per label.
        key: mode and parametrisation, with a dot between.
        described: what the caption says about the network and how the prototypes were made.
    """
    hertz = found[0].hertz
    caption = (
        f"{described} Left: the best restart in time, 1 = full scale, all on one scale. Right: its spectrum (thick), "
        "and those of all other restarts (thin); dashed: has not converged. "
        f"Frames of {1000 / (hertz[1] - hertz[0]):g} ms, 0 dB is the highest bin."
    )
    hues = dict(zip(dict.fromkeys(one.head for one in found), HUES, strict=False))
    with style():
        figure = new_figure(9.0, 1.05 * len(found) + 0.5, f"Prototypes: {way(key)}", caption)
        grid = figure.subplots(len(found), 2, sharex="col", sharey="col", width_ratios=(3, 2), squeeze=False)
        for (wave, spectrum), one in zip(grid, found, strict=True):
            _prototype(wave, spectrum, one, hues[one.head])
        grid[0, 1].set(ylim=(floor([one.spectra for one in found]), 3))
        grid[-1, 0].set_xlabel("time (s)")
        grid[-1, 1].set_xlabel("frequency (Hz)")
        grid[-1, 1].set(xscale="log", xlim=(hertz[0], hertz[-1]))
        grid[-1, 1].set_xticks([100, 300, 1000, 3000], ["100", "300", "1,000", "3,000"])
        grid[-1, 1].minorticks_off()
    return figure


def _prototype(wave: Axes, spectrum: Axes, one: Prototype, colour: str) -> None:
    """One row of Fig. 5; the best restart is drawn last, above all others."""
    low, high = columns(one.signal, PIXELS // 2).T
    wave.fill_between(_column_times(len(one.signal), PIXELS // 2), low, high, color=colour, linewidth=0.3)
    unsettled = "" if one.converged[0] else " (has not converged)"
    wave.set_title(f"{one.head} {one.label}{unsettled}", size=9, color=colour)
    wave.set(xlim=(0, len(one.signal) / SAMPLE_RATE), ylabel="amplitude")
    for place in reversed(range(len(one.spectra))):
        shade, width = (FAINT, 0.6) if place else (colour, 1.3)
        line = "-" if one.converged[place] else "--"
        spectrum.plot(one.hertz, one.spectra[place], color=shade, linewidth=width, linestyle=line)
    spectrum.set(ylabel="level (dB)")
    spectrum.grid(True)


def _column_times(samples: int, count: int = PIXELS, rate: int = SAMPLE_RATE) -> NDArray:
    """The middle of every column in seconds."""
    count = min(count, samples)
    return (np.arange(count) + 0.5) * samples / count / rate


def _coloured(
    axes: Axes, seconds: NDArray, low: NDArray, high: NDArray, values: NDArray, full: float
) -> LineCollection:
    """Columns of a waveform, each coloured by its strongest map value: one line per pixel, not per sample."""
    flat = np.maximum(high - low, 1e-3 * max(high.max(), -low.min(), 1e-6)) / 2
    middle = (high + low) / 2
    ends = np.stack([np.stack([seconds, middle - flat], 1), np.stack([seconds, middle + flat], 1)], 1)
    lines = LineCollection(list(ends), array=values, cmap=SIGNED, norm=Normalize(-full, full), linewidths=0.7)
    axes.add_collection(lines)
    return lines


def _hatch_padding(axes: Axes, shown: Shown) -> None:
    end = len(shown.signal)
    if shown.support < end:
        span = (shown.support / shown.rate, end / shown.rate)
        axes.axvspan(*span, facecolor="none", edgecolor=SOFT, hatch="///", linewidth=0, alpha=0.45)
