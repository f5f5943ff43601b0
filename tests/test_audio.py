"""Reading sound: bit-exact where nothing needs to change, exact in length where something does, loud when broken."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

from elor.audio import AudioInfo, info, read_int16, samples_at_16k
from elor.errors import UserError

NOISE = np.random.default_rng(0).integers(-32768, 32768, 20_001).astype(np.int16)


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    return tmp_path / "turn.wav"


def tone(rate: int, seconds: float, hz: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_16_khz_16_bit_mono_passes_bit_for_bit(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"turn.{suffix}"
    soundfile.write(path, NOISE, 16_000, subtype="PCM_16")
    assert info(path) == AudioInfo(rate=16_000, channels=1, frames=20_001, subtype="PCM_16")
    read = read_int16(path)
    assert read.dtype == np.int16
    np.testing.assert_array_equal(read, NOISE)


@pytest.mark.parametrize("subtype", ["PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_wider_subtypes_keep_the_16_bit_values(wav: Path, subtype: str) -> None:
    soundfile.write(wav, NOISE / 32768, 16_000, subtype=subtype)
    np.testing.assert_array_equal(read_int16(wav), NOISE)


def test_floats_are_rounded_and_clipped(wav: Path) -> None:
    soundfile.write(wav, np.array([0.4, 0.6, -0.6, 32768, -40000]) / 32768, 16_000, subtype="DOUBLE")
    np.testing.assert_array_equal(read_int16(wav), [0, 1, -1, 32767, -32768])


@pytest.mark.parametrize("absurd", [1e30, -9.0])
def test_one_absurd_sample_of_a_resampled_file_stays_one(wav: Path, absurd: float) -> None:
    """As an integer file would hold it: at full scale."""
    sound = tone(48_000, 1)
    sound[24_000] = math.copysign(1, absurd)
    soundfile.write(wav, sound, 48_000, subtype="DOUBLE")
    expected = read_int16(wav)
    sound[24_000] = absurd
    soundfile.write(wav, sound, 48_000, subtype="DOUBLE")
    np.testing.assert_array_equal(read_int16(wav), expected)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("frames", [3, 1_000, 22_051])
def test_the_header_predicts_the_number_of_samples(wav: Path, rate: int, frames: int) -> None:
    soundfile.write(wav, np.zeros(frames), rate)
    assert len(read_int16(wav)) == samples_at_16k(frames, rate)


@pytest.mark.parametrize(
    ("frames", "rate", "samples"), [(16_000, 16_000, 16_000), (44_100, 22_050, 32_000), (3, 32_000, 2)]
)
def test_samples_at_16k_rounds_to_the_nearest(frames: int, rate: int, samples: int) -> None:
    assert samples_at_16k(frames, rate) == samples


def test_resampling_agrees_with_scipy(wav: Path) -> None:
    soundfile.write(wav, tone(48_000, 1.0), 48_000, subtype="DOUBLE")
    expected = resample_poly(tone(48_000, 1.0), 1, 3) * 32768
    inner = slice(1_000, -1_000)  # the two filters start and end differently
    np.testing.assert_allclose(read_int16(wav)[inner], expected[inner], atol=20)


def test_a_segment_is_what_stands_there(wav: Path) -> None:
    soundfile.write(wav, NOISE, 16_000)
    np.testing.assert_array_equal(read_int16(wav, 0.25, 0.75), NOISE[4_000:12_000])
    np.testing.assert_array_equal(read_int16(wav, start_s=1.0), NOISE[16_000:])
    np.testing.assert_array_equal(read_int16(wav, end_s=1.255), NOISE)  # a few milliseconds too far: rounded tables


@pytest.mark.parametrize(
    ("start", "end"), [(0.5, 0.5), (0.6, 0.5), (-0.1, 0.5), (0.0, 1.5), (1.26, None), (1.2501, 1.255)]
)
def test_a_segment_that_is_not_there_is_an_error(wav: Path, start: float, end: float | None) -> None:
    soundfile.write(wav, NOISE, 16_000)
    with pytest.raises(UserError, match=r"turn\.wav: no segment"):
        read_int16(wav, start, end)


def test_stereo(wav: Path) -> None:
    both = np.stack([NOISE, NOISE[::-1]], axis=1)
    soundfile.write(wav, both, 16_000)
    with pytest.raises(UserError, match="has 2 channels"):
        read_int16(wav)
    np.testing.assert_array_equal(read_int16(wav, stereo="left"), NOISE)
    np.testing.assert_array_equal(read_int16(wav, stereo="right"), NOISE[::-1])
    np.testing.assert_array_equal(read_int16(wav, stereo="mean"), np.rint(both.astype(float).mean(axis=1)))


def test_three_channels_have_no_left(wav: Path) -> None:
    soundfile.write(wav, np.stack([NOISE] * 3, axis=1), 16_000)
    with pytest.raises(UserError, match='set stereo to "mean"'):
        read_int16(wav, stereo="left")
    np.testing.assert_array_equal(read_int16(wav, stereo="mean"), NOISE)


def test_an_unknown_stereo_is_named(wav: Path) -> None:
    with pytest.raises(UserError, match="stereo is 'both'"):
        read_int16(wav, stereo="both")  # type: ignore[arg-type]


def test_a_missing_file(wav: Path) -> None:
    with pytest.raises(UserError, match=r"turn\.wav does not exist"):
        info(wav)


def test_a_text_file(wav: Path) -> None:
    wav.write_text("not a sound")
    with pytest.raises(UserError, match=r"turn\.wav cannot be read"):
        info(wav)


def test_no_samples(wav: Path) -> None:
    soundfile.write(wav, np.zeros(0, dtype=np.int16), 16_000)
    with pytest.raises(UserError, match="holds no samples"):
        info(wav)


@pytest.mark.parametrize("read", [info, read_int16])
@pytest.mark.parametrize("cut", [2, 1_000, 40_000])
def test_a_truncated_wav(wav: Path, read, cut: int) -> None:
    soundfile.write(wav, NOISE, 16_000)
    whole = wav.read_bytes()
    wav.write_bytes(whole[:-cut])
    with pytest.raises(UserError, match=f"truncated: {cut} bytes"):
        read(wav)


def test_a_wav_cut_inside_its_header(wav: Path) -> None:
    soundfile.write(wav, NOISE, 16_000)
    wav.write_bytes(wav.read_bytes()[:20])
    with pytest.raises(UserError, match="cannot be read"):
        info(wav)


def test_chunks_around_the_data_do_not_count_as_truncation(wav: Path) -> None:
    soundfile.write(wav, NOISE, 16_000)
    whole = wav.read_bytes()
    odd = b"note" + (3).to_bytes(4, "little") + b"abc\0"
    wav.write_bytes(whole[:12] + odd + whole[12:] + odd)
    np.testing.assert_array_equal(read_int16(wav), NOISE)


def test_a_streamed_wav_of_unknown_length_is_read(wav: Path) -> None:
    soundfile.write(wav, NOISE, 16_000)
    whole = wav.read_bytes()
    at = whole.index(b"data") + 4
    wav.write_bytes(whole[:at] + b"\xff" * 4 + whole[at + 4 :])
    np.testing.assert_array_equal(read_int16(wav), NOISE)


def test_a_truncated_flac(tmp_path: Path) -> None:
    path = tmp_path / "turn.flac"
    soundfile.write(path, NOISE, 16_000)
    path.write_bytes(path.read_bytes()[:-20_000])
    with pytest.raises(UserError, match=r"truncated|cannot be decoded"):
        read_int16(path)


def test_values_that_are_not_numbers(wav: Path) -> None:
    soundfile.write(wav, np.array([0.0, np.nan, 0.5]), 16_000, subtype="FLOAT")
    with pytest.raises(UserError, match="not numbers"):
        read_int16(wav)
