"""`elor explain`: what a network rests on in a recording, with every map beside its controls."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elor.commands.printing import echo, refuse
from elor.commands.results import How
from elor.errors import UserError
from elor.report.text import Format

if TYPE_CHECKING:
    import numpy as np

    from elor.explain.prototypes.ascent import Ascent
    from elor.explain.recording.analysis import Effort
    from elor.explain.recording.foreign import Subject

SIX_SECONDS = 96_000


def explain(
    files: Annotated[list[Path], typer.Argument(help="Sound files of any rate and number of channels.")],
    model: Annotated[
        str | None, typer.Option(help="package.module:factory of a torch network; else this workspace's own.")
    ] = None,
    weights: Annotated[Path | None, typer.Option(help=".safetensors, or .pt with a state dict.")] = None,
    rate: Annotated[int, typer.Option(min=1_000, help="Sampling rate of the network's input, Hz.")] = 16_000,
    samples: Annotated[
        int | None, typer.Option(min=1, help="Fixed length of its input, in its samples; else the whole recording.")
    ] = None,
    models: Annotated[Path, typer.Option(help="Trained networks, without --model.")] = Path("data/models"),
    fold: Annotated[str | None, typer.Option(help="Only the network of this fold; else the mean of all.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for numbers, maps and players.")] = Path(
        "explained"
    ),
    most: Annotated[float, typer.Option(min=0.1, help="Longest recording that is taken, s.")] = 60.0,
    twins: Annotated[int, typer.Option(min=2, help="Untrained networks beside every number.")] = 5,
    steps: Annotated[int, typer.Option(min=1, help="Of integrated gradients, to begin with (at most 8 times).")] = 32,
    restarts: Annotated[
        int | None,
        typer.Option(min=0, help="Of each prototype, 0 for none; 2 for one network, 0 for the mean of all folds."),
    ] = None,
    ascents: Annotated[int, typer.Option(min=2, help="Steps of each prototype.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 1,
    how: How = Format.terminal,
) -> None:
    """Explain what a network says of recordings: anybody's, or the networks of this workspace.

    Maps by every method of attribution, each beside untrained twins, the
    other class, another or a shifted waveform; deletion and insertion against
    random and loudest-first order; what would change the answer, dose by
    dose; and the signals that it would answer most gladly. A method that the
    network does not allow is listed with the reason.

    A factory is a function without arguments that returns a torch module from
    (batch, 1, samples) to logits, one tensor or one per head. Called again it
    makes the untrained twins.

    The folder holds explain.html (all of it on one page that opens from disk),
    explain.json, summary.md, and per recording maps (.npz) and players (.wav):
    the sound, and the sound weighted by occlusion.

    Examples:

    \b
        elor explain turn.wav
        elor explain turn.wav --fold Ses03F --restarts 0
        elor explain *.wav --model mynet:build --weights best.safetensors
        elor explain a.wav --model mynet:build --rate 8000 --samples 32000
    """
    from elor.explain.prototypes.ascent import Ascent
    from elor.explain.recording import foreign
    from elor.explain.recording.analysis import Effort
    from elor.files import write_json, write_text
    from elor.report.explanation import blocks
    from elor.report.recording import recordings
    from elor.report.text import render

    if model is not None:
        subject = foreign.load(model, weights, rate)
        fixed = None if samples is None else round(samples * 16_000 / rate)
    elif weights is not None or samples is not None or rate != 16_000:
        raise UserError("--weights, --samples and --rate belong to a network of your own; name it by --model.")
    else:
        subject, fixed = _own(models, fold), SIX_SECONDS
    if restarts is None:  # the prototypes of a whole run are a stage of the pipeline
        restarts = 0 if model is None and fold is None else 2
    effort = Effort(twins, steps, 8 * steps, seed)
    found, failed = _explain_all(files, subject, fixed, effort, most, output)
    result: dict[str, Any] = {
        "model": {"name": subject.name, "twin": subject.twin is not None, "reason": subject.reason},
        "settings": asdict(effort) | {"samples": fixed},
        "recordings": found,
        "failed": failed,
    }
    if found and restarts:
        result["prototypes"] = _prototypes(subject, found, Ascent(restarts=restarts, steps=ascents, seed=seed), output)
    if found:
        write_json(output / "explain.json", result)
        write_text(output / "summary.md", render(blocks(result), Format.markdown) + "\n")
        write_text(output / "explain.html", recordings(result, output))
        echo(blocks(result), how)
    if failed:
        refuse(failed, len(files), "explain", "explained")


def _own(models: Path, fold: str | None) -> Subject:
    """The trained networks of this workspace."""
    from elor.explain.recording.foreign import committee
    from elor.inference import load_networks

    networks = load_networks(models, "elor" if models.is_dir() else None, fold)
    name = f"ELoR, fold {fold}" if fold else f"ELoR, mean of {len(networks)} folds"
    return committee(name, list(networks.values()))


def _explain_all(
    files: list[Path], subject: Subject, fixed: int | None, effort: Effort, most: float, output: Path
) -> tuple[dict[str, Any], dict[str, str]]:
    """Every recording that can be explained, by a name of its own; and the reasons of the others, by path."""
    from elor.progress import Progress

    sounds: dict[str, np.ndarray] = {}
    found: dict[str, Any] = {}
    failed: dict[str, str] = {}
    for file in files:
        try:
            sounds[str(file)] = _read(file, most)
        except UserError as error:
            failed[str(file)] = str(error)
    names, paths = _names(list(sounds)), list(sounds)
    with Progress("Explain", len(sounds), unit="recording") as progress:
        for index, (path, sound) in enumerate(sounds.items()):
            other = sounds[paths[index - 1]] if len(sounds) > 1 else None
            try:
                windows = _explain_one(subject, sound, fixed, effort, other, output / names[path])
                found[names[path]] = {"file": path, "seconds": len(sound) / 16_000, "windows": windows}
            except UserError as error:
                failed[path] = f"{path}: {error}"
            progress.advance(note=names[path])
    return found, failed


def _read(path: Path, most: float) -> np.ndarray:
    """A recording in [-1, 1], (samples,) at 16 kHz.

    Raises:
        UserError: if it cannot be read, is longer than `most` seconds, or silent.
    """
    import numpy as np

    from elor.audio import FULL_SCALE
    from elor.progress import clock
    from elor.recording import SILENCE, Recording

    recording = Recording(path)
    if recording.seconds > most:
        raise UserError(
            f"{path} lasts {clock(recording.seconds)}, and elor explain takes up to {clock(most)}; cut out what is to "
            "be explained, or raise --most."
        )
    samples = np.concatenate(list(recording.blocks()))
    if int(np.abs(samples.astype(np.int32)).max()) <= SILENCE:
        raise UserError(f"{path} is silent; there is nothing to explain.")
    return samples / FULL_SCALE


def _explain_one(
    subject: Subject, sound: np.ndarray, fixed: int | None, effort: Effort, other: np.ndarray | None, folder: Path
) -> list[dict[str, Any]]:
    """All windows of a recording; the whole of it is one where the network has no length of its own."""
    import torch

    from elor.explain.recording.analysis import asked

    if fixed is None:
        try:
            asked(subject.model, torch.from_numpy(sound).float()[None, None])
        except UserError as error:
            if len(sound) == SIX_SECONDS:
                raise
            print(f"elor explain: {error} Trying windows of six seconds.", file=sys.stderr)
            fixed = SIX_SECONDS
    return [
        _explain_window(subject, part, start, support, effort, other, folder / f"window-{number:02d}")
        for number, (start, support, part) in enumerate(_windows(sound, fixed))
    ]


def _windows(sound: np.ndarray, length: int | None) -> list[tuple[int, int, np.ndarray]]:
    """First sample, samples before the padding, and the window; silent ones are left out, and so is a last one of up to
    half a length, unless nothing else sounds."""
    import numpy as np

    if length is None:
        return [(0, len(sound), sound)]
    parts = [(start, sound[start : start + length]) for start in range(0, len(sound), length)]
    sounding = [(start, part) for start, part in parts if np.abs(part).max() > 0]
    kept = [(start, part) for start, part in sounding if start == 0 or len(part) > length // 2]
    return [(start, len(part), np.pad(part, (0, length - len(part)))) for start, part in kept or sounding]


def _explain_window(
    subject: Subject,
    sound: np.ndarray,
    start: int,
    support: int,
    effort: Effort,
    other: np.ndarray | None,
    stem: Path,
) -> dict[str, Any]:
    """One window's numbers; its maps and players are written beside `stem`."""
    import numpy as np

    from elor.explain.interventions.resynthesis import fitted
    from elor.explain.recording import analysis
    from elor.explain.recording.trials import interventions
    from elor.files import replacing
    from elor.report.audio import playable, wav, weighted

    waveform = None if other is None else fitted(other, len(sound))
    explained = analysis.explain(subject, sound, support, effort, waveform)
    stem.parent.mkdir(parents=True, exist_ok=True)
    heads = list(explained.summary["prediction"])
    players = {"": sound[:support]}
    if (drops := explained.maps.get("occlusion")) is not None:
        players |= {f"-{head}": weighted(sound, drop)[:support] for head, drop in zip(heads, drops, strict=True)}
    for suffix, signal in players.items():
        with replacing(stem.with_name(f"{stem.name}{suffix}.wav")) as part:
            part.write_bytes(wav(playable(signal)))
    with replacing(stem.with_suffix(".npz")) as part, part.open("wb") as stream:
        arrays = {"heads": np.array(heads), "sound": sound.astype(np.float32)} | explained.maps
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]  # its stub takes the names for options
    times = {"start_s": start / 16_000, "end_s": (start + support) / 16_000, "samples": len(sound), "files": stem.name}
    return times | explained.summary | {"interventions": interventions(subject.model, sound, support, effort.seed)}


def _prototypes(subject: Subject, found: dict[str, Any], how: Ascent, output: Path) -> dict[str, Any]:
    """The prototypes of a network, as long as its windows (at most six seconds), written as players."""
    from elor.explain.recording.trials import seek
    from elor.files import replacing
    from elor.report.audio import playable, wav

    window = next(iter(found.values()))["windows"][0]
    outputs = {head: len(answer["logits"]) for head, answer in window["prediction"].items()}
    predicted = {head: answer["label"] or 0 for head, answer in window["prediction"].items()}
    samples = window["samples"]
    sought = seek(subject, outputs, predicted, samples, how)
    (output / "prototypes").mkdir(parents=True, exist_ok=True)
    for name, signal in sought.signals.items():
        with replacing(output / "prototypes" / f"{name}.wav") as part:
            part.write_bytes(wav(playable(signal)))
    return sought.summary


def _names(paths: list[str]) -> dict[str, str]:
    """A folder's name for each path: its stem, with a number where two are alike."""
    names: dict[str, str] = {}
    for path in paths:
        stem = Path(path).stem
        taken = list(names.values()).count(stem) + sum(name.startswith(f"{stem}-") for name in names.values())
        names[path] = f"{stem}-{taken + 1}" if taken else stem
    return names
