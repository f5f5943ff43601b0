"""The scratch folder: unfinished work that a next run resumes, and vectors that are kept because they are dear."""

from __future__ import annotations

import fcntl
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from elor.check import Finding, size
from elor.corpora.faults import plural
from elor.errors import UserError

_DIGEST = re.compile(r"[0-9a-f]{20}")

KINDS = {
    "digests": "digests of sound files",
    "is10": "kept IS10 vectors",
    "lists": "long lists of faults",
    "locks": "locks of stages",
}
"""What lies there beside unfinished work."""


def scratch(root: Path) -> list[Finding]:
    """How big the scratch folder is, by kind."""
    found = [Finding("scratch", str(root))]
    for kind, things in sorted(_things(root).items()):
        total = sum(map(_bytes, things))
        if total:
            found.append(
                Finding(KINDS.get(kind, f"unfinished work: {kind}"), f"{size(total)} in {plural(len(things), 'part')}")
            )
    return found if len(found) > 1 else [Finding("scratch", f"{root}, empty")]


def clean(root: Path) -> int:
    """Remove what elor put into the scratch folder, and nothing else; returns the bytes that were freed.

    Raises:
        UserError: if a stage is at work.
    """
    things = _things(root)
    if busy := [path for path in things.get("locks", []) if _held(path)]:
        raise UserError(f"{plural(len(busy), 'stage')} at work on {root}; wait until that ends.")
    freed = 0
    for parts in things.values():
        for path in parts:
            freed += _bytes(path)
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    for folder in sorted((path for path in root.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    return freed


def total(root: Path) -> int:
    """Bytes that `clean` would free."""
    return sum(_bytes(path) for parts in _things(root).values() for path in parts)


def _things(root: Path) -> dict[str, list[Path]]:
    """Everything of elor's below the root, by kind: elor names what it puts there by 20 hexadecimal digits."""
    found: dict[str, list[Path]] = {}
    for path in _named(root):
        found.setdefault(path.relative_to(root).parts[0], []).append(path)
    return found


def _named(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.glob("*")):
        if path.is_symlink():
            continue
        if _DIGEST.fullmatch(path.stem):
            yield path
        elif path.is_dir():
            yield from _named(path)


def _bytes(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(part.stat().st_size for part in path.rglob("*") if part.is_file())


def _held(lock: Path) -> bool:
    """Whether a process holds a stage's lock."""
    with lock.open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
