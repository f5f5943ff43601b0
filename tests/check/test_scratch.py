"""The scratch folder: counted to the byte, and cleaned of elor's things alone."""

import fcntl
from pathlib import Path

import pytest

from elor.check import scratch as scratches
from elor.errors import UserError
from elor.files import MARK, scratch, scratch_folder

HEX = "0123456789abcdef0123"
OTHERS = (
    "mine.txt",
    "train/notes.txt",
    f"train/{HEX}/a.jpg",  # in elor's own folder, but not where elor puts anything
    "photos/2020/a.jpg",
    f"photos/{HEX}/b.jpg",
    f"repository/.git/objects/{HEX}",
    f"{HEX}.txt",
)
EMPTY = ("repository/.git/refs/heads", "photos/2021", "empty")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "scratch"
    monkeypatch.setenv("ELOR_SCRATCH", str(root))
    (scratch("train/elor/Ses01F", 1) / "state").write_bytes(b"x" * 3000)
    (scratch("train/elor/Ses01M", 2) / "state").write_bytes(b"x" * 2000)
    (scratch("corpora", 4) / "truth.csv").write_bytes(b"x" * 90)
    (scratch("is10", 3) / "a.vectors").write_bytes(b"x" * 700)
    for kind, name in (("locks", HEX), ("lists", f"{HEX}.txt")):
        (scratch_folder(kind) / name).write_bytes(b"y" * 50)
    for name in EMPTY:
        (root / name).mkdir(parents=True)
    for name in OTHERS:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("not elor's")
    return root


def test_sizes_by_kind(root: Path) -> None:
    found = {finding.what: finding.found for finding in scratches.scratch(root)}
    assert found["unfinished work: train"] == "5 kB in 2 parts"
    assert found["kept IS10 vectors"] == "700 B in 1 part"
    assert found["corpora that recipes make"] == "90 B in 1 part"
    assert sum(scratches.parts(root).values()) == 5890


def test_what_would_be_removed_is_listed_by_folder(root: Path) -> None:
    found = {folder.relative_to(root).as_posix(): count for folder, count in scratches.parts(root).items()}
    assert found == {
        "train/elor/Ses01F": 3000,
        "train/elor/Ses01M": 2000,
        "is10": 700,
        "corpora": 90,
        "locks": 50,
        "lists": 50,
    }


def test_cleaning_leaves_everything_else_alone(root: Path) -> None:
    assert scratches.clean(root) == 5890
    left = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    assert left == sorted([*OTHERS, f"train/{MARK}"])  # others' files lie in this one: it stays, and stays elor's
    assert all((root / name).is_dir() for name in EMPTY)
    assert not any((root / name).exists() for name in ("is10", "locks", "lists", "train/elor"))
    assert scratches.scratch(root)[0].found == f"{root}, empty"
    assert scratches.clean(root) == 0


def test_a_folder_that_was_there_before_is_nobodys_but_its_owners(tmp_path: Path, monkeypatch) -> None:
    """A user's own `train` of photos, named as elor names its work, in the folder that ELOR_SCRATCH names."""
    monkeypatch.setenv("ELOR_SCRATCH", str(tmp_path))
    photos = [tmp_path / "train" / name for name in (f"a/b/{HEX}/1.jpg", f"{HEX}/2.jpg")]
    for path in photos:
        path.parent.mkdir(parents=True)
        path.write_text("dear")
    work = scratch("train/elor/Ses01F", 1)  # elor works there all the same
    assert scratches.clean(tmp_path) == 0
    assert work.is_dir()
    assert all(path.read_text() == "dear" for path in photos)
    assert "train in" in scratches.scratch(tmp_path)[1].note


def test_a_mark_that_elor_did_not_write_counts_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / MARK).write_text("mine")
    (tmp_path / "locks" / HEX).write_text("dear")
    assert scratches.clean(tmp_path) == 0
    assert (tmp_path / "locks" / HEX).read_text() == "dear"


@pytest.mark.parametrize("where", ["file", "below", "read-only"])
def test_a_scratch_folder_that_cannot_be_used_is_one_sentence(tmp_path: Path, monkeypatch, where: str) -> None:
    (tmp_path / "file").write_text("mine")
    root = tmp_path / ("file/deeper" if where == "below" else where)
    if where == "read-only":
        root.mkdir(mode=0o555)
        monkeypatch.setattr("os.access", lambda path, mode: Path(path) != root)  # root may write everywhere
    monkeypatch.setenv("ELOR_SCRATCH", str(root))
    (finding,) = scratches.scratch(root)
    assert finding.remedy.startswith(f"The scratch folder {root} cannot be used (")
    assert "ELOR_SCRATCH" in finding.remedy
    if where != "read-only":
        with pytest.raises(UserError, match=r"cannot be used \(.+\); .*ELOR_SCRATCH"):
            scratch("train/elor/Ses01F", 1)
    assert (tmp_path / "file").read_text() == "mine"


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
    assert sum(scratches.parts(root).values()) == 5890


def test_no_scratch_folder_is_no_fault(tmp_path: Path) -> None:
    assert scratches.parts(tmp_path / "none") == {}
    assert scratches.clean(tmp_path / "none") == 0
    assert scratches.scratch(tmp_path / "none")[0].state == "ok"
