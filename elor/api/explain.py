"""Recordings explained into a folder: numbers as JSON, maps as arrays, players as WAV.

`elor.explain_files` is what `elor explain` calls.
"""

import re
import shutil
import sys
import warnings
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import chain, count
from pathlib import Path
from typing import Any

import numpy as np
import soxr
import torch
from numpy.typing import NDArray

from elor.api.heard import batch, beside_length, hinted, left_out, read, windows
from elor.audio import SAMPLE_RATE, Stereo
from elor.ensemble import folds_of
from elor.errors import UserError
from elor.explain.any_network import factory
from elor.explain.any_network.alterations_and_prototypes import interventions, seek
from elor.explain.any_network.subjects import Resampled, Subject, committee, made_repeatable
from elor.explain.any_network.window import Effort, explain
from elor.explain.doubts import Doubt, aside, shortened
from elor.explain.heads import LeftOut
from elor.explain.interventions.stretch_and_pitch import fitted
from elor.explain.model import CannotRun, heads_of, prepared
from elor.explain.model_copies import spare
from elor.explain.prototypes.ascent import Ascent
from elor.explain.repeatability_checks import repeatable
from elor.files import replacing, write_json
from elor.inference import load_networks, provenance
from elor.progress import Progress
from elor.recording import Recording
from elor.registry import TITLES
from elor.report.audio import playable, wav, weighted
from elor.report.recording import Explanation

SIX_S = 6
"""The window of our own networks, s."""

LONGEST_S = 60.0
"""Longest recording that is taken without being asked for, s."""


QUICK = Effort(steps=16, most=128, seed=1, thorough=False)
"""What `elor explain` spends unless it is told otherwise."""


@dataclass(frozen=True)
class Loaded:
    """A network, how long a sound it takes (`samples` at its rate, None for any length), what it learnt from, if that
    is known, and whether it hears `int16` at 16 kHz as our own networks do, not the recording as exactly as it is."""

    subject: Subject
    samples: int | None
    corpus: str = ""
    int16: bool = False


def foreign_network(
    model: str,
    weights: Path | None = None,
    rate: int = 16_000,
    samples: int | None = None,
    values: Sequence[str] = (),
    files: Sequence[Path] = (),
) -> Loaded:
    """Anybody's network.

    Args:
        model: `package.module:factory`.
        weights: .safetensors, or .pt with a state dict.
        rate: sampling rate of its input, Hz; it hears every recording at that rate, resampled once from its own.
        samples: fixed length of its input, at that rate; None: any.
        values: heads whose outputs are values of their own (arousal, valence), not classes; a network that returns one
            tensor has the head `output`.
        files: recordings that it will hear; what is made lazily, without `samples`, is made for the first.

    Raises:
        UserError: if there is no such factory, it makes no network, or the weights are another one's.
    """
    length = samples or next(_lengths(files, rate), None)
    return Loaded(factory.load(model, weights, rate, length, values), samples)


def _lengths(files: Sequence[Path], rate: int) -> Iterator[int]:
    """Samples at that rate of the recordings that can be read."""
    for file in files:
        with suppress(UserError):
            yield Recording(file).length(rate)


def own_networks(models: Path = Path("data/models"), fold: str | None = None) -> Loaded:
    """The trained networks of a workspace: one fold's, or the mean of all, with the scores that stand beside them.

    They are ELoR, unless a folder or file of another network on raw audio is given.

    The scores are those of all folds together, from `metrics/` beside `data/`, or from the notes of an exported file.

    Raises:
        UserError: if there are none, or they do not listen to raw audio alone.
    """
    found = load_networks(models, fold=fold)
    networks = list(found.values())
    network, folds = networks[0].architecture.network, folds_of(found)
    one = next(iter(found)) if len(found) == 1 else folds[0]
    name = f"{TITLES[network]}, " + (f"fold {one}" if len(folds) == 1 else f"mean of {len(folds)} folds")
    name += f", {len(found)} networks" if len(found) > len(folds) else ""
    heads = [head.name for head in networks[0].architecture.heads]
    known = provenance(models, network)
    scores = {head: score for head, score in known.scores.items() if head in heads}
    return Loaded(committee(name, networks, scores), SIX_S * SAMPLE_RATE, known.corpus, int16=True)


def explain_files(
    files: Sequence[Path],
    network: Loaded,
    output: Path,
    effort: Effort = QUICK,
    most: float = LONGEST_S,
    prototypes: Ascent | None = None,
    stereo: Stereo = "mean",
) -> Explanation:
    """Explain what a network says of recordings; what cannot be read is named in the result.

    Args:
        files: sound files of any rate and number of channels.
        network: from `own_networks` or `foreign_network`.
        output: folder for explain.json, maps and players; nothing is written if no file could be explained.
        effort: untrained twins, steps, seed; `elor.Effort()` is that of `elor explain --thorough`.
        most: longest recording that is taken, s.
        prototypes: how the signals are sought that the network would answer most strongly; None: not at all.
        stereo: what several channels become.

    Returns:
        What explain.json holds, as a dict that a notebook shows: `model`, `settings`, `recordings` by name, `failed`
        (reasons by path), and if asked for `prototypes`. See `elor.explain.any_network.window.explain` for the
        numbers of a window.

    Raises:
        UserError: if the disk is full.
    """
    subject, new = network.subject, not output.exists()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Doubt)  # what they say is among the remarks of a window
        found, failed = _explain_all(files, network, effort, (most, stereo), output)
        sought = _prototypes(subject, found, prototypes, output) if found and prototypes else None
    result: dict[str, Any] = {
        "model": {"name": subject.name, "twin": subject.twin is not None, "reason": subject.reason}
        | {"rate": subject.rate, "unloaded": subject.unloaded, "corpus": network.corpus}
        | {"scores": {head: asdict(score) for head, score in subject.scores.items()}},
        "settings": asdict(effort) | {"samples": network.samples},
        "recordings": found,
        "failed": failed,
    }
    if sought is not None:
        result["prototypes"] = sought
    if found:
        write_json(output / "explain.json", result, digits=None)  # a logit may be of any size
    elif new:
        shutil.rmtree(output, ignore_errors=True)
    return Explanation(result, output)


def _explain_all(
    files: Sequence[Path],
    network: Loaded,
    effort: Effort,
    reading: tuple[float, Stereo],
    output: Path,
) -> tuple[dict[str, Any], dict[str, str]]:
    """Every recording that can be explained, by a name of its own; and the reasons of the others, by path."""
    subject, rate = network.subject, network.subject.rate
    sounds: dict[str, NDArray] = {}
    found: dict[str, Any] = {}
    failed: dict[str, str] = {}
    for file in files:
        try:
            sounds[str(file)] = read(file, *reading, None if network.int16 else rate)
        except UserError as error:
            failed[str(file)] = str(error)
    names, paths = _names(list(sounds)), list(sounds)
    with Progress("Explain", len(sounds), unit="recording") as progress:
        for index, (path, sound) in enumerate(sounds.items()):
            other = sounds[paths[index - 1]] if len(sounds) > 1 else None
            folder = output / names[path]
            new = not folder.exists()
            try:
                explained = _explain_one(subject, sound, network.samples, effort, other, folder)
                found[names[path]] = {"file": path, "seconds": len(sound) / rate, "windows": explained}
                found[names[path]] |= {"left_out": left_out(sound, explained, rate)}
            except UserError as error:
                failed[path] = f"{path}: {error}"
                if new:
                    shutil.rmtree(folder, ignore_errors=True)
            progress.advance(note=names[path])
    return found, failed


def _explain_one(
    subject: Subject, sound: NDArray, fixed: int | None, effort: Effort, other: NDArray | None, folder: Path
) -> list[dict[str, Any]]:
    """All windows of a recording; the whole of it is one where the network has no length of its own."""
    if fixed is None:
        try:
            heads_of(spare(subject.model), batch(sound))
        except CannotRun as error:
            six = SIX_S * subject.rate
            if len(sound) == six or beside_length(error, subject.model, sound):
                raise UserError(hinted(error, subject.model, sound)) from None
            print(f"elor explain: {error} Trying windows of six seconds.", file=sys.stderr)
            fixed = six
            try:
                heads_of(spare(subject.model), batch(fitted(sound, fixed)))
            except CannotRun as again:
                raise UserError(hinted(again, subject.model, fitted(sound, fixed))) from None
    return [
        _explain_window(subject, part, start, support, effort, other, folder / f"window-{number:02d}")
        for number, (start, support, part) in enumerate(windows(sound, fixed))
    ]


def _explain_window(
    subject: Subject,
    sound: NDArray,
    start: int,
    support: int,
    effort: Effort,
    other: NDArray | None,
    stem: Path,
) -> dict[str, Any]:
    """One window's numbers; its maps and players are written beside `stem`."""
    audio, rate = batch(sound), subject.rate
    try:
        heads_of(spare(subject.model), audio)
    except CannotRun as error:
        raise UserError(f"{error} {beside_length(error, subject.model, sound)}".rstrip()) from None
    subject, noted = made_repeatable(replace(subject, model=spare(subject.model)), audio)  # it has heard nothing else
    with aside(Doubt) as doubts, prepared(subject.model), repeatable(subject.model, audio, beside=1):
        explained = explain(subject, sound, support, effort, other)
        remarks = explained.summary["remarks"]
        altered = _altered(subject, sound, support, effort.seed, remarks) if effort.thorough else {}
    remarks[:0] = _said(noted, doubts)
    answers = explained.summary["prediction"]
    heads = _file_names(answers)
    players = {"": sound[:support]}
    if (drops := explained.maps.get("occlusion")) is not None:
        players |= {
            f"-{name}": weighted(sound, np.abs(drop) if answers[head]["label"] is None else drop, rate)[:support]
            for (head, name), drop in zip(heads.items(), drops, strict=True)
            if not np.isnan(drop).all()
        }
    for suffix, signal in players.items():
        with replacing(stem.with_name(f"{stem.name}{suffix}.wav")) as part:
            part.write_bytes(wav(playable(signal, rate), rate))
    with replacing(stem.with_suffix(".npz")) as part, part.open("wb") as stream:
        arrays = {"heads": np.array(list(heads)), "sound": sound.astype(np.float32)} | explained.maps
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]  # its stub takes the names for options
    times = {"start_s": start / rate, "end_s": (start + support) / rate, "samples": len(sound), "files": stem.name}
    return times | explained.summary | {"interventions": altered}


def _said(noted: Sequence[Doubt], further: Sequence[Doubt]) -> list[str]:
    """What was noted at first, in one remark, and further doubts, each kind once: twins say the same with other
    numbers, and are heard last."""
    found: dict[Hashable, str] = {}
    for doubt in sorted(further, key=lambda doubt: bool(doubt.whom)):
        found.setdefault(doubt.kind, str(doubt))
    known = {doubt.kind for doubt in noted}
    first = [" ".join(map(str, noted))] if noted else []
    return first + [text for kind, text in found.items() if kind not in known]


def _altered(subject: Subject, sound: NDArray, support: int, seed: int, remarks: list[str]) -> dict[str, Any]:
    """What altering the sound does to the answer; if the network fails on that, a remark and nothing.

    Alterations are made at 16 kHz: a network of a lower rate hears them, and the unaltered sound beside them, resampled
    to its own.
    """
    model, rate = subject.model, subject.rate
    if rate > SAMPLE_RATE:
        remarks.append(
            f"No alterations: they are made at 16 kHz, and this network hears {rate} Hz, so that the sound above 8 kHz "
            "would be missing from all of them."
        )
        return {}
    if rate < SAMPLE_RATE:
        model, support = Resampled(model, rate, len(sound)).eval(), max(1, support * SAMPLE_RATE // rate)
        sound = soxr.resample(sound, rate, SAMPLE_RATE, quality="HQ")
    try:
        return interventions(model, sound, support, seed)
    except Exception as error:  # the user's code: some sounds may be too quiet for it, say
        remarks.append(f"It fails on altered sounds: {type(error).__name__}: {shortened(error, 300)}")
        return {}


def _prototypes(subject: Subject, found: dict[str, Any], how: Ascent, output: Path) -> dict[str, Any]:
    """The prototypes of a network, as long as its windows (at most six seconds), written as players."""
    window = next(iter(found.values()))["windows"][0]
    gradient = window["methods"]["gradient"]
    if gradient["refused"]:
        return {"refused": gradient["refused"], "settings": asdict(how), "targets": {}}
    outputs = {head: len(window["prediction"][head]["logits"]) for head in gradient["heads"]}
    predicted = {head: answer["label"] or 0 for head, answer in window["prediction"].items()}
    samples = window["samples"]
    subject, noted = made_repeatable(subject, torch.randn(1, 1, samples, generator=torch.Generator().manual_seed(0)))
    for head in (doubt.head for doubt in noted if isinstance(doubt, LeftOut)):
        outputs.pop(head, None)
    sought = seek(subject, outputs, predicted, samples, how)
    for name, stem in _file_names(sought.signals).items():
        with replacing(output / "prototypes" / f"{stem}.wav") as part:
            part.write_bytes(wav(playable(sought.signals[name], subject.rate), subject.rate))
    return sought.summary


def _names(paths: list[str]) -> dict[str, str]:
    """A folder's name for each path: its stem, with a number where two are alike."""
    return dict(zip(paths, _apart(Path(path).stem for path in paths), strict=True))


def _file_names(heads: Iterable[str]) -> dict[str, str]:
    """What stands for each head in the name of a file: its own name is the user's, and may hold a slash."""
    heads = list(heads)
    return dict(zip(heads, _apart(re.sub(r"[^\w.-]", "_", head) for head in heads), strict=True))


def _apart(names: Iterable[str]) -> list[str]:
    """Names of files, with a number where two would be one, be it for a disk that knows no capitals."""
    found: list[str] = []
    for name in names:
        taken = {each.casefold() for each in found}
        numbered = (f"{name}-{number}" for number in count(2))
        found.append(next(each for each in chain([name], numbered) if each.casefold() not in taken))
    return found
