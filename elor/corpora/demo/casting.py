"""Who speaks when, in which mood: the turns of every dialogue.

A dialogue's random numbers depend on its name and the seed alone, so a larger corpus only makes dialogues longer.
"""

from dataclasses import dataclass

import numpy as np

from elor.corpora.demo.random_numbers import chance
from elor.corpora.demo.recipe_schema import Dialogue, Moods, Recipe
from elor.errors import UserError

SESSIONS = 5


@dataclass(frozen=True)
class Turn:
    """One utterance to be acted.

    Attributes:
        name: the turn's name in the release, for instance `Ses03F_impro01_M002`.
        dialogue: the dialogue's name in the release; its letter is who wears the motion-capture markers.
        scenario: the dialogue's key in the recipe.
        speaker: session and the letter of the turn, for instance `Ses03M`.
        valence, arousal: the latent mood.
    """

    name: str
    dialogue: str
    scenario: str
    speaker: str
    valence: float
    arousal: float

    @property
    def session(self) -> int:
        return int(self.speaker[4])

    @property
    def gender(self) -> str:
        return self.speaker[5]


def cast(recipe: Recipe, utterances: int, seed: int) -> list[Turn]:
    """All turns, session by session, dialogue by dialogue, each dialogue in the order of time.

    Raises:
        UserError: if there is not a turn for every dialogue.
    """
    scenarios = list(recipe.dialogues)
    needed = SESSIONS * len(scenarios)
    if utterances < needed:
        raise UserError(f"{utterances} utterances are too few: the recipe has {needed} dialogues, ask for as many.")
    turns: list[Turn] = []
    for session, share in enumerate(_shares(utterances, SESSIONS), start=1):
        for number, count in enumerate(_shares(share, len(scenarios))):
            # who wears the markers, and who begins, changes from dialogue to dialogue
            marked, first = "FM"[(session + number + 1) % 2], "FM"[(session + number) % 2]
            turns += _dialogue(recipe, f"Ses0{session}", scenarios[number], marked, first, count, seed)
    names, giant = {turn.name for turn in turns}, recipe.durations.giant_turn
    if giant not in names:
        raise UserError(f"The recipe's durations.giant_turn {giant} is no turn of the corpus; {min(names)} is one.")
    return turns


def _shares(total: int, parts: int) -> list[int]:
    """Deal `total` to `parts` as evenly as can be, the first ones first."""
    return [total // parts + (k < total % parts) for k in range(parts)]


def _dialogue(
    recipe: Recipe, session: str, scenario: str, marked: str, first: str, count: int, seed: int
) -> list[Turn]:
    """The turns of one dialogue; `marked` wears the markers, `first` begins."""
    plain = f"{session}{marked}_{scenario}"
    name = plain + recipe.irregularities.suffixes.get(plain, "")
    random = chance(name, seed, "dialogue")
    moods = {letter: _Mood(recipe.dialogues[scenario], recipe.moods) for letter in "FM"}
    numbers = dict.fromkeys("FM", 0)
    turns, gender = [], first
    for index in range(count):
        change = random.random() < recipe.moods.change_of_speaker
        if index == 1 or (index > 1 and change):  # the second turn is always the other one's: both are heard
            gender = "M" if gender == "F" else "F"
        valence, arousal = moods[gender].next(random)
        turn = f"{name}_{gender}{numbers[gender]:03d}"
        numbers[gender] += 1
        turns.append(Turn(turn, name, scenario, f"{session}{gender}", float(valence), float(arousal)))
    return turns


class _Mood:
    """One speaker's latent valence and arousal through a dialogue."""

    def __init__(self, dialogue: Dialogue, moods: Moods) -> None:
        self.centre = np.array([dialogue.valence, dialogue.arousal])
        self.moods = moods
        self.deviation = np.zeros(2)

    def next(self, random: np.random.Generator) -> np.ndarray:
        """The next turn's mood; shape (2,)."""
        moods, noise, elsewhere = self.moods, random.standard_normal(2), random.uniform(-1, 1, 2)
        self.deviation = moods.persistence * self.deviation + moods.innovation * noise
        mood = elsewhere if random.random() < moods.uniform_share else self.centre + self.deviation
        return np.clip(mood, -moods.limit, moods.limit)
