"""Many faults, one sentence: everything that is wrong with a corpus is said at once."""

from collections.abc import Iterable, Sequence

from elor.errors import UserError
from elor.files import digest, scratch_folder, write_text

SHOWN = 20
"""How many items a sentence names before it points to a file with the rest."""


def listed(items: Sequence[str]) -> str:
    """Enumerate items; of a long list the first, and the path of a file in scratch that holds all of them."""
    if len(items) <= SHOWN:
        return ", ".join(items)
    try:
        path = scratch_folder("lists") / f"{digest(list(items))}.txt"
        write_text(path, "\n".join(items) + "\n")
        rest = f"{len(items) - SHOWN:,} more (all of them in {path})"
    except (
        OSError,
        UserError,
    ):  # the list is a convenience: a scratch folder that cannot be written must not hide the fault
        rest = f"{len(items) - SHOWN:,} more"
    return f"{', '.join(items[:SHOWN])} and {rest}"


def some(items: Iterable[object], most: int = 50) -> str:
    """Names, all of them unless there are very many: `a, b, c`; with `most` = 2, `a, b and 1 more`."""
    names = [str(item) for item in items]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def joined(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def plural(count: int, noun: str) -> str:
    """`1 turn`, `1,819 turns`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
