"""Which files a corpus consists of, so that a changed one is noticed.

Digests are remembered in scratch under a file's size, times and inode: an unchanged corpus is indexed again without
reading a byte of it. The memory is only ever a shortcut; without it, or with a broken one, the same index results.
"""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from elor.corpora.schema import Reader
from elor.errors import UserError
from elor.files import Stamp, digest, file_digest, read_sealed, scratch_folder, stamp, write_sealed
from elor.progress import track

COLUMNS = {"corpus": "str", "path": "str", "size": "int64", "digest": "str"}

SETTLED_S = 2.0
"""Seconds a file must have been left alone before its digest is remembered: within one tick of the clock it could
change twice and keep its times (FAT's ticks, the coarsest, last two seconds)."""

THREADS = 4  # hashing releases the interpreter; a disk or a network share is faster with some requests under way


def index(source: Reader, corpus: str = "") -> pd.DataFrame:
    """List the files of a source with their digests.

    Args:
        source: what reads it.
        corpus: its name in the run.

    Returns:
        One row per file in the order of their paths: corpus, path (relative to the source's root), size in bytes,
        digest (SHA-256).

    Raises:
        UserError: if a file is missing or cannot be read; and as `source.files`.
    """
    files = source.files()
    root = source.root.absolute()
    memory = _memory(root)
    known = (None if memory is None else read_sealed(memory)) or {}
    started = time.time()
    stamps = {file: _stamp(root / file) for file in files}
    changed = [file for file in files if known.get(file, [None])[:-1] != stamps[file]]
    fresh = dict(zip(changed, _digests(root, changed), strict=True))
    digests = {file: fresh[file] if file in fresh else known[file][-1] for file in files}
    if changed:
        settled = (file for file in files if max(stamps[file][1:3]) / 1e9 < started - SETTLED_S)
        _remember(memory, known | {file: [*stamps[file], digests[file]] for file in settled})
    rows = [(corpus, file, stamps[file][0], digests[file]) for file in files]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def read_index(path: Path) -> pd.DataFrame:
    """Read an index that was written as a table.

    Raises:
        UserError: if the file is absent or is no index.
    """
    try:
        return pd.read_csv(path, dtype=COLUMNS, keep_default_na=False, usecols=list(COLUMNS))
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; run dvc repro.") from None
    except ValueError as error:
        raise UserError(f"{path} is no index of a corpus ({error}); delete it and run dvc repro.") from None


def _stamp(path: Path) -> Stamp:
    try:
        return stamp(path)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); restore it.") from error


def _digests(root: Path, files: list[str]) -> Iterator[str]:
    def one(file: str) -> str:
        try:
            return file_digest(root / file)
        except OSError as error:
            raise UserError(f"{root / file} cannot be read ({error.strerror}); restore it.") from error

    with ThreadPoolExecutor(THREADS) as pool:
        yield from track(pool.map(one, files), "digests", len(files), "file")


def _memory(root: Path) -> Path | None:
    """Where the digests of a corpus are remembered; nowhere if there is no scratch folder."""
    try:
        return scratch_folder("digests") / f"{digest(os.fspath(root))}.json"
    except UserError:
        return None


def _remember(memory: Path | None, known: dict[str, list]) -> None:
    if memory is None:
        return
    try:
        write_sealed(memory, known)  # two runs at once: the later one wins, and what is lost is read again
    except (OSError, UserError):
        return  # a scratch folder that cannot be written costs time, nothing else
