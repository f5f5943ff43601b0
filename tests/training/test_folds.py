"""Folds by speaker: closed forms, and scikit-learn's LeaveOneGroupOut as a second opinion."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut, check_cv, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from elor.errors import UserError
from elor.evaluation.leakage import check_folds
from elor.training.folds import HeldOut, RandomSlices, WholeSpeakers, held_out, make_folds, without_copies
from tests.worlds import toy


@pytest.fixture
def ten() -> pd.DataFrame:
    return toy.tables(speakers=10, each=20)


def roles(folds: pd.DataFrame, fold: str, role: str) -> set[str]:
    return set(folds[(folds["fold"] == fold) & (folds["role"] == role)]["slice"])


def test_paper_protocol_tests_one_speaker_and_validates_a_fifth_of_the_others(ten: pd.DataFrame) -> None:
    folds = make_folds(ten, "paper", 0.2, 10, seed=1)
    splits = LeaveOneGroupOut().split(ten, groups=ten["speaker"])
    for (_, test), fold in zip(splits, sorted(folds["fold"].unique()), strict=True):
        assert roles(folds, fold, "test") == set(ten["slice"].iloc[test])
        assert len(roles(folds, fold, "validation")) == round(0.2 * 180)
        assert len(roles(folds, fold, "train")) == 180 - 36
    assert check_folds(folds, ten, "paper")["shared_speakers"] > 0


def test_strict_protocol_validates_a_woman_and_a_man_who_train_nothing(ten: pd.DataFrame) -> None:
    folds = make_folds(ten, "strict", 0.2, 10, seed=1)
    check_folds(folds, ten, "strict")
    table = folds.merge(ten, on="slice")
    for _, rows in table[table["role"] == "validation"].groupby("fold"):
        assert sorted(rows.drop_duplicates("speaker")["gender"]) == ["F", "M"]


def test_a_folds_draw_depends_on_seed_and_name_alone(ten: pd.DataFrame) -> None:
    first, again = (make_folds(ten, "paper", 0.2, 10, seed=1) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    assert roles(first, "S00", "validation") != roles(make_folds(ten, "paper", 0.2, 10, seed=2), "S00", "validation")
    drawn = [roles(first, fold, "validation") for fold in first["fold"].unique()]
    assert len({frozenset(one) for one in drawn}) == 10


@pytest.mark.parametrize("protocol", ["paper", "strict"])
def test_the_order_of_rows_says_nothing(ten: pd.DataFrame, protocol: str) -> None:
    shuffled = ten.sample(frac=1, random_state=0)
    first, again = (make_folds(table, protocol, 0.2, 10, seed=1) for table in (ten, shuffled))
    for fold in first["fold"].unique():
        for role in ("train", "validation", "test"):
            assert roles(first, fold, role) == roles(again, fold, role)


def test_a_recording_is_not_learned_from_where_it_is_tested_under_another_name(ten: pd.DataFrame) -> None:
    folds = make_folds(ten, "paper", 0.2, 10, seed=1)
    one, other = (ten.loc[ten["speaker"] == name, "utterance"].iloc[0] for name in ("S00", "S01"))
    copies = pd.DataFrame([{"utterance": one, "other": other, "likeness": 0.99}])
    kept = without_copies(folds, ten, copies)
    utterance = ten.set_index("slice")["utterance"]
    gone = folds.merge(kept, how="left", indicator=True).query("_merge == 'left_only'")
    assert set(zip(gone["fold"], gone["slice"].map(utterance), strict=True)) == {("S00", other), ("S01", one)}
    assert "test" not in set(gone["role"])
    pd.testing.assert_frame_equal(without_copies(folds, ten, copies[:0]), folds)


def test_many_speakers_become_groups_of_like_size() -> None:
    slices = pd.concat([toy.tables(23, 10), toy.tables(1, 100).replace({"S00": "S99"}, regex=True)])
    groups = HeldOut(10).folds(slices["speaker"])
    assert list(groups) == [f"group-{index:02d}" for index in range(10)]
    assert sorted(name for group in groups.values() for name in group) == sorted(slices["speaker"].unique())
    assert ["S99"] in groups.values()  # as long as ten others, she stands alone
    sizes = [len(group) for group in groups.values() if group != ["S99"]]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("protocol", ["paper", "strict"])
def test_three_speakers_are_enough_and_two_are_refused(protocol: str) -> None:
    slices = toy.tables(3, 5)
    check_folds(make_folds(slices, protocol, 0.2, 10, seed=1), slices, protocol)
    with pytest.raises(UserError, match=r"has 2 speaker\(s\)"):
        make_folds(toy.tables(2, 5), protocol, 0.2, 10, seed=1)


def test_strict_works_without_genders(ten: pd.DataFrame) -> None:
    slices = ten.assign(gender="")
    folds = make_folds(slices, "strict", 0.2, 10, seed=1)
    counts = folds[folds["role"] == "validation"].merge(slices, on="slice").groupby("fold")["speaker"].nunique()
    assert (counts == 2).all()


def test_every_value_of_a_column_is_tested_once_by_those_who_never_heard_it(ten: pd.DataFrame) -> None:
    slices = ten.assign(corpus=["a"] * 80 + ["b"] * 60 + ["c"] * 60)
    for protocol in ("paper", "strict"):
        folds = make_folds(slices, protocol, 0.2, 10, seed=1, hold_out="corpus")
        assert list(folds["fold"].unique()) == ["a", "b", "c"]
        for name in "abc":
            own = set(slices["slice"][slices["corpus"] == name])
            assert roles(folds, name, "test") == own
            learned = roles(folds, name, "train") | roles(folds, name, "validation")
            assert learned == set(slices["slice"]) - own
        found = check_folds(folds, slices, protocol, hold_out="corpus")
        assert (found["folds"], found["hold_out"], found["heard_speakers"]) == (3, "corpus", 0)
    sessions = make_folds(slices, "paper", 0.2, 3, seed=1, hold_out="session")
    assert set(sessions["fold"]) == {"group-00", "group-01", "group-02"}  # five sessions in three groups
    assert check_folds(sessions, slices, "paper", hold_out="session")["shared_sessions"] == 0


def test_a_column_that_speakers_share_is_held_out_and_the_speakers_counted(ten: pd.DataFrame) -> None:
    slices = ten.assign(scenario=["improvised", "scripted"] * 100)
    folds = make_folds(slices, "paper", 0.2, 10, seed=1, hold_out="scenario")
    found = check_folds(folds, slices, "paper", hold_out="scenario")
    assert found["heard_speakers"] == 20  # ten speakers, two folds
    with pytest.raises(UserError, match="same speaker in train and test"):
        check_folds(folds, slices, "paper")
    first = folds["slice"].isin(roles(folds, "improvised", "test")) & (folds["fold"] == "scripted")
    assert set(folds["role"][first]) <= {"train", "validation"}
    broken = slices.assign(scenario="improvised")
    with pytest.raises(UserError, match="same scenario in train and test"):
        check_folds(folds, broken, "paper", hold_out="scenario")
    for values in ([1, 2] * 100, [True, False] * 100):
        numbers = slices.assign(batch=values)
        folds = make_folds(numbers, "paper", 0.2, 10, seed=1, hold_out="batch")
        assert check_folds(folds, numbers, "paper", hold_out="batch")["heard_speakers"] == 20


def test_a_corpus_own_partition_is_the_protocol(ten: pd.DataFrame) -> None:
    parts = ["Train"] * 100 + ["development"] * 40 + ["test1"] * 30 + ["test2"] * 30
    slices = ten.assign(partition=parts)
    folds = make_folds(slices, "paper", 0.2, 10, seed=1, hold_out="partition")
    assert list(folds["fold"].unique()) == ["test1", "test2"]
    for name in ("test1", "test2"):
        assert roles(folds, name, "train") == set(slices["slice"][:100])
        assert roles(folds, name, "validation") == set(slices["slice"][100:140])
        assert roles(folds, name, "test") == set(slices["slice"][slices["partition"] == name])
    assert check_folds(folds, slices, "paper", hold_out="partition")["heard_speakers"] == 0
    two = slices.assign(partition=["train"] * 100 + ["test"] * 100)  # none to develop on: a fifth of train
    folds = make_folds(two, "paper", 0.2, 10, seed=1, hold_out="partition")
    assert (len(roles(folds, "test", "validation")), len(roles(folds, "test", "train"))) == (20, 80)


@pytest.mark.parametrize(
    ("column", "values", "sentence"),
    [
        ("language", ["de"] * 200, r"has one value \(de\): nothing would be left to train on"),
        ("language", ["de"] * 150 + [""] * 50, r"50 of 200 rows have no value there \(toy\); fill the column"),
        ("role", ["a", "b"] * 100, "a name that the tables of slices and folds have for something else"),
        ("valence_p0", ["a", "b"] * 100, "a name that the tables of slices and folds have for something else"),
        ("accent", None, "which no table of this corpus has as a column"),
        ("language", ["a/b", "c"] * 100, "whose value 'a/b' cannot be part of a file's name"),
        ("partition", ["dev", "test"] * 100, "the partitions are dev, test: one must be called train"),
        ("partition", ["dev", "train"] * 100, "the partitions are dev, train: one must be called train"),
    ],
)
def test_a_column_that_cannot_be_held_out_is_one_sentence(
    ten: pd.DataFrame, column: str, values: list | None, sentence: str
) -> None:
    slices = ten if values is None else ten.assign(**{column: values})
    with pytest.raises(UserError, match=f"folds.hold_out is {column}.*{sentence}"):
        make_folds(slices, "paper", 0.2, 10, seed=1, hold_out=column)


@pytest.mark.parametrize(
    ("protocol", "rows", "remedy"),
    [("paper", 1, ""), ("strict", 1, ""), ("strict", 2, ", or take folds.protocol paper")],
)
def test_where_nothing_can_be_spared_the_advice_helps(ten: pd.DataFrame, protocol: str, rows: int, remedy: str) -> None:
    slices = ten.assign(language=["b"] * rows + ["a"] * (200 - rows))
    sentence = f"Fold a would train on {rows} slices? of S00, of .* to validate; hold out something else{remedy}[.]$"
    with pytest.raises(UserError, match=sentence):
        make_folds(slices, protocol, 0.2, 10, seed=1, hold_out="language")
    if remedy:
        make_folds(slices, "paper", 0.2, 10, seed=1, hold_out="language")


GENDERS = {f"S{number:02d}": "FM"[number % 2] for number in range(10)}
SPLITTERS = [HeldOut(10), HeldOut(4), RandomSlices(0.2, 3), WholeSpeakers(0.2, 3, GENDERS)]


@pytest.mark.parametrize("splitter", SPLITTERS, ids=str)
def test_scikit_learn_takes_the_splitters_for_its_own(splitter, ten: pd.DataFrame) -> None:
    assert check_cv(splitter) is splitter
    groups = ten["speaker"].to_numpy()
    splits = list(splitter.split(ten, groups=groups))
    assert splitter.get_n_splits(ten, groups=groups) == len(splits)
    for (train, held), again in zip(splits, splitter.split(ten, groups=groups), strict=True):
        assert sorted([*train, *held]) == list(range(len(ten)))
        assert (np.array_equal(train, again[0]), np.array_equal(held, again[1])) == (True, True)
        if not isinstance(splitter, RandomSlices):
            assert not set(groups[train]) & set(groups[held])
    points = np.random.default_rng(0).normal(size=(len(ten), 3))
    scores = cross_val_score(KNeighborsClassifier(1), points, ten["valence"], groups=groups, cv=splitter)
    known = [KNeighborsClassifier(1).fit(points[t], ten["valence"].iloc[t]) for t, _ in splits]
    assert scores.tolist() == [
        m.score(points[h], ten["valence"].iloc[h]) for m, (_, h) in zip(known, splits, strict=True)
    ]


@pytest.mark.parametrize("splitter", [HeldOut(10), WholeSpeakers(0.2, 3)], ids=str)
def test_without_groups_the_splitters_say_what_scikit_learns_own_do(splitter, ten: pd.DataFrame) -> None:
    for groups in ({}, {"groups": None}):
        with pytest.raises(ValueError, match="The 'groups' parameter should not be None"):
            list(splitter.split(ten, ten["valence"], **groups))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        list(splitter.split(ten, groups=ten["speaker"][1:]))


@pytest.mark.parametrize(
    ("splitter", "rows", "what"),
    [
        (HeldOut(10), 6, "1 of the folds of the groups"),
        (HeldOut(1), 40, "1 of the folds of the groups"),
        (WholeSpeakers(0.2, 3), 6, "1 of the speakers"),
        (RandomSlices(0.2, 3), 1, "1 of the rows"),
    ],
)
def test_splitters_leave_nobody_without_anybody_to_learn_from(
    splitter, rows: int, what: str, ten: pd.DataFrame
) -> None:
    some = ten.sort_values("speaker").head(rows)
    with pytest.raises(ValueError, match=f"There is {what}, and a split needs two at least"):
        list(splitter.split(some, groups=some["speaker"]))


def test_a_fold_that_can_spare_nobody_to_validate_is_refused(ten: pd.DataFrame) -> None:
    slices = ten.assign(corpus=np.where(ten["speaker"] == "S00", "alone", "many"))
    with pytest.raises(UserError, match=r"Fold many would train on 20 slices of S00, of which nothing could be spared"):
        make_folds(slices, "strict", 0.2, 10, seed=1, hold_out="corpus")
    assert set(make_folds(slices, "paper", 0.2, 10, seed=1, hold_out="corpus")["fold"]) == {"alone", "many"}


def test_the_papers_protocol_is_a_search_within_a_cross_validation(ten: pd.DataFrame) -> None:
    points = np.random.default_rng(0).normal(size=(len(ten), 3)) + ten[["valence"]].to_numpy()
    search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 5, 9]}, cv=RandomSlices(0.2, 1))
    assert clone(search).cv == search.cv
    scores = cross_val_score(search, points, ten["valence"], groups=ten["speaker"], cv=HeldOut())
    assert len(scores) == 10
    assert scores.mean() > 0.4


def test_the_table_is_what_the_splitters_say(ten: pd.DataFrame) -> None:
    folds = make_folds(ten, "strict", 0.2, 10, seed=1)
    table = folds.merge(ten, on="slice")
    for _, rows in table.groupby("fold"):
        drawn = rows[rows["role"] == "validation"]
        assert {GENDERS[name] for name in drawn["speaker"]} == {"F", "M"}
        assert set(drawn["slice"]) == set(ten[ten["speaker"].isin(drawn["speaker"])]["slice"])


def test_a_value_without_labels_is_named_before_anything_is_trained(ten: pd.DataFrame) -> None:
    every = ten.assign(language=["de"] * 90 + ["fi"] * 90 + ["sv"] * 20)
    rated = every[every["language"] != "sv"]
    assert set(held_out(rated, "language")) == {"de", "fi"}
    with pytest.raises(UserError, match=r"folds.hold_out is language, but nothing of sv has a label"):
        held_out(rated, "language", every)
    assert held_out(rated, "speaker", every).nunique() == 9  # speakers without labels are left out as ever
