"""Atomic writes, digests, scratch."""

import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from elor import files
from elor.errors import UserError


def test_a_failed_write_leaves_the_old_file_and_no_debris(tmp_path: Path) -> None:
    path = tmp_path / "value.txt"
    files.write_text(path, "old")
    with pytest.raises(RuntimeError), files.replacing(path) as part:  # noqa: PT012  (both lines are the point)
        part.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_keeps_who_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "value.txt"
    for mode in (0o644, 0o600):
        if path.exists():
            path.chmod(mode)
        files.write_text(path, "new")
        assert path.stat().st_mode & 0o777 == mode
    path.chmod(0o444)  # as DVC protects what its cache holds: a result can be written again
    files.write_text(path, "newer")
    assert path.stat().st_mode & 0o777 == 0o644


def test_what_is_no_file_gets_the_content_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        heard = pool.submit(pipe.read_text)
        files.write_text(pipe, "all of it")
        assert heard.result(timeout=20) == "all of it"
    assert pipe.is_fifo()
    with (tmp_path / "out.txt").open("w") as shown:
        files.write_text(Path(f"/proc/self/fd/{shown.fileno()}"), "shown")
    assert (tmp_path / "out.txt").read_text() == "shown"


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="disk is full"), files.replacing(tmp_path / "value"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_json_is_rounded_and_has_no_nan(tmp_path: Path) -> None:
    files.write_json(
        tmp_path / "a.json", {"x": np.float64(1 / 3), "y": float("nan"), "z": np.arange(2), "p": Path("q")}
    )
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": 0.3333, "y": None, "z": [0, 1], "p": "q"}


def test_p_values_never_become_zero(tmp_path: Path) -> None:
    found = {"p": 1.23456e-9, "mcnemar_p": np.float64(0.000012345), "p_holm": 0.84391, "learned_p": [2 / 1024, None]}
    files.write_json(tmp_path / "a.json", found | {"penalty": 1e-9, "valence_p0": 0.12345})
    assert json.loads((tmp_path / "a.json").read_text()) == {
        "p": 1.235e-9, "mcnemar_p": 1.234e-5, "p_holm": 0.8439, "learned_p": [0.001953, None],
        "penalty": 0.0, "valence_p0": 0.1235,
    }  # fmt: skip


def test_digest_ignores_order_of_keys_and_sees_values() -> None:
    assert files.digest({"a": 1, "b": 2}) == files.digest({"b": 2, "a": 1}) != files.digest({"a": 1, "b": 3})


def test_scratch_is_keyed_and_can_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELOR_SCRATCH", str(tmp_path))
    one, two = files.scratch("train", {"seed": 1}), files.scratch("train", {"seed": 2})
    assert one != two == files.scratch("train", {"seed": 2})
    assert one.parent == tmp_path / "train"
    files.discard([one])
    assert not one.exists()
    files.discard([one])  # twice does no harm
