"""Folds by speaker: closed forms, and scikit-learn's LeaveOneGroupOut as a second opinion."""

import pandas as pd
import pytest
from sklearn.model_selection import LeaveOneGroupOut

from elor.errors import UserError
from elor.evaluation.guard import check_folds
from elor.training.folds import make_folds, speakers_by_fold
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


def test_many_speakers_become_groups_of_like_size() -> None:
    slices = pd.concat([toy.tables(23, 10), toy.tables(1, 100).replace({"S00": "S99"}, regex=True)])
    groups = speakers_by_fold(slices["speaker"], most=10)
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
