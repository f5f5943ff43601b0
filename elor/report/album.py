"""The paper's figures of a run (Fig. 4 and 5, and spectrograms), and what their captions say.

All else that is drawn is a chart of the page and of `dvc plots`: elor/report/vega.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from elor.files import write_json
from elor.progress import Progress
from elor.report import figures, series
from elor.report.findings import METHODS, Findings, Shown
from elor.report.style import save

Drawing = Callable[[], Figure]

RASTER = "spectrogram"
"""Figures whose names begin so are pictures: as vectors they would only be larger."""


def write_figures(found: Findings, pictures: Path, vectors: Path) -> None:
    """Draw all of them.

    Args:
        found: what the run found.
        pictures: folder for the PNG files.
        vectors: folder for the same as SVG, whose text stays text, for captions.json (by figure its title and
            caption), and for fig4.json (by slice, head and method r and its controls).
    """
    drawings, captions = dict(album(found)), {}
    for folder in (pictures, vectors):
        folder.mkdir(parents=True, exist_ok=True)
    with Progress("figures", len(drawings)) as progress:
        for name, draw in drawings.items():
            figure = draw()
            save(figure, pictures / f"{name}.png")
            if not name.startswith(RASTER):
                save(figure, vectors / f"{name}.svg")
            captions[name] = [text.get_text().replace("\n", " ") for text in figure.texts if text.get_text()]
            progress.advance()
    write_json(vectors / "captions.json", captions)
    write_json(vectors / "fig4.json", {shown.name: _correlations(shown) for shown in found.shown})


def album(found: Findings) -> Iterator[tuple[str, Drawing]]:
    """Names of figures, and what draws them; the same names in every run, so that two runs stand side by side."""
    yield from _maps(found)
    for key in series.ways(found.prototypes):
        if key in found.fig5:
            yield f"fig5-{key.replace('.', '-')}", partial(_prototypes, found, key)


def _maps(found: Findings) -> Iterator[tuple[str, Drawing]]:
    """Fig. 4 by the paper's method for every signal shown, by the other methods for the first one."""
    for place, shown in enumerate(found.shown):
        for head in shown.targets:
            for method in METHODS:
                if method in shown.maps and (method == "guided" or place == 0):
                    yield f"fig4-{shown.name}-{head}-{method}", partial(figures.waveform_map, shown, method, head)
            if shown.stft:
                yield f"{RASTER}-{shown.name}-{head}", partial(figures.spectrogram_map, shown, head)


def _correlations(shown: Shown) -> dict[str, Any]:
    """What Fig. 4 and the page print of one signal, as numbers."""
    return {
        head: {method: asdict(by_head[head]) for method, by_head in shown.correlations.items()}
        for head in shown.targets
    }


def _prototypes(found: Findings, key: str) -> Figure:
    every = found.fig5[key]
    settled, sought = sum(sum(one.converged) for one in every), sum(len(one.converged) for one in every)
    described = (
        f"Network of {found.prototypes.speaker or 'one fold'}; n = {len(every[0].converged)} restarts per label, "
        f"{settled} of {sought} in all have converged; one network allows no inference by itself."
    )
    return figures.prototypes(every, key, described)
