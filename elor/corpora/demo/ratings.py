"""What evaluators and actors write down about the turns, the slips of their pens included."""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from elor.corpora.demo.casting import Turn
from elor.corpora.demo.random_numbers import chance
from elor.corpora.demo.recipe_schema import CHOSEN_RATER, SELF, Irregularities, Recipe

VOTERS = ("E-2", "E-3", "E-4")
"""Who gives categories; in IEMOCAP, too, they are not the ones who rate dimensions."""

CODES = {
    "Anger": "ang",
    "Frustration": "fru",
    "Sadness": "sad",
    "Neutral state": "neu",
    "Happiness": "hap",
    "Excited": "exc",
}
"""IEMOCAP's code for each category that is voted for."""

NO_MAJORITY = "xxx"
NEUTRAL_RADIUS = 0.3
VOTE_DEVIATION = 0.2
DOMINANCE_OF_AROUSAL = 0.6

REMARKS = (
    "hesitates",
    "hard to tell, noisy",
    "sarcastic?",
    "starts calm; then not",
    "two moods, I took the later one.",
)


@dataclass(frozen=True)
class Rating:
    """One rater's line: valence, activation and dominance on 1..5, None where the line has a placeholder."""

    rater: str
    valence: int | None
    arousal: int | None
    dominance: int | None
    remark: str = ""


@dataclass(frozen=True)
class Vote:
    """One rater's categories, perhaps none."""

    rater: str
    categories: tuple[str, ...]


@dataclass(frozen=True)
class Annotation:
    """All that is written about a turn: its emotion by majority, the votes, the ratings."""

    emotion: str
    votes: tuple[Vote, ...]
    ratings: tuple[Rating, ...]


def annotate(recipe: Recipe, turns: list[Turn], seed: int) -> dict[str, Annotation]:
    """The annotation of every turn, by its name."""
    ratings = {turn.name: _ratings(recipe, turn, seed) for turn in turns}
    _spoil(recipe.irregularities, ratings, np.random.default_rng([seed, len(turns)]))
    annotations = {}
    for turn in turns:
        votes = _votes(recipe, turn, seed)
        annotations[turn.name] = Annotation(majority(votes), votes, tuple(ratings[turn.name]))
    return annotations


def _ratings(recipe: Recipe, turn: Turn, seed: int) -> list[Rating]:
    """Ratings of the dialogue's evaluators, perhaps of one more, perhaps of the actor."""
    evaluators = list(recipe.dialogues[turn.scenario].evaluators)
    others = sorted(set(recipe.raters) - {*evaluators, CHOSEN_RATER, SELF})
    random = chance(turn.name, seed, "evaluators")
    if others and random.random() < recipe.irregularities.third_evaluator_share:
        evaluators = sorted([*evaluators, others[int(random.integers(len(others)))]])
    return [_rating(recipe, turn, rater, seed) for rater in [*evaluators, *_self_reports(recipe, turn)]]


def _self_reports(recipe: Recipe, turn: Turn) -> list[str]:
    """The actor of an improvised turn, where this session's actor reports on her- or himself."""
    actor = f"{turn.gender}-{turn.session}"
    improvised = turn.scenario.startswith("impro")
    return [actor] if improvised and actor in recipe.irregularities.self_reports else []


def _rating(recipe: Recipe, turn: Turn, rater: str, seed: int) -> Rating:
    manner = recipe.raters.get(rater, recipe.raters[SELF])
    random = chance(turn.name, seed, rater)
    noise = manner.deviation * 2 ** (recipe.disagreement * turn.arousal) * random.standard_normal(3)
    valence = _score(turn.valence, manner.valence_bias + noise[0])
    arousal = _score(turn.arousal, manner.arousal_bias + noise[1])
    dominance = _score(DOMINANCE_OF_AROUSAL * turn.arousal, noise[2])
    odd = recipe.irregularities
    likely = 0.9 if rater == odd.remarking_rater else odd.remark_share
    remark = REMARKS[int(random.integers(len(REMARKS)))] if random.random() < likely else ""
    return Rating(rater, valence, arousal, dominance, remark)


def _score(latent: float, offset: float) -> int:
    """A rating: 3 is the middle, and one point is half of the latent scale."""
    return int(np.clip(round(3 + 2 * latent + offset), 1, 5))


def _spoil(odd: Irregularities, ratings: dict[str, list[Rating]], random: np.random.Generator) -> None:
    """Put placeholders into some lines, in place."""
    evaluators = [(turn, k) for turn, lines in ratings.items() for k, line in enumerate(lines) if line.rater[0] == "E"]
    chosen = [(turn, k) for turn, k in evaluators if ratings[turn][k].rater == CHOSEN_RATER]
    others = [(turn, k) for turn, k in evaluators if ratings[turn][k].rater != CHOSEN_RATER]
    picked = [chosen[i] for i in random.permutation(len(chosen))]
    empty, no_dominance = np.split(np.array(picked, dtype=object), [odd.placeholders.chosen])
    for turn, k in [*empty, *(others[i] for i in random.permutation(len(others))[: odd.placeholders.others])]:
        ratings[turn][k] = replace(ratings[turn][k], valence=None, arousal=None, dominance=None)
    for turn, k in no_dominance[: odd.missing_dominance]:
        ratings[turn][k] = replace(ratings[turn][k], dominance=None)


def _votes(recipe: Recipe, turn: Turn, seed: int) -> tuple[Vote, ...]:
    votes = []
    for rater in [*VOTERS, *_self_reports(recipe, turn)]:
        random = chance(turn.name, seed, f"vote {rater}")
        valence, arousal = np.array([turn.valence, turn.arousal]) + VOTE_DEVIATION * random.standard_normal(2)
        categories = [category(float(valence), float(arousal))]
        luck = random.random()
        if luck < 0.05:
            categories.append("Other")
        elif luck > 0.99:
            categories.clear()  # a line without a vote, as it happens in IEMOCAP
        votes.append(Vote(rater, tuple(categories)))
    return tuple(votes)


def category(valence: float, arousal: float) -> str:
    """The category of a quadrant of valence and arousal, or of the neutral middle."""
    if np.hypot(valence, arousal) < NEUTRAL_RADIUS:
        return "Neutral state"
    if valence >= 0:
        return "Excited" if arousal > 0.5 else "Happiness" if arousal > -0.2 else "Neutral state"
    return "Anger" if arousal > 0.4 else "Frustration" if arousal > -0.1 else "Sadness"


def majority(votes: tuple[Vote, ...]) -> str:
    """IEMOCAP's code of the category that most evaluators agree on, `xxx` where none has a majority."""
    counted = Counter(vote.categories[0] for vote in votes if vote.rater[0] == "E" and vote.categories)
    best = counted.most_common(1)
    return CODES[best[0][0]] if best and best[0][1] > len(VOTERS) / 2 else NO_MAJORITY
