"""What is planted in an utterance: from latent valence and arousal to acoustic cues, and to a plan of the utterance.

A plan holds all that the synthesiser needs. Its noise comes from streams of random numbers that depend on the
utterance's name and the seed alone, so a plan with one cue changed gives a *counterfactual pair*: the same speaker,
the same syllables, the same noise, one cue different.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from elor.corpora.demo.random_numbers import chance
from elor.corpora.demo.recipe_schema import CUES, Durations, Recipe, Speaker

EDGE_S = 0.04
"""Seconds of noise floor before the first and after the last syllable."""

MIN_SYLLABLES = 2


@dataclass(frozen=True)
class Cues:
    """The planted acoustics of one utterance; `data/demo.yaml` says what each one means and where it comes from."""

    f0_semitones: float
    f0_range_semitones: float
    rate: float
    level_db: float
    peakiness: float
    tilt_db: float
    formant_scale: float
    ring_db: float
    creak: int
    aspiration_db: float
    run_s: float
    pause_s: float
    pause_cv: float
    pause_trend: float
    contour: Literal["falling", "rising", "alternating"]


@dataclass(frozen=True)
class Plan:
    """One utterance before it is spoken.

    Attributes:
        name: the turn's name; with `seed` it decides all noise.
        speaker: whose voice it is.
        valence, arousal: the latent mood.
        syllables: how many there are. Their number, not the duration, is fixed: a faster rate says the same in less
            time.
        cues: the planted acoustics, the speaker's own rate and level included.
        sounds: places of the consonants and vowels that the language has; None: all.
    """

    name: str
    seed: int
    speaker: Speaker
    valence: float
    arousal: float
    syllables: int
    cues: Cues
    sounds: tuple[tuple[int, ...], tuple[int, ...]] | None = None

    def with_cue(self, **changes: Any) -> Plan:
        """The counterfactual plan: the given cues changed, all else equal.

        Raises:
            TypeError: if there is no cue of a given name.
        """
        return replace(self, cues=replace(self.cues, **changes))

    def chance(self, purpose: str) -> np.random.Generator:
        """A fresh generator of this utterance's noise for one purpose."""
        return chance(self.name, self.seed, purpose)


def plan_utterance(
    recipe: Recipe, speaker: str, valence: float, arousal: float, name: str, seed: int, duration_s: float | None = None
) -> Plan:
    """Plan an utterance of a given mood.

    Args:
        recipe: the constants.
        speaker: a name among the recipe's speakers.
        valence: the latent valence, in about -1..1.
        arousal: the latent arousal, in about -1..1.
        name: the utterance's name, which decides its noise together with `seed`.
        seed: the corpus's seed, not negative.
        duration_s: about how long the utterance lasts; drawn when not given.
    """
    voice = recipe.speakers[speaker]
    cues = planted(recipe, voice, valence, arousal, chance(name, seed, "cues"))
    if duration_s is None:
        duration_s = draw_duration(recipe.durations, name, chance(name, seed, "duration"))
    sounds = None if recipe.sounds is None else recipe.sounds.places
    return Plan(name, seed, voice, valence, arousal, syllables_in(duration_s, cues), cues, sounds)


def planted(recipe: Recipe, speaker: Speaker, valence: float, arousal: float, random: np.random.Generator) -> Cues:
    """Draw the cues of one utterance."""
    values = {cue: evaluate(recipe, cue, speaker, valence, arousal, random.standard_normal()) for cue in CUES}
    values["rate"] *= speaker.rate
    values["level_db"] += speaker.level_db
    creak = round(values.pop("creak"))
    return Cues(**values, creak=creak, contour=_contour(recipe, valence))


def evaluate(recipe: Recipe, cue: str, speaker: Speaker, valence: float, arousal: float, noise: float) -> float:
    """One cue's formula, but for the speaker's own rate and level; `noise` is standard normal."""
    formula = recipe.cues[cue]
    gain = recipe.valence_gain if formula.gain else 1.0
    effect = formula.arousal * arousal + gain * (formula.valence * valence + formula.extremes * abs(valence))
    x = effect * (speaker.expressivity if formula.expressive else 1.0) + formula.noise * noise
    value = formula.base + x if formula.scale == "linear" else formula.base * 2.0**x
    return float(min(max(value, formula.low), formula.high))


def _contour(recipe: Recipe, valence: float) -> Literal["falling", "rising", "alternating"]:
    if valence < recipe.contour.falling_below:
        return "falling"
    return "alternating" if valence > recipe.contour.alternating_above else "rising"


def draw_duration(durations: Durations, name: str, random: np.random.Generator) -> float:
    """Seconds that an utterance is to last: lognormal, now and then brief, once gigantic."""
    normal, uniform = random.standard_normal(), random.random()
    if name == durations.giant_turn:
        return durations.giant_s
    if uniform < durations.brief_share:
        return durations.brief_s
    drawn = durations.median_s * float(np.exp(durations.log_deviation * normal))
    return min(max(drawn, durations.shortest_s), durations.longest_s)


def syllables_in(duration_s: float, cues: Cues) -> int:
    """How many syllables fill about `duration_s` at the planned rate, runs and pauses."""
    inner = duration_s - 2 * EDGE_S
    pauses = int(inner / (cues.run_s + cues.pause_s))
    return max(MIN_SYLLABLES, round((inner - pauses * cues.pause_s) * cues.rate))
