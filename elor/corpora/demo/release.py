"""Writes the demonstration corpus as a release in IEMOCAP's layout, with the planted truth beside it.

A file's content depends on the recipe, the seed and the turn alone, so neither the number of workers nor their order
changes a byte.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from elor.audio import SAMPLE_RATE
from elor.corpora.demo.annotations import reversed_text, text
from elor.corpora.demo.casting import Turn, cast
from elor.corpora.demo.contours import Segment
from elor.corpora.demo.cues import Plan, plan_utterance
from elor.corpora.demo.random_numbers import chance
from elor.corpora.demo.ratings import annotate
from elor.corpora.demo.recipe_schema import Recipe
from elor.corpora.demo.voice import synthesise
from elor.corpora.demo.words import transcription
from elor.engine import Engine
from elor.files import replacing, write_csv, write_text

CORES = Engine("cpu")

APPLE_DOUBLE = bytes.fromhex("00051607 00020000") + b"Mac OS X        " + bytes(26)
"""The beginning of the `._*` files that a Mac leaves beside every file on a foreign disk."""


@dataclass(frozen=True)
class Spoken:
    """What the release's tables need to know about a turn's sound file."""

    samples: int
    segments: tuple[Segment, ...]
    level_db: float


def generate(recipe: Recipe, utterances: int, seed: int, folder: Path, engine: Engine = CORES) -> None:
    """Write `release/`, `truth.csv` and `segments.csv` into a folder.

    Args:
        recipe: the constants.
        utterances: how many turns; at least one per dialogue.
        seed: not negative; another seed gives other turns, moods, syllables and noise.
        folder: made if need be. A release that stands there is replaced, but not before the new one is complete.
        engine: where sound files are made.

    Raises:
        UserError: if there are fewer utterances than dialogues, or the disk is full.
    """
    turns = cast(recipe, utterances, seed)
    plans = [plan_utterance(recipe, turn.speaker, turn.valence, turn.arousal, turn.name, seed) for turn in turns]
    part, release = folder / ".release.part", folder / "release"
    shutil.rmtree(part, ignore_errors=True)
    try:
        folders = [part / f"Session{turn.session}" / "sentences" / "wav" / turn.dialogue for turn in turns]
        jobs = [(plan, folder / f"{plan.name}.wav") for plan, folder in zip(plans, folders, strict=True)]
        spoken = engine.track(speak, jobs, "demo corpus", [1] * len(jobs), "utterance")
        _write_annotations(recipe, turns, spoken, seed, part)
        _write_debris(part)
        shutil.rmtree(release, ignore_errors=True)
        os.replace(part, release)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    write_csv(folder / "truth.csv", list(map(_truth, turns, plans, spoken)))
    write_csv(folder / "segments.csv", list(_segments(turns, spoken)))


def speak(plan: Plan, path: Path) -> Spoken:
    """Speak an utterance into its file; a job of the engine."""
    speech = synthesise(plan)
    with replacing(path) as part:
        soundfile.write(part, speech.samples, SAMPLE_RATE, "PCM_16", format="WAV")
    return Spoken(len(speech.samples), speech.segments, speech.level_db)


def _write_annotations(recipe: Recipe, turns: list[Turn], spoken: list[Spoken], seed: int, release: Path) -> None:
    annotations = annotate(recipe, turns, seed)
    samples = dict(zip((turn.name for turn in turns), (s.samples for s in spoken), strict=True))
    for dialogue, group in groupby(turns, key=lambda turn: turn.dialogue):
        members = list(group)
        times = _times(dialogue, [samples[turn.name] for turn in members], seed)
        timed = sorted(zip(members, times, strict=True), key=lambda pair: pair[0].name)  # all F turns, then all M turns
        folder = release / f"Session{members[0].session}" / "dialog" / "EmoEvaluation"
        write_text(folder / f"{dialogue}.txt", text(timed, annotations))
        write_text(folder.parent / "transcriptions" / f"{dialogue}.txt", transcription(recipe, timed, seed))
        write_text(folder / "Attribute" / f"{dialogue}_atr.txt", reversed_text(timed, annotations))


def _times(dialogue: str, samples: list[int], seed: int) -> list[tuple[float, float]]:
    """Start and end in seconds of each turn: silences between them, now and then an interruption."""
    gaps = np.clip(0.6 + 0.6 * chance(dialogue, seed, "gaps").standard_normal(len(samples)), -0.4, 3.0)
    times, now = [], 4.0
    for gap, count in zip(gaps, samples, strict=True):
        start = now + float(gap)
        now = start + count / SAMPLE_RATE
        times.append((start, now))
    return times


def _write_debris(release: Path) -> None:
    """What disks that have been in a Mac hold: a reader that globs without care stumbles over it."""
    for session in sorted(release.glob("Session*")):
        evaluations = session / "dialog" / "EmoEvaluation"
        first = min(evaluations.glob("*.txt"))
        sounds = min((session / "sentences" / "wav" / first.stem).glob("*.wav"))
        for path in (first, sounds):
            path.with_name(f"._{path.name}").write_bytes(APPLE_DOUBLE)
        for folder in (session, evaluations):
            (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")


def _truth(turn: Turn, plan: Plan, spoken: Spoken) -> dict[str, Any]:
    """One row of the truth: the latent mood, every planted cue, and the level as it came out."""
    row = {"utterance": turn.name, "speaker": turn.speaker, "valence": turn.valence, "arousal": turn.arousal}
    row |= {"samples": spoken.samples, "syllables": plan.syllables}
    row |= asdict(plan.cues) | {"level_db": spoken.level_db}
    row["f0_hz"] = plan.speaker.f0_hz * 2 ** (plan.cues.f0_semitones / 12)
    return {key: round(value, 5) if isinstance(value, float) else value for key, value in row.items()}


def _segments(turns: list[Turn], spoken: list[Spoken]) -> Iterator[dict[str, Any]]:
    for turn, speech in zip(turns, spoken, strict=True):
        for segment in speech.segments:
            yield {"utterance": turn.name} | asdict(segment)
