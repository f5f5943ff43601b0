"""The baseline: scikit-learn's own pipelines as oracle, and what it chooses by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from elor.engine import Engine
from elor.targets import Head
from elor.training.folds import make_folds
from elor.training.svm_baseline import CHOICES, Choice, Fold, across, cross_validated, predict
from tests.worlds import toy

pytestmark = pytest.mark.long

HEADS = (Head("arousal", 3), Head("valence", 3))


@pytest.fixture
def features(tmp_path: Path) -> tuple[Path, pd.DataFrame]:
    """Functionals of which some tell the arousal, faintly, and one the valence of a rare class."""
    slices = toy.tables(speakers=4, each=24)
    random = np.random.default_rng(3)
    slices["valence"] = random.choice(3, len(slices), p=[0.7, 0.2, 0.1])
    array = random.normal(size=(len(slices), 30)) * 10.0 ** np.arange(-3, 3).repeat(5)
    array[:, :5] += slices["arousal"].to_numpy()[:, None] * 2e-2
    array[:, 7] += slices["valence"].to_numpy() * 2e-2
    np.save(tmp_path / "is10.npy", array.astype(np.float32))
    return tmp_path / "is10.npy", slices


def fold_of(features: tuple[Path, pd.DataFrame], heads=HEADS, choices=CHOICES) -> Fold:
    path, slices = features
    table = make_folds(slices, "paper", 0.2, 10, seed=1)
    roles = table[table["fold"] == "S00"].set_index("slice")["role"].reindex(slices["slice"]).to_numpy()
    rows = {role: np.flatnonzero(roles == role) for role in ("train", "validation", "test")}
    return Fold("S00", path, rows, {h.name: slices[h.name].to_numpy() for h in heads}, heads, choices)


@pytest.mark.parametrize("choice", [CHOICES[0], CHOICES[3], CHOICES[6], CHOICES[12], CHOICES[16]])
def test_each_machine_is_scikit_learns(features, choice: Choice) -> None:
    fold = fold_of(features, choices=(choice,))
    array = np.load(fold.features).astype(np.float64)
    for head in HEADS:
        truth = fold.truth[head.name]
        weight = "balanced" if choice.balanced else None
        machine = make_pipeline(StandardScaler(), SVC(kernel=choice.kernel, C=choice.cost, class_weight=weight))
        machine.fit(array[fold.rows["train"]], truth[fold.rows["train"]])
        predicted, chosen, score = predict(fold)[head.name]
        np.testing.assert_array_equal(predicted, machine.predict(array[fold.rows["test"]]))
        validation = fold.rows["validation"]
        assert score == pytest.approx(balanced_accuracy_score(truth[validation], machine.predict(array[validation])))
        assert chosen == choice


def test_the_first_best_on_the_validation_slices_is_chosen(features) -> None:
    fold = fold_of(features)
    for name, (_, chosen, score) in predict(fold).items():
        alone = [predict(fold_of(features, choices=(choice,)))[name][2] for choice in CHOICES]
        assert chosen == CHOICES[int(np.argmax(alone))]
        assert score == max(alone)


def test_values_are_predicted_by_a_regression_that_knows_no_balance(features) -> None:
    heads = (Head("arousal", None),)
    fold = fold_of(features, heads, (Choice("linear", 0.1, balanced=True), Choice("linear", 0.1)))
    array = np.load(fold.features).astype(np.float64)
    machine = make_pipeline(StandardScaler(), SVR(kernel="linear", C=0.1))
    machine.fit(array[fold.rows["train"]], fold.truth["arousal"][fold.rows["train"]])
    predicted, chosen, _ = predict(fold)["arousal"]
    np.testing.assert_allclose(predicted, machine.predict(array[fold.rows["test"]]), rtol=1e-6, atol=1e-6)
    assert chosen == Choice("linear", 0.1)


@pytest.mark.parametrize("valued", [False, True])
def test_functionals_that_do_not_vary_are_taken_as_scikit_learn_takes_them(features, valued: bool) -> None:
    path, slices = features
    np.save(path, np.ones((len(slices), 30), np.float32))
    fold = fold_of(features, (Head("arousal", None if valued else 3),), (Choice("rbf", 1.0),))
    machine = (SVR if valued else SVC)(C=1.0).fit(
        np.zeros((len(fold.rows["train"]), 30)), fold.truth["arousal"][fold.rows["train"]]
    )
    expected = machine.predict(np.zeros((len(fold.rows["test"]), 30)))
    np.testing.assert_allclose(predict(fold)["arousal"][0], expected)


@pytest.mark.parametrize(
    ("protocol", "few", "teaching"),
    [("paper", 1, {"a"}), ("paper", 2, {"a", "b"}), ("strict", 1, {"a"}), ("strict", 2, {"a"})],
)
def test_a_corpus_that_can_spare_nothing_teaches_nothing_and_is_tested_all_the_same(
    features, protocol: str, few: int, teaching: set[str]
) -> None:
    path, slices = features
    slices = slices.assign(corpus=["b"] * few + ["a"] * (len(slices) - few))
    copies = pd.DataFrame(columns=["utterance", "other"])
    found = across(path, slices, copies, (protocol, 0.2, 10, 1), HEADS[:1], Engine("cpu", 1))
    assert set(found["trained_on"]) == teaching
    tested = found[(found["trained_on"] == "a") & (found["fold"] == "away")]
    assert set(tested["slice"]) == set(slices["slice"][:few])


def test_a_corpus_whose_only_other_slices_are_copies_teaches_nothing(features) -> None:
    path, slices = features
    slices = slices.assign(corpus=["b"] * 2 + ["a"] * (len(slices) - 2), utterance=slices["slice"])
    copies = pd.DataFrame({"utterance": slices["slice"][:1].to_numpy(), "other": slices["slice"][30:31].to_numpy()})
    found = across(path, slices, copies, ("paper", 0.2, 10, 1), HEADS[:1], Engine("cpu", 1))
    assert set(found["trained_on"]) == {"a"}


def test_every_slice_is_predicted_by_the_fold_that_tests_it_for_any_number_of_workers(features) -> None:
    path, slices = features
    folds = make_folds(slices, "paper", 0.2, 10, seed=1)
    few = (CHOICES[2], CHOICES[11])
    found, chosen = cross_validated(path, slices, folds, HEADS, Engine("cpu", 2), few)
    assert sorted(found["slice"]) == sorted(slices["slice"])
    assert (found["fold"] == found["speaker"]).all()
    assert list(found.columns) == ["slice", "utterance", "fold", "speaker", "arousal", "valence"]
    assert len(chosen) == 2 * folds["fold"].nunique()
    again, _ = cross_validated(path, slices, folds, HEADS, Engine("cpu", 1), few)
    pd.testing.assert_frame_equal(found, again)
    truth = slices.set_index("slice").loc[found["slice"], "arousal"].to_numpy()
    assert (found["arousal"] == truth).mean() > 0.6  # planted


def test_a_functional_that_is_rounding_in_training_does_not_throw_an_answer_out_of_the_scale(features) -> None:
    path = features[0]
    head = Head("arousal", None)
    fold = fold_of(features, (head,), (Choice("linear", 1e-3),))
    array = np.load(path)
    array[:, 20] = 0
    array[fold.rows["train"][:3], 20] = 4e-17
    np.save(path, array)
    usual = predict(fold)["arousal"][0]
    array[fold.rows["test"][0], 20] = -0.137
    np.save(path, array)
    answers = predict(fold)["arousal"][0]
    np.testing.assert_array_equal(answers[1:], usual[1:])
    assert abs(answers[0] - usual[0]) < 2  # without a bound 1e13
