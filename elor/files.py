"""Atomic writes, digests, and the scratch folder that survives a kill.

A file written here either stands complete or not at all: content goes to a temporary sibling that is
moved into place with `os.replace`. The scratch folder lies outside the repository, because DVC deletes a
stage's outputs before it runs the stage again.
"""

import csv
import errno
import hashlib
import io
import json
import math
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from elor.errors import UserError

MARK = ".elor"
MARKED = "Made by elor; `elor check --clean` empties it.\n"
"""What a folder directly below the scratch root holds if elor made it."""

NAME_SHOWN = 40
"""Characters of a file's name that its unfinished sibling bears: a long name plus more would be too long."""

P_VALUE = re.compile(r"(^|_)p($|_)")
"""Keys of p values."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary sibling of `path` that takes its place when the block ends well.

    A file that was there keeps who may read it. What is no file but a pipe or a device gets the content, and stays.

    Raises:
        UserError: if it cannot be written: the disk is full, the folder read-only, the name too long.
    """
    part = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = _is_stream(path)
        home = tempfile.gettempdir() if stream else path.parent
        handle, name = tempfile.mkstemp(dir=home, prefix=f".{path.name[:NAME_SHOWN]}.", suffix=".part")
        os.close(handle)
        part = Path(name)
        yield part
        if stream:
            with path.open("wb") as to, part.open("rb") as content:
                shutil.copyfileobj(content, to)
            return
        os.chmod(part, path.stat().st_mode & 0o777 | 0o200 if path.is_file() else 0o644)  # mkstemp's are private
        os.replace(part, path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(f"The disk is full: {path} was not written; free some space and run again.") from error
        if part is None or error.filename in (None, os.fspath(part)):  # else it is about another file
            raise UserError(
                f"{path} cannot be written ({error.strerror or error}); mend that and run again."
            ) from error
        raise
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


def _is_stream(path: Path) -> bool:
    """Whether something takes bytes there that is no file to be replaced: /dev/stdout, a named pipe, `>(...)`."""
    names_one = path.is_symlink() and path.parts[:2] in (("/", "dev"), ("/", "proc"))  # it may lead to a file
    return names_one or (path.exists() and not (path.is_file() or path.is_dir()))


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically, creating the folders above it."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows, each by its columns, as CSV, atomically; what a row lacks is an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), "", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def write_json(path: Path, value: Any, digits: int | None = 4) -> None:
    """Write JSON atomically with floats rounded as in `plain` and NaN as null, so that diffs stay readable."""
    write_text(path, json.dumps(plain(value, digits), indent=2, allow_nan=False) + "\n")


def write_sealed(path: Path, value: Any) -> None:
    """Write a JSON-like value that a later run relies on, atomically, with a checksum."""
    value = plain(value)
    write_text(path, json.dumps({"value": value, "digest": digest(value)}, allow_nan=False) + "\n")


def read_sealed(path: Path) -> Any | None:
    """What `write_sealed` wrote; None if there is no such file, or a damaged one."""
    try:
        found = json.loads(path.read_bytes())
        return found["value"] if found["digest"] == digest(found["value"]) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def plain(value: Any, digits: int | None = None, significant: bool = False) -> Any:
    """Turn numpy scalars, arrays, paths and mappings into what JSON knows; NaN and infinities become None.

    Args:
        value: what is to be written.
        digits: decimals that floats are rounded to; None: as they are.
        significant: keep as many significant digits instead. So it is for p values, that is keys such as `p`, `p_holm`
            and `mcnemar_p`, which must not become zero.
    """
    if isinstance(value, dict):
        return {str(key): plain(item, digits, bool(P_VALUE.search(str(key)))) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item, digits, significant) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist(), digits, significant)
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        if significant and digits is not None:
            return float(f"{value:.{digits}g}")
        return value if digits is None else round(value, digits)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value


def digest(value: Any) -> str:
    """A short, stable name for any JSON-like value: the first 20 hex digits of its SHA-256."""
    text = json.dumps(plain(value), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


Stamp = list[int]


def stamp(path: Path) -> Stamp:
    """What tells that a file is the same without reading it; the change time sees an edit that restored the others."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def scratch_root() -> Path:
    """Where resumable work lies: `$ELOR_SCRATCH`, else `$XDG_CACHE_HOME/elor`, else `~/.cache/elor`."""
    if chosen := os.environ.get("ELOR_SCRATCH"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "elor"


def scratch_folder(kind: str) -> Path:
    """The folder of one kind of work directly below the scratch root: made, and marked as elor's own, if need be.

    A folder of that name that was there before is used, but never marked: it is somebody's, and `elor check --clean`
    leaves it and all that is in it.

    Raises:
        UserError: if it cannot be made.
    """
    root = scratch_root()
    folder = root / kind
    try:
        if not folder.is_dir():
            root.mkdir(parents=True, exist_ok=True)
            _make_marked(folder)
    except OSError as error:
        raise unusable(root, error) from None
    return folder


def _make_marked(folder: Path) -> None:
    """Make a folder with its mark in one step: a kill, or another process, never leaves it without."""
    made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    (made / MARK).write_text(MARKED, encoding="utf-8")
    made.chmod(0o755)
    try:
        made.rename(folder)
    except OSError:
        shutil.rmtree(made, ignore_errors=True)
        if not folder.is_dir():  # else another process was first
            raise


def is_marked(folder: Path) -> bool:
    """Whether elor made a folder of the scratch root."""
    mark = folder / MARK
    try:
        return not folder.is_symlink() and not mark.is_symlink() and mark.read_text(encoding="utf-8") == MARKED
    except (OSError, UnicodeDecodeError):
        return False


def unusable(root: Path, error: OSError) -> UserError:
    """The sentence for a scratch root that cannot be made or written to."""
    return UserError(
        f"The scratch folder {root} cannot be used ({error.strerror or error}); mend it, or let ELOR_SCRATCH name "
        "another folder."
    )


def scratch(kind: str, key: Any) -> Path:
    """The scratch folder of one piece of work, made if need be.

    Args:
        kind: what the work is, for instance `is10`, or with folders for people who look `train/elor/Ses01F`.
        key: everything that decides the result (parameters, input digests, code); another key, another folder.

    Raises:
        UserError: if it cannot be made.
    """
    first, *parts = kind.split("/")
    folder = scratch_folder(first).joinpath(*parts, digest(key))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unusable(scratch_root(), error) from None
    return folder


def discard(folders: Iterable[Path]) -> None:
    """Delete scratch folders whose results have been written to their final place."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
