"""What networks really use: utterances spoken again with less and with more of one cue, all else equal.

The demonstration's synthesiser speaks an utterance again (`spoken_again`); another invented corpus brings such pairs as
recordings (`elor.corpora.declared_truth`). The network that never heard the speaker answers both.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from elor.audio import FULL_SCALE, SAMPLE_RATE, read_int16
from elor.corpora.declared_truth import Pair
from elor.corpora.demo import Plan, Recipe, synthesise
from elor.corpora.demo.recipe_schema import CUES
from elor.device import exact
from elor.evaluation.intervals import speaker_interval
from elor.explain.interventions.alterations import ALTERATIONS
from elor.explain.interventions.run import answers, extremities
from elor.explain.interventions.stretch_and_pitch import fitted
from elor.explain.model import predict
from elor.features.slices import SLICE_SAMPLES
from elor.training.weights_file import load_network

ROOM = SLICE_SAMPLES - SAMPLE_RATE // 2
"""Longest utterance that is taken, in samples: spoken more slowly it must still fit into a slice."""


class Altered(NamedTuple):
    """An utterance whose finished sound is altered: name and dose of the alteration, seed of what it draws."""

    plan: Plan
    alteration: str
    dose: float
    seed: int


@dataclass(frozen=True)
class PairJob:
    """Pairs of one speaker, and the network that never heard him or her."""

    speaker: str
    network: Path
    pairs: tuple[Pair, ...]


class Effect(NamedTuple):
    """Half the difference between a network's answers to more and to less of a cue: mean over speakers, t-interval."""

    change: float
    low: float
    high: float


def sampled(plans: Sequence[Plan], truth: pd.DataFrame, each: int, seed: int) -> dict[str, list[Plan]]:
    """Utterances of every speaker that fit into a slice.

    Args:
        plans: of the whole corpus.
        truth: truth.csv, for speakers and lengths.
        each: at most so many of every speaker.
        seed: of the draw.
    """
    known = truth.set_index("utterance")
    fitting = pd.DataFrame({"plan": [one for one in plans if known["samples"][one.name] <= ROOM]})
    fitting["speaker"] = known["speaker"].reindex([one.name for one in fitting["plan"]]).to_numpy()
    return {
        str(speaker): list(rows.sample(min(each, len(rows)), random_state=seed)["plan"])
        for speaker, rows in fitting.groupby("speaker")
    }


def moved(recipe: Recipe, one: Plan, steps: pd.Series) -> dict[str, float]:
    """Each cue's value moved by its step, within the recipe's limits; creak stays a whole number."""
    values: dict[str, float] = {}
    for cue, value in asdict(one.cues).items():
        if cue in CUES:
            formula = recipe.cues[cue]
            free = cue in ("rate", "level_db")  # these hold the speaker's own on top of the formula
            shifted = value + steps[cue]
            values[cue] = float(shifted if free else np.clip(shifted, formula.low, formula.high))
    values["creak"] = round(values["creak"])
    return values


def spoken_again(
    recipe: Recipe, plans: Sequence[Plan], truth: pd.DataFrame, cues: Iterable[str], each: int, seed: int
) -> list[Pair]:
    """Pairs a standard deviation over the corpus below and above an utterance's own value.

    Args:
        recipe, plans, truth, each, seed: as `sampled` and `moved`.
        cues: which are moved.
    """
    spread, found = truth[list(CUES)].std(), []
    for speaker, some in sampled(plans, truth, each, seed).items():
        for one in some:
            less, more = (moved(recipe, one, side * spread) for side in (-1, 1))
            found += [
                Pair(speaker, cue, one.with_cue(**{cue: less[cue]}), one.with_cue(**{cue: more[cue]})) for cue in cues
            ]
    return found


def tested_by(folds: pd.DataFrame, slices: pd.DataFrame, models: Path) -> dict[str, Path]:
    """By speaker the network of the fold that tests him or her; folds.csv, slices.csv, a folder of networks."""
    known = folds.merge(slices[["slice", "speaker"]], on="slice")
    tested = known[known["role"] == "test"].drop_duplicates("speaker")
    return {
        str(speaker): models / f"{fold}.safetensors"
        for speaker, fold in zip(tested["speaker"], tested["fold"], strict=True)
    }


def jobs(pairs: Sequence[Pair], networks: Mapping[str, Path]) -> list[PairJob]:
    """One job per speaker who has a network."""
    by_speaker: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_speaker.setdefault(pair.speaker, []).append(pair)
    return [PairJob(name, networks[name], tuple(some)) for name, some in by_speaker.items() if name in networks]


@exact()
def measure(job: PairJob) -> pd.DataFrame:
    """Speak and ask: speaker, cue, answer, value (half the difference of the answers to more and to less)."""
    network = load_network(job.network)
    heads = network.architecture.heads
    sounds = np.stack([fitted(_sound(end), SLICE_SAMPLES) for pair in job.pairs for end in (pair.less, pair.more)])
    logits = predict(network, torch.from_numpy(sounds).float()[:, None])
    rows = [
        {"speaker": job.speaker, "cue": pair.cue, "answer": answer, "value": (high - low) / 2}
        for answer, values in (answers(heads, logits) | extremities(heads, logits)).items()
        for pair, (low, high) in zip(job.pairs, values.reshape(-1, 2), strict=True)
    ]
    return pd.DataFrame(rows)


def effects(
    found: pd.DataFrame, spread: Mapping[str, float | None], confidence: float = 0.95
) -> dict[tuple[str, str], Effect]:
    """By cue and answer the effect, in standard deviations of the answers to unaltered slices.

    Args:
        found: rows of all jobs.
        spread: by answer that deviation; without one there is no effect.
        confidence: of the t-intervals over speakers.
    """
    known: dict[tuple[str, str], Effect] = {}
    for (cue, answer), rows in found.groupby(["cue", "answer"]):
        means, unit = rows.groupby("speaker")["value"].mean(), spread.get(answer)
        if unit and len(means) > 1:
            ends = speaker_interval(means, confidence)
            known[cue, answer] = Effect(*(float(value) / unit for value in (means.mean(), *ends)))
    return known


def _sound(one: Plan | Altered | Path) -> NDArray:
    if isinstance(one, Path):
        return read_int16(one) / FULL_SCALE
    sound = synthesise(one.plan if isinstance(one, Altered) else one).samples / FULL_SCALE
    if not isinstance(one, Altered) or one.dose == (how := ALTERATIONS[one.alteration]).none:
        return sound
    return how.apply(sound, one.dose, np.random.default_rng(one.seed))
