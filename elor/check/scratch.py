"""The scratch folder: unfinished work that a next run resumes, and vectors that are kept because they are dear.

The root may be anybody's folder. Elor's are the folders directly below it that it made and marked (`elor.files`), and
in them what has the name and the place that it gives; nothing else is counted, and nothing else is ever removed.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from elor.check import Finding, size
from elor.corpora.faults import plural, some
from elor.errors import UserError
from elor.files import MARK, is_marked, unusable

_DIGEST = re.compile(r"[0-9a-f]{20}")


@dataclass(frozen=True)
class Kind:
    """One kind of elor's folders.

    Attributes:
        title: what lies there.
        depth: how many folders down, from 1 for directly in it.
        suffix: of the names there, which are else 20 hexadecimal digits; None: they are folders.
    """

    title: str
    depth: int = 1
    suffix: str | None = None


KINDS = {
    "benchmark": Kind("corpora of benchmarks"),
    "corpora": Kind("corpora that recipes make"),
    "digests": Kind("digests of sound files", suffix=".json"),
    "is10": Kind("kept IS10 vectors"),
    "lists": Kind("long lists of faults", suffix=".txt"),
    "locks": Kind("locks of stages", suffix=""),
    "train": Kind("unfinished work: train", depth=3),
}
"""What elor puts directly below the root."""


def scratch(root: Path) -> list[Finding]:
    """How big the scratch folder is, by kind, and whether work can be kept there."""
    try:
        whole = [Finding("scratch", str(root)), *_kinds(root)]
    except OSError as error:
        return [Finding("scratch", str(root), remedy=str(unusable(root, error)))]
    if fault := _fault(root):
        whole[0] = Finding("scratch", str(root), remedy=fault)
    elif len(whole) == 1:
        return [Finding("scratch", f"{root}, empty")]
    return whole


def _kinds(root: Path) -> Iterator[Finding]:
    for kind, things in sorted(_things(root).items()):
        if total := sum(map(_bytes, things)):
            yield Finding(KINDS[kind].title, f"{size(total)} in {plural(len(things), 'part')}")
    if foreign := [name for name in KINDS if (root / name).is_dir() and not is_marked(root / name)]:
        note = (
            f"{some(foreign)} in {root} bear no mark of elor (they were there before, or an older version made them): "
            "`elor check --clean` leaves them; remove them by hand if they are not yours."
        )
        yield Finding("folders without elor's mark", f"{len(foreign)}", note)


def _fault(root: Path) -> str:
    """Why no work can be kept at the root; empty if it can, or if it will be made."""
    nearest = next(folder for folder in (root.absolute(), *root.absolute().parents) if os.path.lexists(folder))
    if not nearest.is_dir():
        return str(unusable(root, NotADirectoryError(20, "Not a directory")))
    if not os.access(nearest, os.W_OK | os.X_OK):
        return str(unusable(root, PermissionError(13, "It cannot be written")))
    return ""


def parts(root: Path) -> dict[Path, int]:
    """Bytes of everything that `clean` would remove, by the folder that it lies in."""
    found: dict[Path, int] = {}
    for things in _things(root).values():
        for path in things:
            found[path.parent] = found.get(path.parent, 0) + _bytes(path)
    return found


def clean(root: Path) -> int:
    """Remove what elor put into the scratch folder, and nothing else; returns the bytes that were freed.

    Raises:
        UserError: if a stage is at work, or something cannot be removed.
    """
    things = _things(root)
    if busy := [path for path in things.get("locks", []) if _held(path)]:
        raise UserError(f"{plural(len(busy), 'stage')} at work on {root}; wait until that ends.")
    freed = 0
    for kind, paths in things.items():
        for path in paths:
            count = _bytes(path)
            try:
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            except OSError as error:
                raise UserError(f"{path} cannot be removed ({error.strerror}); remove it by hand.") from None
            freed += count
        _remove_emptied(root / kind, paths)
    return freed


def _remove_emptied(home: Path, removed: Iterable[Path]) -> None:
    """Remove the folders that held nothing but what was removed; a marked one that holds more keeps its mark."""
    between = {parent for path in removed for parent in path.parents if home in parent.parents}
    for folder in sorted(between, key=lambda path: len(path.parts), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    if [path.name for path in home.iterdir()] == [MARK]:
        (home / MARK).unlink()
        home.rmdir()


def _things(root: Path) -> dict[str, list[Path]]:
    """Everything of elor's below the root, by kind; links are never followed."""
    if not root.is_dir():
        return {}
    return {name: sorted(_named(root / name, kind)) for name, kind in KINDS.items() if is_marked(root / name)}


def _named(folder: Path, kind: Kind, depth: int = 1) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_symlink():
            continue
        if depth < kind.depth:
            if path.is_dir():
                yield from _named(path, kind, depth + 1)
        elif (
            _DIGEST.fullmatch(path.stem)
            and path.suffix == (kind.suffix or "")
            and path.is_dir() == (kind.suffix is None)
        ):
            yield path


def _bytes(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(part.lstat().st_size for part in path.rglob("*") if part.is_file() and not part.is_symlink())


def _held(lock: Path) -> bool:
    """Whether a process holds a stage's lock."""
    with lock.open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
