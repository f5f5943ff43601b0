"""What is said below the table of results fits the dimensions that were asked for."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from elor.report.reading import _ceiling


@pytest.mark.parametrize(
    ("dimensions", "said"),
    [
        (("arousal",), "alpha arousal 0.500; all agree in 25 % of 8 utterances."),
        (("arousal", "valence"), "alpha arousal 0.500, valence 0.500; all agree on both in 25 %"),
        (("arousal", "dominance", "valence"), "valence 0.500; all agree on all in 25 %"),
    ],
)
def test_agreement_is_on_as_many_dimensions_as_there_are(dimensions: tuple[str, ...], said: str) -> None:
    agreement = {"exact": 0.25, "exact_utterances": 8} | {name: {"alpha": 0.5} for name in dimensions}
    (sentence,) = _ceiling(SimpleNamespace(people={}, agreement=agreement))
    assert said in sentence
