"""Vectors that are dear to compute, kept by the digest of what they were computed from.

The store survives a kill at any moment: records of fixed size are appended to a shard, a file that belongs to one
process alone, and each carries a checksum. A reader takes every whole record of every shard and drops the rest.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np

from elor.errors import UserError

KEY_BYTES = 20


def content_key(values: np.ndarray) -> bytes:
    """The name under which a vector is kept: a digest of the bytes of the array it is computed from."""
    return hashlib.blake2b(np.ascontiguousarray(values), digest_size=KEY_BYTES).digest()


class VectorStore:
    """Float32 vectors of one length in a folder; a context manager while it is written to.

    Any number of processes may use the folder at once; each sees what the others had written when it called `load`.

    Args:
        folder: an existing folder that belongs to the store.
        size: the number of values in a vector.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self.record = np.dtype([("key", f"V{KEY_BYTES}"), ("vector", "<f4", (size,)), ("check", "<u4")])
        self._shard: BinaryIO | None = None

    def __enter__(self) -> VectorStore:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._shard is not None:
            self._shard.close()
            self._shard = None

    def load(self) -> dict[bytes, np.ndarray]:
        """Every sound record of every shard, as read-only views into the mapped files."""
        found: dict[bytes, np.ndarray] = {}
        for path in sorted(self.folder.glob("*.vectors")):
            whole = path.stat().st_size // self.record.itemsize
            if whole:
                records = np.memmap(path, dtype=self.record, mode="r", shape=(whole,))
                found.update((row["key"].tobytes(), row["vector"]) for row in records if _sound(row))
        return found

    def add(self, vectors: Mapping[bytes, np.ndarray]) -> None:
        """Append vectors; they are kept once this returns, whatever happens to the process.

        Raises:
            UserError: if they cannot be written.
        """
        records = np.zeros(len(vectors), dtype=self.record)
        for record, (key, vector) in zip(records, vectors.items(), strict=True):
            record["key"], record["vector"] = np.void(key), vector
            record["check"] = _checksum(record)
        try:
            if self._shard is None:
                handle, _ = tempfile.mkstemp(dir=self.folder, suffix=".vectors")
                self._shard = os.fdopen(handle, "wb")
            self._shard.write(records.tobytes())
            self._shard.flush()
        except OSError as error:
            raise UserError(
                f"{self.folder} cannot take more vectors ({error}); free some space or let ELOR_SCRATCH name another "
                "folder, and run again: what was kept is not computed twice."
            ) from error


def _checksum(record: np.void) -> int:
    return zlib.crc32(record["vector"].tobytes(), zlib.crc32(record["key"].tobytes()))


def _sound(record: np.void) -> bool:
    """Whether a record is what was once written; a block of zeros, left by a power cut, is not."""
    return record["check"] == _checksum(record)
