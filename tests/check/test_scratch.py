"""The scratch folder: counted to the byte, and cleaned of elor's things alone."""

import fcntl
from pathlib import Path

import pytest

from elor.check import scratch as scratches
from elor.errors import UserError
from elor.files import scratch

OTHERS = ("mine.txt", "train/notes.txt", "photos/2020/a.jpg")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "scratch"
    monkeypatch.setenv("ELOR_SCRATCH", str(root))
    (scratch("train/elor/Ses01F", 1) / "state").write_bytes(b"x" * 3000)
    (scratch("train/elor/Ses01M", 2) / "state").write_bytes(b"x" * 2000)
    (scratch("is10", 3) / "a.vectors").write_bytes(b"x" * 700)
    for name in ("locks/0123456789abcdef0123", "lists/0123456789abcdef0123.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"y" * 50)
    for name in OTHERS:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("not elor's")
    return root


def test_sizes_by_kind(root: Path) -> None:
    found = {finding.what: finding.found for finding in scratches.scratch(root)}
    assert found["unfinished work: train"] == "5 kB in 2 parts"
    assert found["kept IS10 vectors"] == "700 B in 1 part"
    assert scratches.total(root) == 5800


def test_cleaning_leaves_everything_else_alone(root: Path) -> None:
    assert scratches.clean(root) == 5800
    assert sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()) == sorted(OTHERS)
    assert not (root / "is10").exists()
    assert scratches.scratch(root)[0].found == f"{root}, empty"
    assert scratches.clean(root) == 0


def test_links_are_not_followed(root: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/0123456789abcdef0123").write_text("dear")
    (root / "link").symlink_to(tmp_path / "precious")
    scratches.clean(root)
    assert (tmp_path / "precious/0123456789abcdef0123").read_text() == "dear"


def test_nothing_is_removed_while_a_stage_is_at_work(root: Path) -> None:
    with (root / "locks/0123456789abcdef0123").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="1 stage at work"):
            scratches.clean(root)
    assert scratches.total(root) == 5800


def test_no_scratch_folder_is_no_fault(tmp_path: Path) -> None:
    assert scratches.total(tmp_path / "none") == 0
    assert scratches.clean(tmp_path / "none") == 0
    assert scratches.scratch(tmp_path / "none")[0].state == "ok"
