"""What a trained network really uses of the demonstration corpus' planted acoustics, and who else finds it out.

The synthesiser speaks an utterance again with one cue moved by a standard deviation up or down: same speaker, same
syllables, same noise. The change of the network's answer is the truth about that cue in that network. Beside it stands
the alteration of the finished sound that is meant to do the same (`elor.explain.interventions.alterations`): a test of
that, on which the analysis of real recordings rests. And for every map, how much of it lies in the planted pauses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from elor.audio import FULL_SCALE
from elor.corpora.demo import Plan, Recipe, synthesise
from elor.corpora.demo.recipe import CUES
from elor.evaluation.intervals import speaker_interval
from elor.explain.attribution import SEGMENT
from elor.explain.counterfactuals import moved, sampled
from elor.explain.interventions.alterations import ALTERATIONS
from elor.explain.interventions.resynthesis import fitted
from elor.explain.interventions.run import answers
from elor.explain.model import predict
from elor.explain.selfcheck.methods import METHODS
from elor.features.slices import SLICE_SAMPLES
from elor.networks import MultiHeadNetwork
from elor.training.checkpoint import load_network

TWINS: dict[str, tuple[str, float, float]] = {
    "level_db": ("gain", -6.0, 6.0),
    "tilt_db": ("high_shelf", -6.0, 6.0),
    "rate": ("time_stretch", 0.9, 1.12),
    "f0_semitones": ("pitch", -2.0, 2.0),
    "peakiness": ("peak_limiting", 6.0, 0.0),
    "pause_s": ("pause_lengthening", 0.0, 0.2),
    "run_s": ("pause_insertion", 2.0, 0.0),
}
"""By cue the alteration that is meant to do the same, with the doses that stand for less and for more of the cue."""

RAISES, LOWERS, NOTHING = "raises", "lowers", "no effect found"


@dataclass(frozen=True)
class CounterfactualJob:
    """Utterances of one speaker, and the network that never heard him or her.

    Attributes:
        speaker: whose they are.
        network: file of the weights.
        plans: of the utterances.
        less, more: per utterance and cue the values a standard deviation below and above its own.
        seed: of what alterations draw.
    """

    speaker: str
    network: Path
    plans: tuple[Plan, ...]
    less: tuple[dict[str, float], ...]
    more: tuple[dict[str, float], ...]
    seed: int


def plan(
    recipe: Recipe,
    plans: Sequence[Plan],
    truth: pd.DataFrame,
    networks: Mapping[str, Path],
    each: int,
    seed: int,
) -> list[CounterfactualJob]:
    """One job per speaker.

    Args:
        recipe: with the limits of the cues.
        plans: of the whole corpus.
        truth: truth.csv, for the cues' spread and the utterances' lengths.
        networks: by speaker the network of the fold that tests him or her.
        each: utterances per speaker, drawn from those that fit into a slice.
        seed: of the draw.
    """
    spread, jobs = truth[list(CUES)].std(), []
    for speaker, some in sampled(plans, truth, each, seed).items():
        if speaker in networks:
            less, more = (tuple(moved(recipe, one, side * spread) for one in some) for side in (-1, 1))
            jobs.append(CounterfactualJob(speaker, networks[speaker], tuple(some), less, more, seed))
    return jobs


def measure(job: CounterfactualJob) -> pd.DataFrame:
    """Speak, alter and ask.

    Returns:
        utterance, speaker, kind (`cue`, `alteration`, `map`), name, head, value: half the difference between the
        network's answers to more and to less of a cue; or for a map the share of its mass in the planted pauses, less
        their share of the time.
    """
    network, rows = load_network(job.network), []
    for one, less, more in zip(job.plans, job.less, job.more, strict=True):
        speech = synthesise(one)
        sound = speech.samples / FULL_SCALE
        pairs = {
            ("cue", cue): [synthesise(one.with_cue(**{cue: value[cue]})).samples / FULL_SCALE for value in (less, more)]
            for cue in CUES
        }
        for cue, (name, low, high) in TWINS.items():
            pairs["alteration", cue] = [_altered(name, sound, dose, job.seed) for dose in (low, high)]
        batch = np.stack([fitted(value, SLICE_SAMPLES) for pair in pairs.values() for value in pair])
        for head, value in _ask(network, batch).items():
            for (kind, cue), (low, high) in zip(pairs, value.reshape(-1, 2), strict=True):
                rows.append({"kind": kind, "name": cue, "head": head, "value": (high - low) / 2} | _who(one, job))
        spans = [(s.start, s.end) for s in speech.segments if s.kind == "pause"]
        if spans:
            for tag in _in_pauses(network, fitted(sound, SLICE_SAMPLES), spans, len(sound)):
                rows.append(tag | _who(one, job))
    return pd.DataFrame(rows)


def summarise(found: pd.DataFrame, truth: pd.DataFrame, confidence: float = 0.95) -> dict:
    """Effects over speakers.

    Args:
        found: rows of all jobs.
        truth: truth.csv, for what was planted.
        confidence: of the t-intervals over speakers.

    Returns:
        `cues`: by cue `planted` (its correlation with the latent moods), `alteration` (the name of its twin or None)
        and `heads`: by head `cue` and `alteration` (change, low, high, speakers, verdict) and `agree`, whether the two
        verdicts do. `maps`: by method the mean over heads and utterances of the excess share in pauses, with interval.
    """
    cues: dict = {}
    for cue in CUES:
        planted = {mood: float(truth[cue].corr(truth[mood])) for mood in ("arousal", "valence")}
        part = found[(found["name"] == cue) & (found["kind"] != "map")]
        heads: dict = {}
        for (head, kind), rows in part.groupby(["head", "kind"]):
            heads.setdefault(str(head), {})[str(kind)] = _effect(rows, confidence)
        for effects in heads.values():
            if "alteration" in effects:
                effects["agree"] = effects["cue"]["verdict"] == effects["alteration"]["verdict"]
        cues[cue] = {"planted": planted, "alteration": TWINS.get(cue, (None,))[0], "heads": heads}
    maps = found[found["kind"] == "map"]
    return {
        "cues": cues,
        "maps": {str(name): _effect(rows, confidence) for name, rows in maps.groupby("name", sort=False)},
        "utterances": found["utterance"].nunique(),
        "speakers": found["speaker"].nunique(),
    }


def _effect(rows: pd.DataFrame, confidence: float) -> dict:
    """Mean over speakers of their means, its t-interval, and what it allows to say."""
    means = rows.groupby("speaker")["value"].mean()
    low, high = speaker_interval(means, confidence)
    verdict = RAISES if low > 0 else LOWERS if high < 0 else NOTHING
    return {"change": float(means.mean()), "low": low, "high": high, "speakers": len(means), "verdict": verdict}


def _altered(name: str, sound: NDArray, dose: float, seed: int) -> NDArray:
    """A sound at a dose of an alteration, or as it is at the dose that alters nothing."""
    alteration = ALTERATIONS[name]
    return sound if dose == alteration.none else alteration.apply(sound, dose, np.random.default_rng(seed))


def _ask(network: MultiHeadNetwork, sounds: NDArray) -> dict[str, NDArray]:
    """Expected labels (or values), (batch,) per head."""
    logits = predict(network, torch.from_numpy(sounds).float()[:, None])
    return answers(network.architecture.heads, logits)


def _in_pauses(network: MultiHeadNetwork, sound: NDArray, spans: Sequence[tuple[int, int]], support: int) -> list[dict]:
    """For every method and head: the share of a map's mass in whole segments of pause, less their share of the time."""
    audio = torch.from_numpy(sound).float()[None, None]
    count = support // SEGMENT
    starts = np.arange(count) * SEGMENT
    inside = np.any([(starts >= begin) & (starts + SEGMENT <= end) for begin, end in spans], axis=0)
    rows = []
    for method, function in METHODS["time"].items():
        for head, value in function(network, audio).items():
            size = value[0, :count].abs().double().numpy()
            share = size[inside].sum() / max(size.sum(), 1e-30) - inside.mean()
            rows.append({"kind": "map", "name": method, "head": head, "value": float(share)})
    return rows


def _who(one: Plan, job: CounterfactualJob) -> dict[str, str]:
    return {"utterance": one.name, "speaker": job.speaker}
