"""The page of `elor explain`: recordings with their maps, controls and players, as the report shows its slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from elor.audio import SAMPLE_RATE
from elor.errors import UserError
from elor.report import analysis, html
from elor.report.explanation import blocks, completeness, named, opening
from elor.report.findings import METHODS, Correlation, Shown, arrays_of
from elor.report.page import maps_data
from elor.report.text import Block, Notes, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CONTENTS = {"answer": "Answer", "maps": "Maps", "numbers": "In numbers"}
NUMBERS = "Every number here stands in a JSON file beside this page, too."


def recordings(found: Mapping[str, Any], folder: Path) -> str:
    """A page that opens from disk: every window to zoom into and to listen to, and all tables.

    Args:
        found: what `elor explain` writes into explain.json.
        folder: where it stands, with the maps beside it: `<recording>/<window>.npz`.
    """
    shown = [
        _shown(f"{name}, {window['start_s']:.2f}-{window['end_s']:.2f} s", window, folder / name, found["model"])
        for name, recording in found["recordings"].items()
        for window in recording["windows"]
    ]
    return page(shown, f"What {found['model']['name']} hears", blocks(found), opening(found))


class Explanation(dict[str, Any]):
    """What explain.json holds, with the folder where it stands; a notebook shows its tables, and `plot` its maps."""

    def __init__(self, found: Mapping[str, Any], folder: Path) -> None:
        super().__init__(found)
        self.folder = folder

    def _repr_html_(self) -> str:
        """The answer, what speaks against relying on it, and the tables of the page."""
        failed = [Notes("Not explained", tuple(self["failed"].values()))] if self["failed"] else []
        return html.blocks(*opening(self), *(one for one in blocks(self) if isinstance(one, Table)), *failed)

    def plot(self, recording: str | None = None, window: int = 0, method: str | None = None) -> list[Axes]:
        """Draw a window's waveform, coloured by a map, by pyplot; an axis per head.

        Args:
            recording: its name; the first if None.
            window: which of its windows.
            method: of `METHODS`; the first that the network allowed if None.

        Raises:
            UserError: if there is no such recording, window or map.
        """
        from elor.report import plots  # late: pyplot is for notebooks alone

        name = next(iter(self["recordings"]), "") if recording is None else recording
        windows = self["recordings"].get(name, {"windows": []})["windows"]
        if not 0 <= window < len(windows):
            raise UserError(
                f"There is no window {window} of {name or 'any recording'}; explained were: "
                f"{', '.join(self['recordings']) or 'none'}."
            )
        shown = _shown(name, windows[window], self.folder / name, self["model"])
        method = next(iter(shown.maps), "") if method is None else method
        if method not in shown.maps:
            raise UserError(f"There is no map {method}; this network has {', '.join(shown.maps) or 'none'}.")
        return plots.maps(shown, method)


def page(shown: list[Shown], title: str, tables: list[Block], answers: Sequence[Notes] = ()) -> str:
    """The page of any signals with maps.

    Args:
        shown: the signals.
        title: of the page.
        tables: below the maps.
        answers: above them.
    """
    return html.render(
        "recordings.html",
        title=title,
        contents={name: words for name, words in CONTENTS.items() if answers or name != "answer"},
        footer=(NUMBERS,),
        data=maps_data(shown),
        shown=shown,
        tables=tables,
        answers=answers,
        maps_are="The sound, and what each method says of every moment of it.",
        analysis=analysis,
    )


def _shown(name: str, window: Mapping[str, Any], folder: Path, model: Mapping[str, Any]) -> Shown:
    """One window as the explorer takes it."""
    arrays = arrays_of(folder / f"{window['files']}.npz")
    rate = model.get("rate", SAMPLE_RATE)
    heads, sound = arrays["heads"].tolist(), arrays["sound"]
    answers = [window["prediction"][head]["label"] for head in heads]
    kept = {key: arrays[key] for key in (*METHODS, "stft") if key in arrays}
    errors = (window.get("integrated") or {}).get("error", {})
    notes = {head: f"completeness error {completeness(error)}" for head, error in errors.items()}
    measured = {
        (method, head): replace(_correlation(entry), note=notes.get(head, "") if method == "integrated" else "")
        for method in METHODS
        for head, entry in window["methods"].get(method, {}).get("heads", {}).items()
    }
    return Shown.of(
        name,
        sound,
        round(window["support_s"] * rate),
        heads,
        kept | {"target": np.array([label or 0 for label in answers])},
        measured,
        valued=[head for head, label in zip(heads, answers, strict=True) if label is None],
        rate=rate,
        named=[head for head in heads if named(window, head)],
    )


def _correlation(entry: Mapping[str, Any]) -> Correlation:
    twins = [value for value in entry["initial"] if value is not None]
    r = float("nan") if entry["r"] is None else entry["r"]
    if not twins:
        return Correlation(r)
    return Correlation(r, {"initial": float(np.mean(twins))}, f"mean of {len(twins)}, this signal")
