"""What a trained network really uses of the demonstration corpus' planted acoustics, and who else finds it out.

The synthesiser speaks an utterance again with one cue moved by a standard deviation up or down: same speaker, same
syllables, same noise. The change of the network's answer is the truth about that cue in that network. Beside it stands
the alteration of the finished sound that is meant to do the same (`elor.explain.interventions.alterations`): a test of
that, on which the analysis of real recordings rests. And for every map, how much of it lies in the planted pauses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from elor.audio import FULL_SCALE
from elor.corpora.declared_truth import Pair
from elor.corpora.demo import Plan, Recipe, synthesise
from elor.corpora.demo.recipe_schema import CUES
from elor.engine import Engine
from elor.evaluation.intervals import speaker_interval
from elor.evidence.names import EXTREMITY
from elor.explain.attribution import SEGMENT
from elor.explain.counterfactuals import Altered, jobs, measure, sampled, spoken_again
from elor.explain.interventions.stretch_and_pitch import fitted
from elor.explain.selfcheck.methods import METHODS
from elor.features.slices import SLICE_SAMPLES
from elor.networks import MultiHeadNetwork
from elor.training.weights_file import load_network

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
class PauseJob:
    """Utterances of one speaker, and the network that never heard him or her."""

    speaker: str
    network: Path
    plans: tuple[Plan, ...]


def run(
    recipe: Recipe,
    plans: Sequence[Plan],
    truth: pd.DataFrame,
    networks: Mapping[str, Path],
    each: int,
    seed: int,
    engine: Engine,
) -> pd.DataFrame:
    """Speak, alter and ask.

    Args:
        recipe: with the limits of the cues.
        plans: of the whole corpus.
        truth: truth.csv, for the cues' spread and the utterances' lengths.
        networks: by speaker the network of the fold that tests him or her.
        each: utterances per speaker, drawn from those that fit into a slice.
        seed: of the draw, and of what alterations draw.
        engine: where to compute.

    Returns:
        speaker, kind (`cue`, `alteration`, `map`), name, head, value: half the difference between the network's answers
        to more and to less of a cue; or for a map the share of its mass in the planted pauses, less their share of the
        time.
    """
    some = sampled(plans, truth, each, seed)
    asked = {"cue": spoken_again(recipe, plans, truth, CUES, each, seed), "alteration": altered(some, seed)}
    parts = []
    for kind, pairs in asked.items():
        work = jobs(pairs, networks)
        rows = pd.concat(
            engine.track(measure, [(job,) for job in work], kind, [len(job.pairs) for job in work], "pair")
        )
        rows = rows[~rows["answer"].str.endswith(f".{EXTREMITY}")]
        parts.append(rows.rename(columns={"cue": "name", "answer": "head"}).assign(kind=kind))
    maps = [(PauseJob(name, networks[name], tuple(own)),) for name, own in some.items() if name in networks]
    parts += engine.track(in_pauses, maps, "maps in pauses", [1] * len(maps), "speaker")
    return pd.concat(parts, ignore_index=True)


def altered(plans: Mapping[str, Sequence[Plan]], seed: int) -> list[Pair]:
    """Of every utterance, by speaker, and every cue the alteration that is meant to do the same."""
    return [
        Pair(speaker, cue, *(Altered(one, name, dose, seed) for dose in doses))
        for speaker, some in plans.items()
        for one in some
        for cue, (name, *doses) in TWINS.items()
    ]


def in_pauses(job: PauseJob) -> pd.DataFrame:
    """What maps attribute to planted pauses: speaker, kind, name, head, value, as `run`."""
    network, rows = load_network(job.network), []
    for one in job.plans:
        speech = synthesise(one)
        spans = [(s.start, s.end) for s in speech.segments if s.kind == "pause"]
        if spans:
            sound = speech.samples / FULL_SCALE
            rows += _in_pauses(network, fitted(sound, SLICE_SAMPLES), spans, len(sound))
    return pd.DataFrame(rows, columns=["kind", "name", "head", "value"]).assign(speaker=job.speaker)


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
        "utterances": int(found[found["kind"] == "cue"].groupby(["name", "head"]).size().max()),
        "speakers": found["speaker"].nunique(),
    }


def _effect(rows: pd.DataFrame, confidence: float) -> dict:
    """Mean over speakers of their means, its t-interval, and what it allows to say."""
    means = rows.groupby("speaker")["value"].mean()
    low, high = speaker_interval(means, confidence)
    verdict = RAISES if low > 0 else LOWERS if high < 0 else NOTHING
    return {"change": float(means.mean()), "low": low, "high": high, "speakers": len(means), "verdict": verdict}


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
