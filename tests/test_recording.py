"""Any recording as windows: the samples of the whole, the paper's rule for slices, and a bounded memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from elor.audio import read_int16
from elor.errors import UserError
from elor.features.slices import SLICE_SAMPLES, slice_count, split
from elor.recording import Recording, cut, window_count

NOISE = np.random.default_rng(0).uniform(-0.9, 0.9, (48_000 * 2 * 23, 1))
SECOND = 16_000


def whole(recording: Recording) -> np.ndarray:
    return np.concatenate(list(recording.blocks()))


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_blocks_are_the_file_read_at_once(tmp_path: Path, rate: int, channels: int) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, NOISE[: rate * 23 + 17].repeat(channels, 1) * np.linspace(1, 0.5, channels), rate, "FLOAT")
    recording = Recording(path)
    np.testing.assert_array_equal(whole(recording), read_int16(path, stereo="mean"))
    assert recording.samples == len(whole(recording))  # and it can be read again
    assert recording.seconds == pytest.approx(23 + 17 / rate)


@pytest.mark.parametrize(("stereo", "channel"), [("left", 0), ("right", 1)])
def test_one_channel_of_two(stereo: str, channel: int) -> None:
    sound = np.stack([np.full(20_000, 100), np.full(20_000, -7)], 1).astype(np.int16)
    assert (whole(Recording(sound, 16_000, stereo)) == sound[0, channel]).all()
    with pytest.raises(UserError, match="array has 3 channels; choose their mean"):
        Recording(np.zeros((9, 3)), 16_000, stereo)


def test_arrays_of_any_kind_are_the_same_recording() -> None:
    sound = np.random.default_rng(1).integers(-32_768, 32_768, 30_000).astype(np.int16)
    for array in (sound, sound[:, None], sound / 32_768, (sound / 32_768).astype(np.float32)):
        np.testing.assert_array_equal(whole(Recording(array, 16_000)), sound)


@pytest.mark.parametrize(
    "samples", [1, 47_999, 48_000, 96_000, 96_001, 144_000, 144_001, 191_999, 192_000, 240_001, 300_000]
)
def test_windows_at_a_hop_of_six_seconds_are_the_slices(samples: int) -> None:
    sound = (np.arange(samples) % 30_000).astype(np.int16)
    windows = list(Recording(sound, 16_000).windows())
    np.testing.assert_array_equal([window.signal for window in windows], split(sound))
    assert len(windows) == slice_count(samples) == window_count(samples)
    assert [window.start for window in windows] == [SLICE_SAMPLES * k for k in range(len(windows))]


@pytest.mark.parametrize(
    ("seconds", "hop", "starts", "last"),
    [
        (6, 1, [0], 6),
        (8, 1, [0, 1, 2], 6),
        (8.9, 1, [0, 1, 2], 6),  # 0.9 s that no window holds are too little
        (10, 5, [0, 5], 5),  # one second is heard twice, four are new
        (10.5, 6, [0, 6], 4.5),
        (14, 5, [0, 5], 6),  # 3 s exactly are no more than 3 s
        (14.1, 5, [0, 5, 10], 4.1),
        (20, 7, [0, 7, 14], 6),  # a hop beyond a window leaves gaps
        (18, 7, [0, 7, 14], 4),
        (17, 7, [0, 7], 6),
        (2, 7, [0], 2),
    ],
)
def test_the_last_window_must_bring_more_than_three_seconds(seconds, hop, starts, last) -> None:
    samples, step = round(seconds * SECOND), hop * SECOND
    windows = list(cut([np.ones(samples, np.int16)], step))
    assert [window.start / SECOND for window in windows] == starts
    assert windows[-1].samples / SECOND == last
    assert (windows[-1].signal[windows[-1].samples :] == 0).all()
    assert window_count(samples, step) == len(windows)


def test_windows_do_not_depend_on_the_blocks() -> None:
    sound = np.arange(400_000).astype(np.int16)
    generator = np.random.default_rng(2)
    for hop in (5_000, 33_333, 96_000, 130_000):
        pieces = np.split(sound, np.sort(generator.integers(0, len(sound), 30)))
        expected, found = list(cut([sound], hop)), list(cut(pieces, hop))
        assert [window.start for window in found] == [window.start for window in expected]
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one.signal, other.signal)
            np.testing.assert_array_equal(one.signal[: one.samples], sound[one.start : one.start + one.samples])
        assert len(found) == window_count(len(sound), hop)


def test_silence_is_zeros_and_their_dither() -> None:
    dither = np.random.default_rng(3).integers(-1, 2, SLICE_SAMPLES).astype(np.int16)
    (window,) = cut([dither])
    assert window.silent
    dither[5] = -32_768
    (window,) = cut([dither])
    assert not window.silent


def test_half_an_hour_takes_no_more_memory_than_a_minute(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", 8_000, 1) as file:
        for _ in range(30):
            file.write(NOISE[: 8_000 * 60, 0])
    tracemalloc.start()
    try:
        count = sum(1 for _ in Recording(path).windows())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 300
    assert peak < 12e6  # all of it would be 58 MB as int16 and 230 MB as float64


def test_what_is_no_sound_file(tmp_path: Path) -> None:
    for content in (b"hello", b""):
        (tmp_path / "a.wav").write_bytes(content)
        with pytest.raises(UserError, match=r"a.wav cannot be read as a sound file"):
            Recording(tmp_path / "a.wav")
    with pytest.raises(UserError, match=r"b.wav does not exist"):
        Recording(tmp_path / "b.wav")
    with pytest.raises(UserError, match=r"a cannot be read .*; give another file"):
        Recording(tmp_path / ("a" * 300))


def test_folders_empty_files_and_holes(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder; give the sound files in it"):
        Recording(tmp_path)
    soundfile.write(tmp_path / "none.wav", np.zeros(0), 16_000)
    with pytest.raises(UserError, match=r"none.wav holds no samples"):
        Recording(tmp_path / "none.wav")
    sound = np.zeros(16_000 * 25)
    sound[-1] = np.nan
    soundfile.write(tmp_path / "nan.wav", sound, 16_000, "FLOAT")
    for recording in (Recording(tmp_path / "nan.wav"), Recording(sound, 44_100)):
        with pytest.raises(UserError, match=r"holds samples that are not numbers"):
            list(recording.windows())
    soundfile.write(tmp_path / "cut.flac", NOISE[:48_000, 0], 16_000)
    data = (tmp_path / "cut.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match=r"cut.flac (is truncated|cannot be decoded)"):
        list(Recording(tmp_path / "cut.flac").windows())


@pytest.mark.parametrize(
    ("array", "rate", "sentence"),
    [
        (np.zeros(0), 16_000, r"shape \(0,\) is no recording"),
        (np.zeros((2, 2, 2)), 16_000, "is no recording"),
        (np.zeros(9), None, "The rate of an array is None"),
        (np.zeros(9), -1, "The rate of an array is -1"),
        (np.zeros(9), 22_050.5, "The rate of an array is 22050.5; .* in whole numbers"),
        (np.zeros(9), float("nan"), "The rate of an array is nan"),
        (np.zeros(9), float("inf"), "The rate of an array is inf"),
        (np.zeros((1, 16_000)), 16_000, r"shape \(1, 16000\) has more channels than samples"),
        (np.zeros(9, int), 16_000, "int64 have no known scale"),
        (np.zeros(1), 192_000, "shorter than one sample"),
    ],
)
def test_arrays_that_are_no_recordings(array: np.ndarray, rate: int | None, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        Recording(array, rate)


@pytest.mark.parametrize("source", [np.zeros((16_000, 2)), Path("absent.wav")])
def test_a_channel_that_there_is_not_is_refused(source: np.ndarray | Path) -> None:
    with pytest.raises(UserError, match="stereo is 'Left'; choose one of error, mean, left, right"):
        Recording(source, 16_000, stereo="Left")
