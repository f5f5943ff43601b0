"""The page that people look at: one file, nothing loaded from elsewhere, with sounds and drawings inside.

Tables and texts are HTML that needs no script: a template per section, in `templates`. Charts are drawn by Vega from
the descriptions in `vega`, the explorer by the page's own script, both from the numbers in the page's `data` element.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elor.audio import SAMPLE_RATE
from elor.report import (
    across,
    analysis,
    blocks,
    details,
    erasure,
    failures,
    first_screen,
    html,
    prototypes,
    sentences,
    series,
    words,
)
from elor.report.downsample import columns, full_colour, packed, pooled
from elor.report.findings import METHODS, Findings, Shown
from elor.report.results import title
from elor.report.spectra import FLOOR_DB, spectrogram

BIN = 4
"""Samples (0.25 ms) per column of the waveforms to zoom into."""

BLOCK = 2
"""Frames and frequencies that the page shows as one."""

CONTENTS = {
    "summary": "At a glance",
    "claims": "Claims",
    "maps": "Maps",
    "controls": "Controls",
    "erasure": "Deletion",
    "prototypes": "Prototypes",
    "interventions": "Interventions",
    "results": "Results",
    "across": "Across corpora",
    "words": "Words",
    "corpus": "Corpus",
    "making": "Making",
}

CHARTS = (
    *("forest", "transfer", "confusion", "reliability", "curves", "erasure"),
    *("bands", "prototype", "descriptors", "interventions"),
)
"""The descriptions that the page draws from."""

SAYING = (across, analysis, details, erasure, failures, first_screen, prototypes, sentences, series, words)
"""What the templates ask for tables and words, by the modules' names."""

NUMBERS = (
    "Every measured number here stands in a file, too: in metrics/ as JSON, r of the slices shown in "
    "plots/paper/fig4.json; training curves, confusions, calibration and scores by group in plots/data/ as CSV."
)


@dataclass(frozen=True)
class Making:
    """How a run was made, for the page's last section.

    Attributes:
        settings: the parameters, nested.
        tuned: by network the values that it was trained with.
        versions: the packages that decide numbers, `numpy==2.4.6`.
        demo: whether the corpus is the embedded demonstration corpus.
        shareable: whether pages may carry the corpus' audio elsewhere.
    """

    settings: Mapping[str, Any]
    tuned: Mapping[str, Any]
    versions: Sequence[str]
    demo: bool = True
    shareable: bool = False


def report(found: Findings, making: Making) -> str:
    """The page of a whole run, as HTML."""
    return html.render(
        "report.html",
        title="What does a speech emotion network hear?",
        contents={name: text for name, text in CONTENTS.items() if name != "words" or not found.words.why},
        footer=(licence(making), NUMBERS),
        data=maps_data(found.shown) | {"tables": series.tables(found), "charts": html.charts(CHARTS)},
        licence=licence(making),
        found=found,
        making=making,
        network_title=title,
        tables=blocks.results(found.results),
        **{module.__name__.rsplit(".", 1)[1]: module for module in SAYING},
    )


def licence(making: Making) -> str:
    """Where this page may go."""
    if making.demo:
        return "Corpus: the embedded demonstration corpus, synthetic speech that may be shared."
    allowed = "corpus.shareable allows to show its audio elsewhere" if making.shareable else "keep it on this machine"
    return (
        "This page holds sound and single ratings of an outside corpus. Neither git nor a DVC remote carries it; "
        f"{allowed}."
    )


def maps_data(shown: Sequence[Shown]) -> dict[str, Any]:
    """What the explorer draws from: waveforms, maps and spectrograms in columns, and what is said about them."""
    return {
        "rate": shown[0].rate if shown else SAMPLE_RATE,
        "methods": METHODS,
        "shown": [_shown(one) for one in shown],
    }


def _shown(shown: Shown) -> dict[str, Any]:
    """One signal with its maps, in columns of `BIN` samples."""
    count = len(shown.signal) // BIN

    def column_bytes(values: NDArray) -> dict[str, Any]:
        return packed(columns(values, count).ravel())

    found = {
        "name": shown.name,
        "seconds": len(shown.signal) / shown.rate,
        "support": shown.support / shown.rate,
        "wave": column_bytes(shown.signal),
        "maps": {method: {head: column_bytes(m) for head, m in by.items()} for method, by in shown.maps.items()},
        "full": {method: {head: full_colour(m) for head, m in by.items()} for method, by in shown.maps.items()},
        "units": {method: {head: shown.unit(method, head) for head in by} for method, by in shown.maps.items()},
        "sentences": {
            method: {head: one.sentence() for head, one in by.items()} for method, by in shown.correlations.items()
        },
        "valued": sorted(shown.valued),
        "regions": {head: shown.regions(head) for head in shown.targets},
        "about": {head: shown.target_text(head) for head in shown.targets},
    }
    return found | ({"stft": _stft(shown)} if shown.stft else {})


def _stft(shown: Shown) -> dict[str, Any]:
    """Level and integrated gradients in blocks; levels run over the whole of int8."""
    blocks = {head: pooled(heat, BLOCK, BLOCK) for head, heat in shown.stft.items()}
    frames, bins = next(iter(blocks.values())).shape
    level = spectrogram(shown.signal, shown.rate)
    mean = pooled(level, BLOCK, BLOCK) / pooled(np.ones_like(level), BLOCK, BLOCK)
    heads = {head: packed(np.clip(b, -full_colour(b), full_colour(b)).ravel()) for head, b in blocks.items()}
    return {"frames": frames, "bins": bins, "level": packed(1 - 2 * mean.ravel() / FLOOR_DB), "heads": heads}
