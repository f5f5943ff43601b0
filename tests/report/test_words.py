"""What the page says of networks that are told the words, in sentences."""

from __future__ import annotations

import pytest

from elor.evidence.words import Words
from elor.report.words import sentences


@pytest.mark.parametrize(
    ("p", "patterns", "said"),
    [
        (1 / 3, 3, "too few seeds to tell (p 0.333; of 3 ways to name them none gives less than 0.333)."),
        (0.1, 10, "too few seeds to tell (p 0.100; of 10 ways to name them none gives less than 0.100)."),
        (1 / 35, 35, " otherwise (p 0.029, 35 ways to name the networks)."),
        (0.4, 35, ": no more apart than seeds are (p 0.400, 35 ways to name the networks)."),
        (None, 0, ": nothing to compare, since some are undefined."),
    ],
)
def test_a_verdict_needs_seeds_enough(p: float | None, patterns: int, said: str) -> None:
    test = {"difference": None if p is None else 0.5, "p": p, "patterns": patterns}
    maps = test | {"slices": 3, "plain": 0.9, "told": 0.9, "between": 0.4}
    of_maps, of_sound = sentences(Words.of(maps={"arousal": maps}, effects=test | {"rows": []}))
    assert of_sound.endswith(said)
    assert of_maps.endswith(said.replace("otherwise", "elsewhere"))
