"""All figures of a run, in the order in which a reader wants them, and what their captions say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from elor.files import write_json
from elor.progress import Progress
from elor.report import charts, figures, series
from elor.report.findings import METHODS, Findings
from elor.report.style import save

Drawing = Callable[[], Figure | None]

RASTER = "spectrogram"
"""Figures whose names begin so are pictures: as vectors they would only be larger."""


def write_figures(found: Findings, pictures: Path, vectors: Path) -> None:
    """Draw everything that there is to draw.

    Args:
        found: what the run found.
        pictures: folder for the PNG files.
        vectors: folder for the same as SVG, whose text stays text, and for captions.json: by figure its title and
            caption.
    """
    drawings, captions = dict(album(found)), {}
    for folder in (pictures, vectors):
        folder.mkdir(parents=True, exist_ok=True)
    with Progress("figures", len(drawings)) as progress:
        for name, draw in drawings.items():
            figure = draw()
            if figure is not None:
                save(figure, pictures / f"{name}.png")
                if not name.startswith(RASTER):
                    save(figure, vectors / f"{name}.svg")
                captions[name] = [text.get_text().replace("\n", " ") for text in figure.texts if text.get_text()]
            progress.advance()
    write_json(vectors / "captions.json", captions)


def album(found: Findings) -> Iterator[tuple[str, Drawing]]:
    """Names of figures, and what draws them; the same names in every run, so that two runs stand side by side."""
    yield "results", partial(charts.results, found.results)
    for dimension, by_network in found.confusion.items():
        if by_network:
            yield f"confusion-{dimension}", partial(charts.confusions, dimension, by_network)
    if series.speakers(found):
        yield "speakers", partial(charts.speakers, found)
    if found.curves:
        yield "curves", partial(charts.curves, found)
    for role in series.ROLES:
        if found.saliency.get(role):
            yield f"controls-{role}", partial(charts.controls, found.saliency, role, "signed")
    yield from _maps(found)
    for key in series.prototype_keys(found.signals):
        name = key.replace(".", "-")
        yield f"fig5-{name}", partial(_prototypes, found, key)
        yield f"descriptors-{name}", partial(charts.descriptors, found, key)
    for network, entry in found.interventions.get("networks", {}).items():
        yield f"interventions-{network}", partial(charts.interventions, network, entry)


def _maps(found: Findings) -> Iterator[tuple[str, Drawing]]:
    """Fig. 4 by the paper's method for every signal shown, by the other methods for the first one."""
    for place, shown in enumerate(found.shown):
        for head in shown.targets:
            for method in METHODS:
                if method in shown.maps and (method == "guided" or place == 0):
                    yield f"fig4-{shown.name}-{head}-{method}", partial(figures.waveform_map, shown, method, head)
            if shown.stft:
                yield f"{RASTER}-{shown.name}-{head}", partial(figures.spectrogram_map, shown, head)


def _prototypes(found: Findings, key: str) -> Figure:
    heads: dict[str, list[str]] = {}
    for name in found.signals:
        if name.startswith(f"{key}."):
            head, label = name.split(".")[2:]
            heads.setdefault(head, []).append(label)
    restarts = len(next(iter(found.signals.values())))
    described = (
        f"Network of {found.prototypes.get('speaker', 'one fold')}; n = {restarts} restarts per label, which allow no "
        "inference by themselves."
    )
    return figures.prototypes(found.signals, key, heads, described)
