"""MFCCs against python_speech_features, an implementation that shares nothing with torchaudio."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import python_speech_features
import torch

from elor.errors import UserError
from elor.features.mfcc import COEFFICIENTS, FRAMES, mfcc, write_mfcc
from elor.features.slices import SLICE_SAMPLES

from .speech import pseudo_speech, real_speech


def oracle(signal: np.ndarray) -> np.ndarray:
    """What python_speech_features gives for one int16 slice, `(26, 599)`."""
    return python_speech_features.mfcc(signal.astype(np.float64), nfft=1024, numcep=26).T


def ours(slices: np.ndarray) -> np.ndarray:
    return mfcc(torch.from_numpy(slices)).numpy()


@pytest.fixture(scope="module", params=["real", "pseudo"])
def speech(request: pytest.FixtureRequest) -> np.ndarray:
    slices = real_speech(40) if request.param == "real" else pseudo_speech(20)
    if slices is None:
        pytest.skip("no real recordings beside the repository")
    return slices


@pytest.mark.parametrize("range_db", [30, 60])
def test_correlation_with_python_speech_features(speech: np.ndarray, range_db: float) -> None:
    """Over speech: the frames within 30 or 60 dB of the loudest one of their slice."""
    pairs = []
    for mine, theirs in zip(ours(speech), map(oracle, speech), strict=True):
        frames = theirs[0] > theirs[0].max() - range_db / 10 * np.log(10)
        pairs.append(np.stack([mine[:, frames], theirs[:, frames]]))
    mine, theirs = np.concatenate(pairs, axis=2)
    correlation = np.array([np.corrcoef(*pair)[0, 1] for pair in zip(mine, theirs, strict=True)])
    assert correlation.shape == (26,)
    assert (correlation[:9] > 0.999).all(), correlation
    assert (correlation > 0.98).all(), correlation
    scale = (mine * theirs).sum(axis=1) / (theirs**2).sum(axis=1)
    np.testing.assert_allclose(scale, 1, atol=0.05)  # not only alike: equally large


def test_the_log_energy_is_the_same_number(speech: np.ndarray) -> None:
    """Coefficient 0 passes no mel filter: it differs by rounding alone, padding and last frame included."""
    for mine, signal in zip(ours(speech), speech, strict=True):
        np.testing.assert_allclose(mine[0], oracle(signal)[0], atol=1e-4)


def test_the_last_frame_is_completed_with_zeros() -> None:
    slices = np.zeros((1, SLICE_SAMPLES), dtype=np.int16)
    slices[0, -100:] = np.random.default_rng(0).integers(-9999, 9999, 100)
    mine, theirs = ours(slices)[0], oracle(slices[0])
    assert mine.shape == theirs.shape == (COEFFICIENTS, FRAMES)
    np.testing.assert_allclose(mine[0], theirs[0], atol=1e-4)
    assert mine[0, -1] > 0 > mine[0, 0]


def test_digital_silence_is_finite_and_the_same_number() -> None:
    silent = np.zeros((1, SLICE_SAMPLES), dtype=np.int16)
    np.testing.assert_allclose(ours(silent)[0], oracle(silent[0]), atol=1e-2)


@pytest.mark.parametrize("value", [1, -32768, 32767])
def test_a_constant_is_finite(value: int) -> None:
    assert np.isfinite(ours(np.full((1, SLICE_SAMPLES), value, dtype=np.int16))).all()


def test_a_slice_does_not_depend_on_its_batch() -> None:
    slices = pseudo_speech(5)
    together = ours(slices)
    np.testing.assert_array_equal(together, np.concatenate([ours(slices[:2]), ours(slices[2:])]))
    np.testing.assert_array_equal(together[::-1], ours(slices[::-1].copy()))


def test_a_slice_does_not_depend_on_the_number_of_threads() -> None:
    slices, before = pseudo_speech(3), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = ours(slices)
        torch.set_num_threads(2)
        np.testing.assert_array_equal(one, ours(slices))
    finally:
        torch.set_num_threads(before)


def test_floats_on_the_int16_scale_give_the_same() -> None:
    slices = pseudo_speech(1)
    np.testing.assert_array_equal(ours(slices), ours(slices.astype(np.float32)))


def test_no_slices_give_no_coefficients() -> None:
    assert mfcc(torch.zeros(0, SLICE_SAMPLES)).shape == (0, COEFFICIENTS, FRAMES)


@pytest.mark.parametrize("shape", [(SLICE_SAMPLES,), (1, SLICE_SAMPLES - 1), (1, 1, SLICE_SAMPLES)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected slices of shape"):
        mfcc(torch.zeros(shape))


def test_the_file_holds_the_same_numbers_twice(tmp_path: Path) -> None:
    slices = pseudo_speech(4)
    np.save(tmp_path / "slices.npy", slices)
    write_mfcc(tmp_path / "slices.npy", tmp_path / "mfcc.npy")
    written = np.load(tmp_path / "mfcc.npy")
    assert written.dtype == np.float32
    np.testing.assert_array_equal(written, ours(slices))
    write_mfcc(tmp_path / "slices.npy", tmp_path / "again.npy")
    assert (tmp_path / "again.npy").read_bytes() == (tmp_path / "mfcc.npy").read_bytes()


def test_a_missing_input_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"slices\.npy cannot be read"):
        write_mfcc(tmp_path / "slices.npy", tmp_path / "mfcc.npy")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_memory_does_not_grow_with_the_corpus(tmp_path: Path) -> None:
    """300 slices are 58 MB of sound and 19 MB of coefficients; neither may stay in the process's own memory."""
    np.save(tmp_path / "slices.npy", np.tile(pseudo_speech(1), (300, 1)))
    code = """
import sys
from pathlib import Path
import numpy, torch
from elor.features.mfcc import mfcc, write_mfcc
def anonymous():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))
folder = Path(sys.argv[1])
mfcc(torch.from_numpy(numpy.load(folder / "slices.npy", mmap_mode="r")[:5].copy()))
before = anonymous()
write_mfcc(folder / "slices.npy", folder / "mfcc.npy")
print(anonymous() - before)
"""
    if not Path("/proc/self/status").exists():
        pytest.skip("no /proc here")
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], check=True, capture_output=True, text=True, timeout=300
    )
    assert int(run.stdout) < 15_000, "kB"
