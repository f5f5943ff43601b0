"""Effects of interventions: slopes over units, beside shams, length controls and untrained networks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from elor.evidence import names
from elor.explain.interventions.alterations import ALTERATIONS
from elor.explain.interventions.changes import changes_by_speaker
from elor.explain.interventions.overlapping_folds import Units, overlapping_t
from elor.explain.interventions.summary import judge, reach, summarise


def test_units_are_speakers_or_with_grouped_folds_folds() -> None:
    table = pd.DataFrame({"speaker": ["a", "a", "b", "c"], "fold": ["g0", "g0", "g0", "g1"]}, index=[3, 5, 7, 9])
    grouped = Units(table, 0.95)
    assert grouped.name == "fold"
    assert grouped.means(pd.Series([1.0, 3.0, 6.0, 5.0], [3, 5, 7, 9])).tolist() == [4.0, 5.0]  # (2 + 6) / 2
    single = Units(table.assign(fold=table["speaker"]), 0.95)
    assert single.name == "speaker"
    assert single.means(pd.Series([1.0, np.nan, 6.0], [3, 5, 7])).tolist() == [1.0, 6.0]


SLOPE = {"per_unit": 0.2, "low": 0.1, "high": 0.3, "calibrated": [-0.05, 0.1]}
FALLING = {"per_unit": -0.2, "low": -0.3, "high": -0.1}
ONLY_BESIDE = "undecided: seen only against its length control"
UP, DOWN, EVEN = ({"change": change, "p": p} for change, p in ((0.2, 0.01), (-0.2, 0.01), (0.1, 0.2)))


@pytest.mark.parametrize(
    ("slope", "doses", "sham", "said"),
    [
        ({}, (EVEN, EVEN), None, "raises"),
        ({}, (DOWN, UP), None, "raises"),
        (FALLING, (UP, DOWN), None, "lowers"),
        ({"low": -0.1}, (EVEN, EVEN), None, "no effect found"),
        ({"low": -0.1}, (EVEN, UP), None, "undecided: single doses move it, but not in step with the dose"),
        ({"low": -0.1}, (UP, UP), None, "undecided: doses move it both ways"),
        ({}, (UP, UP), None, "undecided: doses move it both ways"),
        ({"calibrated": [-0.5, 0.5]}, (DOWN, UP), None, "undecided: untrained networks do as much"),
        ({"calibrated": [np.nan, np.nan]}, (DOWN, UP), None, "undecided: untrained networks answer all slices alike"),
        ({}, (DOWN, UP), (0.3, 0.2, 0.4), "undecided: the processing alone moves it as far"),
        ({}, (DOWN, UP), (0.05, 0.01, 0.1), "raises"),
        ({}, (DOWN, UP), (0.3, -0.2, 0.8), "raises"),
        ({"altered": {"low": 0.05, "high": 0.2}}, (DOWN, UP), None, "raises"),
        ({"altered": {"low": -0.1, "high": 0.2}}, (DOWN, UP), None, ONLY_BESIDE),
        ({"altered": {"low": -0.3, "high": -0.2}}, (DOWN, UP), None, ONLY_BESIDE),
        (FALLING | {"altered": {"low": -0.2, "high": -0.1}}, (UP, DOWN), None, "lowers"),
        (FALLING | {"altered": {"low": 0.1, "high": 0.2}}, (UP, DOWN), None, ONLY_BESIDE),
        ({"low": np.nan, "high": np.nan}, (EVEN, EVEN), None, "undecided: fewer than two speakers with such slices"),
    ],
)
def test_verdicts_follow_from_the_numbers(slope, doses, sham, said) -> None:
    shams = dict(zip(("change", "low", "high"), sham, strict=True)) if sham else None
    found = judge(SLOPE | slope, dict(zip(("-1", "1"), doses, strict=True)), shams, none=0.0)
    assert names.said(*found) == said


def test_doses_above_an_infinite_none_all_point_up() -> None:
    assert judge(SLOPE, {"-30": UP, "0": UP}, None, none=-np.inf) == (names.Finding.raises, "")
    assert judge(SLOPE, {"-30": DOWN, "0": UP}, None, none=-np.inf) == (names.Finding.undecided, names.Undecided.ways)


SLICES = pd.DataFrame({"slice": list("abcd"), "speaker": list("FFGG"), "language": "", "samples": 10})


def responses(intervention: str, doses: tuple[float, ...], slopes: dict[tuple[str, int], float], **columns) -> list:
    """Rows of two slices each of F and G: answers 2, 3, 2, 3 that rise with the dose, by a slope per fold and model."""
    none = ALTERATIONS[intervention].none if intervention else 0.0
    same = {"over": 0.0, "network": "elor", "answer": "arousal", "intervention": intervention, "length": False}
    return [
        same
        | {"row": row, "fold": fold, "model": model, "dose": dose, "value": 2 + row % 2 + slope * (dose - none)}
        | columns
        for row, fold in enumerate("FFGG")
        for (of, model), slope in slopes.items()
        for dose in doses
        if of == fold
    ]


def unaltered(slopes: dict[tuple[str, int], float]) -> list:
    """The rows of the slices as they are."""
    return [row | {"dose": np.nan} for row in responses("", (0.0,), slopes)]


def both(trained: float, untrained: float) -> dict[tuple[str, int], float]:
    """The same slope in both folds."""
    return {(fold, model): slope for fold in "FG" for model, slope in ((-1, trained), (0, untrained))}


GAINS, RATES = (-12.0, -6.0, 6.0, 12.0), (0.8, 0.9, 1.12, 1.25)


def effect_of(name: str, rows: list, **learned) -> dict:
    return summarise(pd.DataFrame(rows), SLICES, **learned).tree()["networks"]["elor"][name]["heads"]["arousal"]


def test_the_control_does_not_grow_with_what_the_trained_network_has_learned() -> None:
    """The same untrained networks beside a trained one whose answers vary more and more over unaltered slices."""
    found = []
    for learned in (1.0, 30.0):
        rows = unaltered(both(0.1, 0.1)) + responses("gain", GAINS, both(0.1, 0.1))
        rows = [row | {"value": row["value"] * (learned if row["model"] == -1 else 1)} for row in rows]
        found.append(effect_of("gain", rows))
    assert [one["slope"]["per_unit"] for one in found] == pytest.approx([0.1, 3.0])
    assert [one["slope"]["calibrated"] for one in found] == [pytest.approx([-0.1, 0.1])] * 2
    assert [one["verdict"] for one in found] == ["undecided: untrained networks do as much", "raises"]


@pytest.mark.parametrize(("trained", "said"), [(0.1, "undecided: untrained networks do as much"), (0.4, "raises")])
def test_the_control_is_how_far_any_single_untrained_network_goes(trained: float, said: str) -> None:
    slopes = {
        ("F", -1): trained,
        ("G", -1): trained + 1e-3,
        ("F", 0): 0.3,
        ("G", 0): 0.3,
        ("F", 1): -0.2,
        ("G", 1): 0.2,
    }
    effect = effect_of("gain", unaltered(slopes) + responses("gain", GAINS, slopes))
    assert effect["slope"]["calibrated"] == pytest.approx([-0.3, 0.3])
    assert effect["slope"]["single"] == pytest.approx([-0.2, 0.3])
    assert effect["verdict"] == said


def test_one_more_untrained_network_goes_further_once_in_as_many() -> None:
    rng = np.random.default_rng(1)
    further = [abs(one) > reach(others)[1] for one, *others in rng.normal(size=(4_000, 20))]
    assert np.mean(further) == pytest.approx(1 / 20, abs=0.008)
    assert np.isnan(reach(np.array([]))).all()


def test_intervals_allow_for_training_slices_that_folds_share() -> None:
    """Nadeau and Bengio's variance of a mean over n of F folds: s^2 (1 / n + 1 / (F - 1))."""
    values = np.random.default_rng(2).normal(0.3, 1.0, size=8)
    error = values.std(ddof=1) * np.sqrt(1 / 8 + 1 / 9)
    low, high, p = overlapping_t(values, 10, 0.9)
    assert (low, high) == pytest.approx(student.interval(0.9, 7, values.mean(), error))
    assert p == pytest.approx(2 * student.sf(abs(values.mean()) / error, 7))
    assert overlapping_t(np.full(5, 0.2), 10)[2] == 1 / 16  # alike: the sign-flip test
    assert np.isnan(overlapping_t(np.array([0.2]), 10)).all()


def test_slope_p_and_untrained_range_are_of_the_difference_to_the_length_control() -> None:
    slopes = {("F", -1): 0.5, ("G", -1): 0.7, ("F", 0): 0.1, ("G", 0): 0.3}
    controls = {("F", -1): 0.2, ("G", -1): 0.2, ("F", 0): 0.2, ("G", 0): 0.2}
    rows = unaltered(slopes) + responses("time_stretch", RATES, slopes)
    effect = effect_of("time_stretch", rows + responses("time_stretch", RATES, controls, length=True))
    assert effect["slope"]["per_unit"] == pytest.approx(0.4)
    assert effect["slope"]["altered"]["per_unit"] == pytest.approx(0.6)
    assert effect["slope"]["calibrated"] == pytest.approx([-0.1, 0.1])
    low, high, p = overlapping_t(np.array([0.3, 0.5]), 2)
    assert (effect["slope"]["low"], effect["slope"]["high"], effect["slope"]["p"]) == pytest.approx((low, high, p))
    assert effect["doses"]["1.25"]["change"] == pytest.approx(0.6 * 0.25)
    assert effect["length_control"]["1.25"]["change"] == pytest.approx(0.2 * 0.25)
    assert "+0.180" in effect["text"]  # 0.4 over the span of 0.45
    assert "the length alone +0.090" in effect["text"]


def test_the_sentence_counts_the_units_that_have_slopes() -> None:
    rows = unaltered(both(0.1, 0.0)) + responses("pause_removal", (0.5, 1.0), both(0.1, 0.0))
    some = [row for row in rows if row["intervention"] == "" or row["fold"] == "F"]
    assert ", 1 speakers;" in effect_of("pause_removal", some)["text"]
    assert ", 2 speakers;" in effect_of("pause_removal", rows)["text"]


@pytest.mark.parametrize("p", [0.0, 0.05, 0.0501, 0.8559])
def test_the_sentence_of_a_head_that_has_not_learned_says_so(p: float) -> None:
    rows = unaltered(both(0.1, 0.0)) + responses("gain", GAINS, both(0.1, 0.0))
    said = effect_of("gain", rows, learned={"elor": {"arousal": p}})
    ends = f"raises, but the head answers no better than permuted labels (p {p:.3f})." if p > 0.05 else ": raises."
    assert said["text"].endswith(ends)
    assert (said["learned_p"], said["verdict"]) == (p, "raises")
    unknown = effect_of("gain", rows, learned={"elor": {"valence": p}, "lom": {"arousal": p}})
    assert "learned_p" not in unknown
    assert unknown["text"].endswith(": raises.")


def test_the_spread_is_within_folds() -> None:
    rows = unaltered({("F", -1): 0.0, ("G", -1): 0.0, ("F", 0): 0.0, ("G", 0): 0.0})
    rows += responses("gain", GAINS, both(0.1, 0.0))
    rows = [row | {"value": row["value"] + (9 if row["fold"] == "G" else 0)} for row in rows]
    assert summarise(pd.DataFrame(rows), SLICES).tree()["spread"] == {"elor": {"arousal": pytest.approx(np.sqrt(0.5))}}


def test_the_table_of_speakers_is_in_closed_form() -> None:
    """Untrained networks' mean has a sign."""
    slopes = {("F", -1): 0.5, ("G", -1): 0.7, ("F", 0): 0.1, ("F", 1): -0.3, ("G", 0): 0.2, ("G", 1): 0.2}
    rows = unaltered(slopes) + responses("time_stretch", (0.8, 1.25), slopes)
    rows += responses("time_stretch", (1.25,), dict.fromkeys(slopes, 0.4), length=True)
    rows += [row | {"dose": np.nan} for row in responses("time_stretch", (1.1,), slopes)]
    table = changes_by_speaker(pd.DataFrame(rows), SLICES)
    assert set(table["network"]) == {"elor"}
    assert set(table["head"]) == {"arousal"}
    assert (table["fold"] == table["speaker"]).all()
    assert (table["slices"] == 2).all()
    assert table["sd"].to_numpy() == pytest.approx(0.0, abs=1e-6)
    found = {(r.speaker, f"{r.dose:g}", r.length): (r.change, r.calibrated) for r in table.itertuples()}
    doses = {"0.8": -0.2, "1.25": 0.25, "nan": 0.1}
    expected = {
        (who, name, 0): (per * d, mean * d)
        for who, per, mean in (("F", 0.5, -0.1), ("G", 0.7, 0.2))
        for name, d in doses.items()
    }
    expected |= {(who, "1.25", 1): (0.1, 0.1) for who in "FG"}
    assert set(found) == set(expected)
    for place, numbers in expected.items():
        assert found[place] == pytest.approx(numbers, abs=2e-6), place


def test_the_spread_of_a_speakers_slices_is_told() -> None:
    rows = unaltered(both(0.0, 0.0)) + responses("gain", GAINS, both(0.0, 0.0))
    rows = [row | {"value": row["value"] + row["row"] * (row["intervention"] == "gain")} for row in rows]
    table = changes_by_speaker(pd.DataFrame(rows), SLICES)
    assert table["sd"].to_numpy() == pytest.approx(np.sqrt(0.5))
    assert table.groupby("speaker")["change"].first().to_dict() == {"F": 0.5, "G": 2.5}
