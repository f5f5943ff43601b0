"""What is said below the table of results fits the dimensions that were asked for."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from elor.report.table_notes import _ceiling, _classes


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


def test_a_score_over_some_of_the_classes_is_called_one() -> None:
    """As where a network of five classes is scored on acted speech that has two of them."""
    recalls = {f"recall_{k}": value for k, value in enumerate([None, 0.2, None, 0.4, None])}
    every = {f"recall_{k}": 0.2 for k in range(5)}
    found = SimpleNamespace(scores={"arousal": {"elor": recalls}, "valence": {"elor": every}}, protocol={"folds": 2})
    said, *others = _classes(found, "UAR")
    assert said.startswith("UAR of arousal is a mean over the 2 of 5 classes that occur: whoever always answers one of")
    assert "reaches 0.500, who answers any of the 5 0.200;" in said
    assert not any("that occur" in other for other in others)
    values = SimpleNamespace(scores={"arousal": {"elor": {"ccc": 0.3}}}, protocol={})
    assert list(_classes(values, "CCC")) == ["CCC folds: mean over folds."]
