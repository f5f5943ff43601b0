"""`elor predict`: valence and arousal of any recording."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from elor.commands.printing import AsJson, How, Output, answer, refuse
from elor.errors import UserError
from elor.params import Network
from elor.report.text import Format

if TYPE_CHECKING:
    from elor.ensemble import Ensemble, Prediction
    from elor.recording import Recording

Channels = Literal["mean", "left", "right"]

BEFORE_PROGRESS = 20
"""Windows up to which nothing is said on the way: it would take longer to read than to wait."""


def predict(
    files: Annotated[
        list[Path], typer.Argument(help="Sound files of any rate, length and number of channels.", readable=False)
    ],
    model: Annotated[
        Path, typer.Option(help="Trained networks: a run's data/models, or a file of elor export (safetensors, ONNX).")
    ] = Path("data/models"),
    network: Annotated[
        Network | None, typer.Option(help="Which network of a folder; elor if there are several.", show_default=False)
    ] = None,
    fold: Annotated[
        str | None, typer.Option(help="Only the network of this fold; without it the mean of all.", show_default=False)
    ] = None,
    hop: Annotated[float, typer.Option(min=0.1, help="Seconds from one six-second window to the next.")] = 6.0,
    stereo: Annotated[Channels, typer.Option(help="What several channels become.")] = "mean",
    windows: Annotated[bool, typer.Option("--windows", "-w", help="A row per window, not per recording.")] = False,
    as_json: AsJson = False,
    output: Output = None,
    csv: Annotated[Path | None, typer.Option(help="Write a row per window to it.", show_default=False)] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw one recording over time (.png, .svg, .pdf).", show_default=False)
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    how: How = Format.terminal,
) -> None:
    """Predict valence and arousal of recordings, window by window, with the networks of this workspace.

    A recording is cut into windows of six seconds. A last, shorter one counts
    if it brings more than three seconds that no other window holds, or if it
    is the only one; it is filled up with silence. Windows of digital silence
    are left out. What cannot be read is named, and the others go on.

    +- in the table, and spread in JSON and CSV, say how far the networks lie
    apart. It is not how far raters do, even if that was learned (the target
    spread): the answers are means.

    Of a speaker of the training corpus only the network of that speaker's fold
    knows nothing; give it by --fold.

    Examples:

    \b
        elor predict interview.wav
        elor predict *.flac --network ftr --csv predictions.csv
        elor predict interview.mp3 --hop 1 --plot interview.png
        elor predict turn.wav --model data/export/elor.onnx --json -o turn.json
        elor predict Ses03F_impro01_F000.wav --fold Ses03F --windows
    """
    from elor.files import plain
    from elor.inference import MODELS, load
    from elor.report import predictions
    from elor.shipped import MODEL, at_hand
    from elor.tables import write_table
    from elor.training.outputs import PROBABILITY_DIGITS

    _check_plot(files, plot)
    ensemble = load(at_hand(model, MODELS, MODEL), network, fold, device)
    found, failed = predict_all(files, ensemble, hop, stereo)
    if found or as_json:
        tree = plain(predictions.as_json(found, failed, ensemble)) if as_json else None
        answer(tree, predictions.blocks(found, ensemble, windows) if found else [], how, as_json, output)
    if csv is not None and found:
        write_table(predictions.table(found), csv, PROBABILITY_DIGITS)
    if plot is not None and found:
        from elor.report.prediction_over_time import draw

        name, prediction = next(iter(found.items()))
        draw(prediction, _recording(Path(name), stereo), predictions.caption(ensemble), plot)
    if failed:
        refuse(failed, len(files), "predict", "predicted")


def predict_all(
    files: list[Path], ensemble: Ensemble, hop: float, stereo: Channels
) -> tuple[dict[str, Prediction], dict[str, str]]:
    """Predict every recording that can be read; the reasons of the others come second, both by path."""
    from elor.ensemble import hop_samples
    from elor.progress import Progress
    from elor.recording import window_count

    found, failed, recordings = {}, {}, {}
    for path in files:
        try:
            recordings[str(path)] = recording = _recording(path, stereo)
            if recording.header.note:
                print(f"elor predict: {path}: {recording.header.note}.", file=sys.stderr)
        except UserError as error:
            failed[str(path)] = str(error)
    total = sum(window_count(recording.samples, hop_samples(hop)) for recording in recordings.values())
    with Progress("Predict", total, unit="window") as progress:
        watch = progress.advance if total > BEFORE_PROGRESS else (lambda _: None)
        for name, recording in recordings.items():
            try:
                found[name] = ensemble.predict(recording, hop_s=hop, watch=watch)
            except UserError as error:
                failed[name] = str(error)
    return found, failed


def _recording(path: Path, stereo: Channels) -> Recording:
    from elor.recording import Recording

    return Recording(path, stereo=stereo)


def _check_plot(files: list[Path], plot: Path | None) -> None:
    """Refuse a plot that could not be drawn, before any work is done."""
    if plot is not None and plot.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise UserError(f"--plot {plot} has no known format; choose a name that ends in .png, .svg or .pdf.")
    if plot is not None and len(files) > 1:
        raise UserError(f"--plot draws one recording, and {len(files)} are given; give one of them.")
