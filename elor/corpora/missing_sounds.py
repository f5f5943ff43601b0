"""Why a sound file that a table names is not found: its name is spelt otherwise, or a link leads nowhere."""

import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from elor.corpora.faults import SHOWN


def is_file(path: Path) -> bool:
    """Whether it is a file; a name that no file can have is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def explained(root: Path, files: Sequence[str]) -> list[str]:
    """The names of absent files, the first of them with the cause in brackets where there is one to be seen."""
    return [f"{file} ({why})" if (why := _cause(root, file)) else file for file in files[:SHOWN]] + list(files[SHOWN:])


def _cause(root: Path, file: str) -> str:
    path = root / file
    try:
        if path.is_symlink():
            return f"a link to {path.readlink()}, which is no file"
        if path.is_dir():
            return "a folder"
        if "\\" in file and is_file(root / file.replace("\\", "/")):
            return "write / between folders"
        siblings = sorted(other.name for other in path.parent.iterdir()) if path.parent.is_dir() else []
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)
    return next(_likeness(path, siblings), "")


def _likeness(path: Path, siblings: Sequence[str]) -> Iterator[str]:
    """In what a file beside it differs from the name that is looked for."""

    def composed(text: str) -> str:
        return unicodedata.normalize("NFC", text)

    def loose(text: str) -> str:
        return unicodedata.normalize("NFKC", text).casefold().replace(" ", "")

    for name in siblings:
        if composed(name) == composed(path.name):
            yield f"there is {name}, whose letters are composed otherwise in Unicode; rename it, or copy its name"
    for name in siblings:
        if loose(name) == loose(path.name):
            yield f"there is {name}"
    for name in siblings:
        if composed(Path(name).stem) == composed(path.stem) and name != path.name:
            yield f"there is {name}"
