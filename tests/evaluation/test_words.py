"""What words add, by part; and texts that were heard before."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

from elor.evaluation.predictions import Judged
from elor.evaluation.settings import Settings
from elor.evaluation.words import ALL, NEW, added, heard_before, leak, parts
from elor.targets import Head

SPEAKERS = ("A", "B", "C", "D")


def world() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Per speaker two lines of a script, one of them said alike by all, and four improvised ones."""
    rows, said = [], {}
    for speaker in SPEAKERS:
        for number in range(6):
            name = f"{speaker}{number}"
            scripted = number < 2
            said[name] = "Well, go!" if number == 0 else "" if number == 5 else f"{speaker} says {number}"
            rows.append({"utterance": name, "speaker": speaker, "scenario": "scripted" if scripted else "improvised"})
    said["B0"] = "well go"
    slices = pd.DataFrame(rows).assign(slice=lambda table: table["utterance"] + "_0")
    folds = pd.concat(
        slices.assign(fold=one, role=np.where(slices["speaker"] == one, "test", "train"))[["fold", "slice", "role"]]
        for one in SPEAKERS
    )
    texts = pd.DataFrame({"utterance": list(said), "text": list(said.values())})
    return slices, folds, texts


def test_a_text_was_heard_before_if_somebody_said_it_word_for_word_in_training() -> None:
    slices, folds, texts = world()
    heard = heard_before(texts, slices, folds)
    assert set(slices["utterance"][heard]) == {"A0", "B0", "C0", "D0"}  # and no empty one
    assert not heard_before(texts.iloc[:0], slices, folds).any()  # nor one that is not there
    assert leak(slices, heard) == {
        "all": {"slices": 24, "heard_before": pytest.approx(4 / 24)},
        "improvised": {"slices": 16, "heard_before": 0},
        "scripted": {"slices": 8, "heard_before": 0.5},
    }
    folds.loc[folds["slice"].isin(["B0_0", "C0_0", "D0_0"]) & (folds["fold"] == "A"), "role"] = "validation"
    assert set(slices["utterance"][heard_before(texts, slices, folds)]) == {"B0", "C0", "D0"}


def test_a_scenario_that_is_called_like_a_part_replaces_none() -> None:
    names = np.array([ALL, NEW, f"scenario {ALL}", "", ALL], dtype=object)
    heard = np.array([True, True, False, False, False])
    found = parts(pd.DataFrame({"scenario": names}), heard)
    assert {name: np.flatnonzero(rows).tolist() for name, rows in found.items()} == {
        ALL: [0, 1, 2, 3, 4],
        f"scenario {ALL}": [0, 4],
        f"scenario scenario {ALL}": [2],
        f"scenario {NEW}": [1],
        NEW: [2, 3, 4],
    }
    assert leak(pd.DataFrame({"scenario": names}), heard)[ALL] == {"slices": 5, "heard_before": pytest.approx(0.4)}


def test_what_is_added_is_the_difference_of_the_scores_of_each_part() -> None:
    slices, folds, texts = world()
    where = parts(slices, heard_before(texts, slices, folds))
    assert list(where) == [ALL, "improvised", "scripted", NEW]
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, len(slices))
    speaker = slices["speaker"].to_numpy(dtype=object)
    told, plain = (
        np.where(rng.random(len(truth)) < share, truth, rng.integers(0, 3, len(truth))) for share in (0.8, 0.2)
    )
    one, other = (Judged(Head("valence", 3), truth, found, None, speaker, speaker) for found in (told, plain))
    found = {row["part"]: row for row in added({"valence": one}, {"valence": other}, where, Settings(classes=3))}
    for part, rows in where.items():
        row = found[part]
        assert (row["slices"], row["speakers"], row["score"]) == (rows.sum(), 4, "uar")
        assert row["told"] == pytest.approx(balanced_accuracy_score(truth[rows], told[rows]))
        assert row["difference"] == pytest.approx(row["told"] - balanced_accuracy_score(truth[rows], plain[rows]))
        assert 1 / 8 <= row["p"] <= 1
