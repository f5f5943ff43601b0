"""What is said below the table of results fits the dimensions that were asked for."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from elor.evaluation.evaluate import evaluate
from elor.evaluation.settings import Settings
from elor.report.results import Results, labelled, title
from elor.report.score_tables import headline, selected, spread
from elor.report.table_notes import _ceiling, _classes, _joint, reading, setting
from tests.worlds.tables import World, make_world


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


def test_values_that_all_folds_share_are_shown_and_only_others_differ_by_fold() -> None:
    """As after a search per fold; one of the folds is a speaker called alpha."""
    origins = {"stride": "default", "alpha": "pinned", "batch": "search"}
    nested = {fold: {"stride": 32, "alpha": 0.01, "batch": batch} for fold, batch in (("alpha", 8), ("b", 16))}
    shared = {"provenance": origins, "values": nested["b"]}
    found = SimpleNamespace(protocol={"selected": {"lom": {"provenance": origins, "values": nested}, "elor": shared}})
    rows = (("stride", "32 (default)", "32 (default)"), ("alpha", "0.01 (pinned)", "0.01 (pinned)"))
    assert selected(found).groups == ((*rows, ("batch", "by fold", "16")),)


@pytest.mark.parametrize("target", ["regression", "distribution", "spread"])
def test_mean_ratings_are_nobodys_labels(target: str) -> None:
    """The corpus says how many utterances E-2 labelled, which is nothing to means over all."""
    corpus = {"utterances": 33, "minutes": 1, "speakers": 4, "ratings": 66} | {
        "labels": {"rater": "E-2", "utterances": 27}
    }
    scores = {"arousal": {"elor": {"utterance_count": 33, "ccc" if target != "distribution" else "uar": 0.3}}}
    agreement = {"rater": "mean", "reference": "the mean of the others"}
    said = setting(Results(scores, {}, agreement, {}, corpus)).items[0]
    assert "33 utterances, 33 of them tested, labelled by the mean of all evaluators;" in said
    assert "E-2" not in said
    one = Results(scores, {}, {"rater": "E-2"}, {}, corpus)
    assert "27 of them labelled by E-2" in setting(one).items[0]


def test_emotions_are_nobodys_ratings() -> None:
    """The corpus' rater is E-2, whose ratings are of valence and arousal."""
    found = Results({"emotion": {}}, {}, {}, {}, {"labels": {"rater": "E-2"}})
    assert labelled(found) == "with one of the four emotions"
    assert labelled(replace(found, scores={"arousal": {}})) == "labelled by E-2"


def test_a_run_on_shuffled_labels_says_so_in_its_results() -> None:
    assert evaluated(make_world(), shuffled=False).protocol["shuffled"] is False
    found = evaluated(make_world(), shuffled=True)
    said = "abels shuffled within speakers: the control"
    assert headline(found).caption.endswith(f"(l{said})")
    assert setting(found).items[0].startswith(f"L{said}")


def evaluated(world: World, shuffled: bool) -> Results:
    how = Settings(permutations=20, draws=20, shuffled=shuffled)
    predicted = {"elor": world.predict({"arousal": 5, "valence": 5})}
    found = evaluate(world.slices, world.folds, world.utterances, world.ratings, predicted, {}, how)
    corpus = {"utterances": 48, "minutes": 1, "speakers": 4, "ratings": 48}
    return Results.of(found, corpus | {"labels": {"rater": "E-2", "classes": 5, "utterances": 48}}, 0.95, {})


def test_the_answers_of_several_networks_are_called_that() -> None:
    """`train.seeds`: scores are of their mean, the selection gap of the first."""
    found = evaluated(make_world(), shuffled=False)
    for scores in found.scores.values():
        scores["elor"]["selection_gap_uar"] = 0.1
    several = replace(found, protocol=found.protocol | {"seeds": 3})
    said = "Networks: 3 in every fold, from as many seeds, answer by the mean of their probabilities, which is scored."
    assert said in setting(several).items
    assert said not in setting(found).items
    (gap,) = (item for item in reading(several).items if item.startswith("gap:"))
    assert gap.endswith(", of each fold's first network alone.")
    assert "first network" not in " ".join(reading(found).items)


@pytest.mark.parametrize(
    ("heads", "said"),
    [(["arousal", "valence"], "arousal and valence both"), (["arousal", "dominance", "valence"], "and valence all")],
)
def test_as_many_heads_are_right_at_once_as_there_are(heads: list[str], said: str) -> None:
    scores = {name: {"elor": {"joint_war": 0.1, "recall_0": 0.5, "recall_1": 0.5}} for name in heads}
    assert f"{said} right, one of {2 ** len(heads)} combinations" in next(_joint(SimpleNamespace(scores=scores)))


WORLD = Settings(target="spread", dimensions=("arousal",), permutations=20, draws=20)


def spreads(world: World, **networks: tuple[str, float]) -> Results:
    """Scores of files with or without deviations; those that are predicted differ between slices, or do not."""
    rng = np.random.default_rng(0)
    slices = world.slices.drop(columns="valence")
    slices = slices.assign(arousal=rng.uniform(0, 4, len(slices)), arousal_deviation=rng.uniform(0.3, 1, len(slices)))
    files = {}
    for name, (column, width) in networks.items():
        files[name] = slices[["slice"]].assign(arousal_value=slices["arousal"] + rng.normal(size=len(slices)))
        if column:
            files[name][column] = 0.5 + width * rng.uniform(size=len(slices))
    ratings = world.ratings.assign(arousal=world.ratings["arousal"].clip(1, 5))
    found = evaluate(slices, None, world.utterances, ratings, files, {}, WORLD)
    return Results.of(found, {"labels": {"rater": "E-2", "classes": 5}}, 0.95, {})


def test_a_spread_is_shown_whichever_file_comes_first() -> None:
    with_deviation, without = ("arousal_deviation", 1.0), ("", 0.0)
    for networks in ({"svm": without, "elor": with_deviation}, {"elor": with_deviation, "svm": without}):
        table = spread(spreads(make_world(), **networks))
        assert table is not None
        assert table.caption.startswith("Spread of the raters: r of predicted")
        assert "ratings within the predicted intervals" in table.caption
        assert "no r where" not in table.caption
        assert [row[1] for row in table.groups[0]] == [title(name) for name in networks]
    assert spread(spreads(make_world(), svm=without)) is None


def test_deviations_without_any_difference_have_no_r_and_the_table_says_why() -> None:
    table = spread(spreads(make_world(), elor=("arousal_deviation", 0.0)))
    assert table is not None
    assert "no r where the raters' deviations, or the predicted ones, are all alike" in table.caption
