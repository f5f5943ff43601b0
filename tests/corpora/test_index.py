"""The index of a corpus: right after every kind of change, and quick without any."""

from __future__ import annotations

import hashlib
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from elor.corpora import index as module
from elor.corpora.index import index, read_index
from elor.corpora.reader import open_corpus
from elor.errors import UserError
from elor.tables import write_table
from tests.worlds.release import annotation_of, build, plain, sound_of, write_dialogue

TURN = "Ses03M_impro05a_F000"


def compare(old: pd.DataFrame, new: pd.DataFrame) -> dict[str, list[str]]:
    """The paths that were `added`, `removed` and `changed` between two indices, sorted."""
    before, after = (dict(zip(frame.path, frame.digest, strict=True)) for frame in (old, new))
    return {
        "added": sorted(after.keys() - before.keys()),
        "removed": sorted(before.keys() - after.keys()),
        "changed": sorted(path for path in before.keys() & after.keys() if before[path] != after[path]),
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return build(tmp_path / "release")


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust the digests of files that were written a moment ago (their change times cannot be set back)."""
    monkeypatch.setattr(module, "SETTLED_S", 0.0)
    time.sleep(0.02)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files whose bytes are read."""
    names: list[str] = []
    original = module.file_digest

    def spy(path: Path) -> str:
        names.append(path.name)
        return original(path)

    monkeypatch.setattr(module, "file_digest", spy)
    return names


def test_the_index_holds_size_and_sha256_of_every_file(root: Path) -> None:
    source = open_corpus(root)
    found = index(source)
    assert found.path.tolist() == source.files()
    for row in found.itertuples():
        content = (root / row.path).read_bytes()
        assert (row.size, row.digest) == (len(content), hashlib.sha256(content).hexdigest())


@pytest.mark.usefixtures("settled")
def test_nothing_is_read_twice(root: Path, hashed: list[str]) -> None:
    first = index(open_corpus(root))
    assert len(hashed) == len(first) == 17
    hashed.clear()
    pd.testing.assert_frame_equal(index(open_corpus(root)), first)
    assert hashed == []


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("keep_times", [False, True])
def test_a_changed_file_of_the_same_size_is_noticed(root: Path, hashed: list[str], keep_times: bool) -> None:
    before = index(open_corpus(root))
    hashed.clear()
    path = sound_of(root, TURN)
    times = path.stat()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    if keep_times:
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    name = path.relative_to(root).as_posix()
    assert compare(before, index(open_corpus(root))) == {"added": [], "removed": [], "changed": [name]}
    assert hashed == [path.name]


def test_a_file_that_was_just_written_is_read_again(root: Path, hashed: list[str]) -> None:
    """Within a tick of the clock it could change a second time and keep size and times."""
    index(open_corpus(root))
    hashed.clear()
    index(open_corpus(root))
    assert len(hashed) == 17


def test_added_and_removed_files_are_told(root: Path) -> None:
    before = index(open_corpus(root))
    write_dialogue(root, "Ses03F_impro07", plain("Ses03F_impro07")[:1])
    found = compare(before, index(open_corpus(root)))
    added = sorted(
        path.relative_to(root).as_posix()
        for path in (annotation_of(root, "Ses03F_impro07"), sound_of(root, "Ses03F_impro07_F000"))
    )
    assert found == {"added": added, "removed": [], "changed": []}
    assert compare(index(open_corpus(root)), before)["removed"] == added


@pytest.mark.usefixtures("settled")
def test_a_remembered_digest_that_was_damaged_is_not_believed(root: Path, scratch: Path) -> None:
    first = index(open_corpus(root))
    (memory,) = (scratch / "digests").glob("*.json")
    digest = str(first["digest"][0])
    memory.write_text(memory.read_text().replace(digest, digest[::-1]))
    pd.testing.assert_frame_equal(index(open_corpus(root)), first)


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"x": 1}', b"\xff\xfe", b'{"x": [1, 2, 3, 4, null]}'])
def test_a_damaged_memory_costs_time_and_nothing_else(root: Path, scratch: Path, damage: bytes) -> None:
    first = index(open_corpus(root))
    (memory,) = (scratch / "digests").glob("*.json")
    memory.write_bytes(damage)
    pd.testing.assert_frame_equal(index(open_corpus(root)), first)
    assert len(json.loads(memory.read_text())["value"]) == 17


def test_a_scratch_folder_that_cannot_be_written_costs_nothing_else(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = index(open_corpus(root))
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ELOR_SCRATCH", str(tmp_path / "file"))
    pd.testing.assert_frame_equal(index(open_corpus(root)), first)


@pytest.mark.usefixtures("settled")
def test_two_corpora_and_runs_at_once_do_not_mix(root: Path, tmp_path: Path) -> None:
    other = build(tmp_path / "other")
    sound_of(other, TURN).write_bytes(sound_of(root, "Ses03M_impro05a_M000").read_bytes())
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda path: index(open_corpus(path)), [root, other] * 4))
    assert all(frame.equals(found[0]) for frame in found[::2])
    assert all(frame.equals(found[1]) for frame in found[1::2])
    assert len(compare(found[0], found[1])["changed"]) == 1


def test_the_index_comes_back_from_its_file(root: Path, tmp_path: Path) -> None:
    found = index(open_corpus(root))
    write_table(found, tmp_path / "index.csv")
    pd.testing.assert_frame_equal(read_index(tmp_path / "index.csv"), found)


@pytest.mark.parametrize("content", [None, "", "path,size\na,1\n"])
def test_what_is_no_index_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "index.csv").write_text(content)
    with pytest.raises(UserError, match=r"index\.csv"):
        read_index(tmp_path / "index.csv")


def test_a_file_that_vanishes_meanwhile_is_a_clear_error(root: Path) -> None:
    class Forgetful:
        kind = "test"

        def __init__(self, folder: Path) -> None:
            self.root = folder

        def files(self) -> list[str]:
            return ["gone.wav"]

    with pytest.raises(UserError, match=r"gone\.wav cannot be read"):
        index(Forgetful(root))  # type: ignore[arg-type]
