"""What the demonstration corpus' recipe makes true: planted cues, and ratings of a larger corpus drawn from it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from elor.corpora.declared_truth import Truth
from elor.corpora.demo.casting import cast
from elor.corpora.demo.cues import Plan, plan_utterance
from elor.corpora.demo.ratings import annotate
from elor.corpora.demo.recipe_schema import Recipe

POPULATION = 5_000
"""Utterances that stand for all that the recipe could give."""

ANEW = 1_000_003
"""Added to the corpus' seed, so that the population is drawn anew."""


def planted(recipe: Recipe) -> Truth:
    """Which cues the recipe ties to which latent mood, and with which sign."""
    cues: dict[str, dict[str, int]] = {"arousal": {}, "valence": {}, "valence.extremity": {}}
    for name, formula in recipe.cues.items():
        gain = recipe.valence_gain if formula.gain else 1.0
        slopes = (formula.arousal, gain * formula.valence, gain * formula.extremes)
        for answer, slope in zip(cues, slopes, strict=True):
            if slope:
                cues[answer][name] = int(np.sign(slope))
    return Truth(cues=cues)


def population(recipe: Recipe, seed: int, utterances: int = POPULATION) -> pd.DataFrame:
    """Evaluators' ratings of a large corpus that nobody speaks: utterance, speaker, rater, valence, arousal.

    Args:
        recipe: the constants.
        seed: of the corpus; the population is drawn from another.
        utterances: how many.
    """
    turns = cast(recipe, utterances, seed + ANEW)
    notes = annotate(recipe, turns, seed + ANEW)
    rows = [
        (turn.name, turn.speaker, line.rater, line.valence, line.arousal)
        for turn in turns
        for line in notes[turn.name].ratings
        if line.rater.startswith("E") and line.valence is not None and line.arousal is not None
    ]
    return pd.DataFrame(rows, columns=["utterance", "speaker", "rater", "valence", "arousal"])


def plans_of(recipe: Recipe, utterances: int, seed: int) -> Sequence[Plan]:
    """How every utterance of a corpus was planned, in the order of truth.csv."""
    turns = cast(recipe, utterances, seed)
    return [plan_utterance(recipe, one.speaker, one.valence, one.arousal, one.name, seed) for one in turns]
