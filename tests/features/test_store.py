"""The store of vectors: what was added is there, what was torn is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from elor.errors import UserError
from elor.features.store import VectorStore, content_key


def vectors(count: int, size: int = 7) -> dict[bytes, np.ndarray]:
    values = np.random.default_rng(count).standard_normal((count, size)).astype(np.float32)
    return {content_key(value): value for value in values}


def fill(folder: Path, content: dict[bytes, np.ndarray]) -> Path:
    """Write one shard and return it."""
    before = set(folder.iterdir())
    with VectorStore(folder, 7) as store:
        store.add(content)
    (shard,) = set(folder.iterdir()) - before
    return shard


def assert_holds(folder: Path, content: dict[bytes, np.ndarray]) -> None:
    loaded = VectorStore(folder, 7).load()
    assert loaded.keys() == content.keys()
    for key, vector in content.items():
        np.testing.assert_array_equal(loaded[key], vector)


def test_what_was_added_by_several_is_there(tmp_path: Path) -> None:
    with VectorStore(tmp_path, 7) as one, VectorStore(tmp_path, 7) as other:
        one.add(vectors(2))
        other.add(vectors(3))
        one.add(vectors(4))
        assert_holds(tmp_path, vectors(2) | vectors(3) | vectors(4))  # also before they are closed
    assert_holds(tmp_path, vectors(2) | vectors(3) | vectors(4))


def test_a_reader_leaves_no_file(tmp_path: Path) -> None:
    with VectorStore(tmp_path, 7) as store:
        assert store.load() == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kept_bytes", [1, 30, 51])
def test_a_torn_last_record_is_dropped(tmp_path: Path, kept_bytes: int) -> None:
    content = vectors(3)
    shard = fill(tmp_path, content)
    record = VectorStore(tmp_path, 7).record.itemsize
    assert record == 52
    shard.write_bytes(shard.read_bytes()[: 2 * record + kept_bytes])
    assert_holds(tmp_path, dict(list(content.items())[:2]))


@pytest.mark.parametrize("byte", [0, 19, 20, 47, 48, 51])
def test_a_damaged_record_is_dropped(tmp_path: Path, byte: int) -> None:
    content = vectors(3)
    shard = fill(tmp_path, content)
    data = bytearray(shard.read_bytes())
    data[52 + byte] ^= 1
    shard.write_bytes(data)
    first, _, third = content.items()
    assert_holds(tmp_path, dict([first, third]))


def test_zeros_after_a_power_cut_are_dropped(tmp_path: Path) -> None:
    shard = fill(tmp_path, vectors(2))
    shard.write_bytes(shard.read_bytes() + bytes(52 * 3))
    assert_holds(tmp_path, vectors(2))


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with VectorStore(tmp_path / "gone", 7) as store, pytest.raises(UserError, match="ELOR_SCRATCH"):
        store.add(vectors(1))


def test_the_key_is_of_the_values() -> None:
    values = np.arange(5, dtype=np.int16)
    assert content_key(values) == content_key(values.copy()) == content_key(np.arange(10, dtype=np.int16)[:5])
    assert content_key(values) != content_key(values + 1)
