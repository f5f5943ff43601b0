"""IS10 features: openSMILE's own numbers, whoever computes them and however often they are interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import opensmile
import psutil
import pytest
import soundfile

from elor.engine import Engine
from elor.errors import UserError
from elor.features.is10 import Extraction, functionals, names, store_folder, write_is10
from elor.features.slices import SLICE_SAMPLES
from elor.features.store import VectorStore, content_key
from elor.vectors import SETS

from .speech import pseudo_speech, real_speech

pytestmark = pytest.mark.long

RUN = """
import sys
from pathlib import Path
from elor.engine import Engine
from elor.features.is10 import write_is10
if __name__ == "__main__":
    folder = Path(sys.argv[1])
    write_is10(folder / "slices.npy", folder / "is10.npy", folder / "names.txt", Engine("cpu", 2))
"""


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scratch folder of the test's own, also for the processes that it starts."""
    folder = tmp_path / "scratch"
    monkeypatch.setenv("ELOR_SCRATCH", str(folder))
    return folder


@pytest.fixture(scope="module")
def smile() -> opensmile.Smile:
    return opensmile.Smile(feature_set=opensmile.FeatureSet.IS10, feature_level=opensmile.FeatureLevel.Functionals)


def extract(folder: Path, slices: np.ndarray, workers: int = 1) -> tuple[np.ndarray, Extraction]:
    np.save(folder / "slices.npy", slices)
    done = write_is10(folder / "slices.npy", folder / "is10.npy", folder / "names.txt", Engine("cpu", workers))
    return np.load(folder / "is10.npy"), done


def test_the_file_equals_opensmile_on_each_padded_slice(tmp_path: Path, smile: opensmile.Smile) -> None:
    slices = np.concatenate([pseudo_speech(2), pseudo_speech(1, seconds=1.3), np.zeros((1, SLICE_SAMPLES), np.int16)])
    if (real := real_speech(3)) is not None:
        slices = np.concatenate([slices, real])
    written, done = extract(tmp_path, slices, workers=2)
    assert done == Extraction(slices=len(slices), computed=len(slices), replaced=0)
    assert written.dtype == np.float32
    for row, sound in zip(written, slices, strict=True):
        np.testing.assert_array_equal(row, smile.process_signal(sound.astype(np.float32) / 32768, 16_000).to_numpy()[0])
    assert (tmp_path / "names.txt").read_text().split() == names() == list(smile.feature_names)
    assert len(names()) == SETS["IS10"] == 1582


@pytest.mark.parametrize("which", ["ComParE_2016", "eGeMAPSv02"])
def test_other_sets_are_opensmiles_own_and_kept_apart(tmp_path: Path, which: str) -> None:
    slices = pseudo_speech(2)
    first, _ = extract(tmp_path, slices)
    done = write_is10(tmp_path / "slices.npy", tmp_path / "is10.npy", tmp_path / "names.txt", Engine("cpu", 1), which)
    assert done == Extraction(slices=2, computed=2, replaced=0)  # none of IS10's was taken for this set's
    smile = opensmile.Smile(opensmile.FeatureSet[which], opensmile.FeatureLevel.Functionals)
    for row, sound in zip(np.load(tmp_path / "is10.npy"), slices, strict=True):
        np.testing.assert_array_equal(row, smile.process_signal(sound.astype(np.float32) / 32768, 16_000).to_numpy()[0])
    listed = (tmp_path / "names.txt").read_text().split()
    assert listed == names(which) == list(smile.feature_names)
    assert len(listed) == SETS[which] != first.shape[1]


def test_a_wav_file_gives_the_same_numbers(tmp_path: Path, smile: opensmile.Smile) -> None:
    sound = pseudo_speech(1)[0]
    soundfile.write(tmp_path / "slice.wav", sound, 16_000)
    np.testing.assert_array_equal(functionals(sound), smile.process_file(str(tmp_path / "slice.wav")).to_numpy()[0])


@pytest.mark.parametrize("value", [0, 1, 32767, -32768])
def test_constants_are_finite(value: int) -> None:
    assert np.isfinite(functionals(np.full(SLICE_SAMPLES, value, dtype=np.int16))).all()


def test_only_what_is_new_is_computed(tmp_path: Path) -> None:
    slices = pseudo_speech(4)
    first, done = extract(tmp_path, slices)
    assert done.computed == 4
    changed = slices[[3, 0, 1, 1]]
    changed[2:, 500] += 1
    second, done = extract(tmp_path, changed)
    assert done == Extraction(slices=4, computed=1, replaced=0)  # the last two are equal: one computation
    np.testing.assert_array_equal(second[:2], first[[3, 0]])
    np.testing.assert_array_equal(second[2], functionals(changed[2]))
    np.testing.assert_array_equal(second[3], second[2])


def test_a_value_that_is_not_finite_becomes_zero_and_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slices = pseudo_speech(2)
    vector = np.arange(SETS["IS10"], dtype=np.float32)
    vector[[3, 5, 8]] = np.nan, np.inf, -np.inf
    with VectorStore(store_folder(), SETS["IS10"]) as store:
        store.add({content_key(slices[1]): vector})
    written, done = extract(tmp_path, slices)
    assert done == Extraction(slices=2, computed=1, replaced=3)
    np.testing.assert_array_equal(written[1], np.where(np.isfinite(vector), vector, 0))
    assert "3 values that are not finite" in capsys.readouterr().err


def test_a_missing_input_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"slices\.npy cannot be read"):
        write_is10(tmp_path / "slices.npy", tmp_path / "is10.npy", tmp_path / "names.txt")


def begin(folder: Path, scratch: Path, kept: int) -> subprocess.Popen:
    """Start `RUN` as a session of its own, stderr into a file, and wait until `kept` vectors lie in the store."""
    (folder / "run.py").write_text(RUN)
    with (folder / "stderr").open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, str(folder / "run.py"), str(folder)], stderr=stderr, start_new_session=True
        )
    deadline = time.monotonic() + 120
    while sum(path.stat().st_size for path in scratch.rglob("*.vectors")) < kept * 4 * SETS["IS10"]:
        assert process.poll() is None, "ended before it was to be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


def session_of(process: subprocess.Popen) -> list[int]:
    """The living processes of a session, zombies left out."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(session) == process.pid and state != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
@pytest.mark.parametrize(
    "whole_group",
    [pytest.param(True, marks=pytest.mark.slow, id="group"), pytest.param(False, id="parent alone")],
)
def test_a_kill_loses_little_and_leaves_nothing(tmp_path: Path, scratch: Path, whole_group: bool) -> None:
    slices = pseudo_speech(40)
    np.save(tmp_path / "slices.npy", slices)
    process = begin(tmp_path, scratch, kept=8)
    assert len(session_of(process)) >= 3  # a parent and two workers
    (os.killpg if whole_group else os.kill)(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    deadline = time.monotonic() + 20
    while session_of(process) and time.monotonic() < deadline:
        time.sleep(0.05)
    orphans = session_of(process)
    for orphan in orphans:
        os.kill(orphan, signal.SIGKILL)
    assert orphans == []  # nobody goes on computing
    assert not (tmp_path / "is10.npy").exists()

    kept = len(VectorStore(store_folder(), SETS["IS10"]).load())
    assert 8 <= kept < 40
    written, done = extract(tmp_path, slices, workers=2)
    assert done == Extraction(slices=40, computed=40 - kept, replaced=0)
    for row in (0, 7, 20, 39):
        np.testing.assert_array_equal(written[row], functionals(slices[row]))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
def test_a_killed_worker_costs_nothing(tmp_path: Path, scratch: Path) -> None:
    slices = pseudo_speech(40)
    np.save(tmp_path / "slices.npy", slices)
    process = begin(tmp_path, scratch, kept=8)
    server = next(one for one in psutil.Process(process.pid).children() if "forkserver" in " ".join(one.cmdline()))
    server.children()[0].kill()
    assert process.wait(timeout=120) == 0, (tmp_path / "stderr").read_text()
    written = np.load(tmp_path / "is10.npy")
    for row in (0, 7, 20, 39):
        np.testing.assert_array_equal(written[row], functionals(slices[row]))
