"""Spoiling: bytes as a disk or a copy spoils them, values as a hand does."""

from __future__ import annotations

import copy
from typing import Any

from numpy.random import Generator

LEFT_ALONE = 0.03
"""Share of inputs that are left as they are: a reader that refuses everything would prove nothing."""

ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 0.5, -0.0, 1e308, 1e-320, float("nan"), float("inf"), 2**31, 2**63, 10**30,
    10**400, "", " ", "x", "0", "1e3", "nan", "../x", "a/b", "\0", "é" * 7, "x" * 5000, "<script>", [], [[]], {},
    {"": 0}, [None], [1, "a"], [0] * 300, {"a": {"b": {"c": 1}}}, [1.5], [-3], [10**9],
)  # fmt: skip

NAMES: tuple[str, ...] = (
    "", " ", ".", "..", "a/b", "../../x", "a\\b", "-x", "--help", "con", "NA", "nan", "03", "1e5", "True", "x" * 300,
    "x" * 5000, "é", "e\u0301", "日本語", "שלום", "🙂" * 60, "\ufeffa", "a\u0000b", "a\nb", "a\tb", "a,b", 'a"b', "'",
    "*", "?", "~", "$HOME", "a b", "\u202eabc", "%s", "{x}", "#", "|", "a.b.c", "É" * 120, "\ud800",
)  # fmt: skip


def spoil_bytes(data: bytes, draw: Generator) -> bytes:
    """One to four of: a changed byte, a hole, an insertion, a cut, a repeated or zeroed stretch."""
    found = bytearray(data)
    if draw.random() < LEFT_ALONE:
        return data
    for _ in range(int(draw.integers(1, 5))):
        place = int(draw.integers(0, len(found) + 1))
        length = int(2 ** draw.uniform(0, 8))
        match int(draw.integers(0, 7)):
            case 0 | 1 if place < len(found):
                found[place] ^= int(draw.integers(1, 256))
            case 2:
                del found[place : place + length]
            case 3:
                found[place:place] = draw.bytes(length)
            case 4:
                del found[place:]
            case 5:
                found[place:place] = found[place : place + length]
            case _:
                found[place : place + length] = bytes(len(found[place : place + length]))
    return bytes(found)


def spoil_value(value: Any, draw: Generator) -> Any:
    """Change one to three places of a tree of mappings and lists: another value, a key too many, one too few."""
    found = copy.deepcopy(value)
    if draw.random() < LEFT_ALONE:
        return found
    for _ in range(int(draw.integers(1, 4))):
        found = _spoiled(found, draw)
    return found


def odd(draw: Generator) -> Any:
    """An odd value."""
    return copy.deepcopy(ODD[int(draw.integers(0, len(ODD)))])


def _spoiled(value: Any, draw: Generator) -> Any:
    places = list(_places(value))
    if not places:
        return odd(draw)
    holder, key = places[int(draw.integers(0, len(places)))]
    match int(draw.integers(0, 6)):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[str(odd(draw))[:40]] = odd(draw)
        case 1:
            holder.insert(key, odd(draw))
        case 2 if isinstance(holder[key], (int, float)) and not isinstance(holder[key], bool):
            holder[key] = -holder[key] if draw.random() < 0.5 else holder[key] * 10 ** int(draw.integers(1, 12))
        case 3:
            other, name = places[int(draw.integers(0, len(places)))]
            holder[key] = copy.deepcopy(other[name])
        case _:
            holder[key] = odd(draw)
    return value


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every place of a tree: its holder and its key."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    found = [(value, key) for key in list(keys)]
    return found + [place for _, key in found for place in _places(value[key])]
