"""What is said in every turn, and its transcription as IEMOCAP writes it (the reader is `elor/corpora/texts.py`).

The words have streams of chance of their own: no sound and no rating depends on them.
"""

import numpy as np

from elor.corpora.demo.annotations import Timed
from elor.corpora.demo.casting import Turn
from elor.corpora.demo.random_numbers import chance
from elor.corpora.demo.recipe_schema import Recipe


def said(recipe: Recipe, turn: Turn, seed: int) -> str:
    """The words of a turn: its own where it is improvised, those of its place in the script where it is scripted."""
    words, scripted = recipe.words, turn.scenario.startswith("script")
    valence = recipe.dialogues[turn.scenario].valence if scripted else turn.valence
    random = chance(turn.scenario + turn.name[-5:] if scripted else turn.name, seed, "words")
    count = int(random.integers(words.fewest, words.most + 1))
    high = np.clip((1 + valence) / 2, 0, 1)
    spoken = []
    for _ in range(count):
        telling, which = random.random() < words.telling_share, random.random() < high
        some = (words.high if which else words.low) if telling else words.telling_nothing
        spoken.append(some[int(random.integers(len(some)))])
    return " ".join(spoken).capitalize() + "."


def transcription(recipe: Recipe, turns: Timed, seed: int) -> str:
    """The transcription of a dialogue, in the order of time, with a line of nobody and a piece that is no turn."""
    lines = [
        f"{turn.name} [{start:08.4f}-{end:08.4f}]: {said(recipe, turn, seed)}"
        for turn, (start, end) in sorted(turns, key=lambda pair: pair[1])
    ]
    dialogue, end = turns[0][0].dialogue, max(times[1] for _, times in turns)
    lines[1:1] = ["M: Mhm."]
    lines.append(f"{dialogue}_FXX0 [{end:08.4f}-{end + 0.5:08.4f}]: [LAUGHTER]")
    return "\n".join(lines) + "\n"
