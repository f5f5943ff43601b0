"""One big array per file: written atomically, row by row, through a memory map.

A corpus of thousands of slices is one file to copy, hash and push, and no process ever holds it in its own memory.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from elor.errors import UserError
from elor.files import replacing


@contextmanager
def packed(path: Path, shape: tuple[int, ...], dtype: str) -> Iterator[np.memmap]:
    """Yield a writable array of zeros that becomes the `.npy` file `path` when the block ends well.

    Raises:
        UserError: if the disk is full: its space is taken before the first value is written.
    """
    with replacing(path) as part:
        array = np.lib.format.open_memmap(part, mode="w+", dtype=np.dtype(dtype), shape=shape)
        _reserve(part)
        yield array
        array.flush()


def opened(path: Path, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Map a `.npy` file for reading and check what it holds.

    Args:
        path: the file.
        shape: the shape of one row; the number of rows is free.
        dtype: the expected type of its values.

    Returns:
        The read-only array `(n, *shape)`.

    Raises:
        UserError: if the file is missing, damaged, or holds something else.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path} cannot be read as an array ({error}); run the stage that writes it again.") from error
    if array.shape[1:] != shape or array.dtype != np.dtype(dtype):
        raise UserError(
            f"{path} holds {array.dtype} {array.shape} where {dtype} (n, {', '.join(map(str, shape))}) is expected; "
            "run the stage that writes it again."
        )
    return array


def _reserve(path: Path) -> None:
    """Take the file's space on disk now: a memory map on a full disk ends in a bus error, not an exception."""
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as stream:
            os.posix_fallocate(stream.fileno(), 0, path.stat().st_size)
