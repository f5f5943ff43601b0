"""The six-second rule, its table, and the array that it fills."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from elor.audio import Sounds
from elor.corpora.shuffle import shuffled
from elor.errors import UserError
from elor.features.packed import opened
from elor.features.slices import SLICE_SAMPLES, plan_slices, slice_count, split, write_slices

SECOND = 16_000


def utterances(samples: dict[str, int]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "utterance": list(samples),
            "file": [f"wav/{name}.wav" for name in samples],
            "samples": list(samples.values()),
            "start_s": np.nan,
            "end_s": np.nan,
            "session": "Ses01",
            "speaker": [name[0] for name in samples],
            "gender": "F",
            "scenario": "improvised",
            "corpus": "demo",
            "language": "",
            "partition": "",
        }
    )


def targets(names: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"utterance": names, "valence": range(len(names)), "arousal": 2})


def record(root: Path, table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Write a wav of noise for every utterance."""
    generator = np.random.default_rng(1)
    (root / "wav").mkdir()
    signals = {}
    for turn in table.itertuples():
        signals[turn.utterance] = generator.integers(1, 32768, turn.samples).astype(np.int16)
        soundfile.write(root / turn.file, signals[turn.utterance], SECOND)
    return signals


@pytest.mark.parametrize(
    ("samples", "count"),
    [
        (1, 1),
        (3 * SECOND, 1),
        (6 * SECOND, 1),
        (9 * SECOND, 1),
        (9 * SECOND + 1, 2),
        (12 * SECOND, 2),
        (15 * SECOND, 2),
        (15 * SECOND + 1, 3),
    ],
)
def test_slice_count(samples: int, count: int) -> None:
    assert slice_count(samples) == count
    assert split(np.ones(samples, dtype=np.int16)).shape == (count, SLICE_SAMPLES)


def test_split_keeps_the_order_and_fills_with_zeros() -> None:
    signal = np.arange(1, 10 * SECOND + 1).astype(np.int16)
    first, second = split(signal)
    np.testing.assert_array_equal(first, signal[:SLICE_SAMPLES])
    np.testing.assert_array_equal(second[: 4 * SECOND], signal[SLICE_SAMPLES:])
    assert not second[4 * SECOND :].any()


def test_the_plan() -> None:
    table = utterances({"a1": 10 * SECOND, "b1": 2 * SECOND, "b2": 8 * SECOND, "c1": SECOND // 2, "c2": 20 * SECOND})
    rated = targets(["c2", "b2", "a1", "c1"])
    plan = plan_slices(table, rated, minimum_s=1.0)
    assert plan["slice"].tolist() == ["a1_0", "a1_1", "b2_0", "c2_0", "c2_1", "c2_2"]
    assert plan["part"].tolist() == [0, 1, 0, 0, 1, 2]
    assert plan["samples"].tolist() == [part * SECOND for part in (6, 4, 6, 6, 6, 6)]
    assert plan["valence"].tolist() == [2, 2, 1, 0, 0, 0]
    assert plan["speaker"].tolist() == ["a", "a", "b", "c", "c", "c"]
    assert plan.columns.tolist() == [
        *("slice", "utterance", "part", "samples", "speaker", "gender", "session", "scenario"),
        *("corpus", "language", "partition", "valence", "arousal"),
    ]


def test_a_rating_that_is_missing_in_one_dimension_leaves_the_utterance_out() -> None:
    table = utterances({"a1": SECOND, "a2": SECOND})
    rated = pd.DataFrame({"utterance": ["a1", "a2"], "valence": [1, 2], "arousal": [3, None]}).astype(
        {"valence": "Int64", "arousal": "Int64"}
    )
    plan = plan_slices(table, rated)
    assert plan["utterance"].tolist() == ["a1"]
    assert plan.to_csv(index=False).splitlines()[1].endswith(",1,3")


def test_the_minimum_length_counts_itself_in() -> None:
    table = utterances({"a1": SECOND, "a2": SECOND - 1})
    assert plan_slices(table, targets(["a1", "a2"]), minimum_s=1.0)["utterance"].tolist() == ["a1"]


def test_a_plan_without_slices_is_an_error() -> None:
    with pytest.raises(UserError, match="None of 1 utterances is rated and at least 5 s long"):
        plan_slices(utterances({"a1": SECOND}), targets(["a1"]), minimum_s=5)


def test_the_array_holds_the_sound(tmp_path: Path) -> None:
    table = utterances({"a1": 10 * SECOND, "b1": 2 * SECOND, "b2": 8 * SECOND})
    signals = record(tmp_path, table)
    plan = plan_slices(table, targets(["a1", "b2"]))
    write_slices(plan, table, Sounds.of(tmp_path), tmp_path / "out" / "slices.npy")
    array = opened(tmp_path / "out" / "slices.npy", (SLICE_SAMPLES,), "int16")
    assert array.shape == (3, SLICE_SAMPLES)
    np.testing.assert_array_equal(array[:2], split(signals["a1"]))
    np.testing.assert_array_equal(array[2:], split(signals["b2"]))
    for row, samples in zip(array, plan["samples"], strict=True):
        assert np.flatnonzero(row)[-1] + 1 == samples


def test_segments_of_a_longer_file(tmp_path: Path) -> None:
    signal = np.arange(1, 5 * SECOND + 1).astype(np.int16)
    soundfile.write(tmp_path / "long.wav", signal, SECOND)
    table = utterances({"a1": SECOND, "a2": 3 * SECOND}).assign(file="long.wav", start_s=[0.0, 1.5], end_s=[1.0, 4.5])
    write_slices(plan_slices(table, targets(["a1", "a2"])), table, Sounds.of(tmp_path), tmp_path / "slices.npy")
    array = np.load(tmp_path / "slices.npy")
    np.testing.assert_array_equal(array[0, :SECOND], signal[:SECOND])
    np.testing.assert_array_equal(array[1, : 3 * SECOND], signal[3 * SECOND // 2 : 9 * SECOND // 2])


def test_a_sound_file_that_has_changed_leaves_nothing_behind(tmp_path: Path) -> None:
    table = utterances({"a1": SECOND, "a2": SECOND})
    record(tmp_path, table)
    soundfile.write(tmp_path / "wav" / "a2.wav", np.zeros(SECOND + 1), SECOND)
    out = tmp_path / "out" / "slices.npy"
    with pytest.raises(UserError, match=r"a2\.wav gives 16001 samples where utterances.csv says 16000"):
        write_slices(plan_slices(table, targets(["a1", "a2"])), table, Sounds.of(tmp_path), out)
    assert list(out.parent.iterdir()) == []


def test_a_missing_sound_file_leaves_the_old_array_alone(tmp_path: Path) -> None:
    table = utterances({"a1": SECOND})
    out = tmp_path / "slices.npy"
    out.write_bytes(b"old")
    with pytest.raises(UserError, match=r"a1\.wav does not exist"):
        write_slices(plan_slices(table, targets(["a1"])), table, Sounds.of(tmp_path), out)
    assert out.read_bytes() == b"old"


def test_a_full_disk_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    table = utterances({"a1": SECOND})
    record(tmp_path, table)
    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(UserError, match="disk is full"):
        write_slices(plan_slices(table, targets(["a1"])), table, Sounds.of(tmp_path), tmp_path / "slices.npy")


@pytest.mark.parametrize("content", [b"", b"not an array", None])
def test_an_array_that_cannot_be_read_is_a_sentence(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "slices.npy"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match="cannot be read as an array"):
        opened(path, (SLICE_SAMPLES,), "int16")


def test_an_array_of_another_shape_is_a_sentence(tmp_path: Path) -> None:
    np.save(tmp_path / "slices.npy", np.zeros((2, 5), dtype=np.int16))
    with pytest.raises(UserError, match=r"int16 \(2, 5\) where int16 \(n, 96000\)"):
        opened(tmp_path / "slices.npy", (SLICE_SAMPLES,), "int16")


def test_shuffled_labels_stay_with_their_speaker_and_with_each_other() -> None:
    turns = utterances({f"{speaker}{turn}": SECOND for turn in range(40) for speaker in "ABC"})
    given = targets(list(turns["utterance"])).assign(arousal=lambda table: table["valence"] * 2.0)
    given.loc[[3, 70], "valence"] = np.nan
    found = shuffled(given, turns, seed=1)
    kept = given.dropna().reset_index(drop=True)
    assert list(found["utterance"]) == list(kept["utterance"])
    assert (found["arousal"] == found["valence"] * 2).all()
    for speaker in "ABC":
        own = kept["utterance"].str.startswith(speaker)
        assert sorted(found.loc[own, "valence"]) == sorted(kept.loc[own, "valence"])
        assert (found.loc[own, "valence"] != kept.loc[own, "valence"]).mean() > 0.8
    pd.testing.assert_frame_equal(found, shuffled(given, turns, seed=1))
    assert not found.equals(shuffled(given, turns, seed=2))
