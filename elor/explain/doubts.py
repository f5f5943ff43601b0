"""What speaks against maps: doubts, which are said beside them, and refusals. What they are about is data: sentences
are made here, to be read, and nothing is ever found again by its words."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Self

from elor.errors import UserError


class Doubt(UserWarning):
    """What speaks against relying on the maps of a model, which are made nevertheless.

    Attributes:
        kind: two of one kind say the same, be it with other numbers.
        whom: what it is about, if not the model's answer: a control, another class.
    """

    whom = ""

    def __init__(self, text: str, *about: Hashable) -> None:
        super().__init__(text)
        self.kind = (type(self), *about)

    def of(self, whom: str) -> Self:
        """The same, said of something else."""
        other = type(self).__new__(type(self), f"Of {whom}: {self}")
        vars(other).update(vars(self), whom=whom)
        return other


def shortened(text: object, most: int = 200) -> str:
    """A text in one line, cut behind a word where it is longer than `most`."""
    line = " ".join(str(text).split())
    return line if len(line) <= most else line[: most - 6].rsplit(" ", 1)[0] + " [...]"


@contextmanager
def about(whom: str) -> Iterator[None]:
    """Doubts within the block are said of something else than the model's answer."""
    with aside(Doubt) as found:
        yield
    for doubt in found:
        warnings.warn(doubt.of(whom), stacklevel=3)


@contextmanager
def aside(category: type[Doubt]) -> Iterator[list[Doubt]]:
    """Take doubts aside, into a list that is full behind the block; other warnings go their way."""
    found: list[Doubt] = []
    with warnings.catch_warnings(record=True) as noticed:
        warnings.simplefilter("always", category)
        yield found
    for one in noticed:
        if isinstance(one.message, category):
            found.append(one.message)
        else:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


@dataclass(frozen=True)
class Refusal:
    """Why something is not explained, a clause, and what to do instead.

    Attributes:
        gradient: whether that is another gradient, which may be refused in turn.
        cause: the name of what an answer depends on beside the sound, where that is why.
    """

    why: str
    remedy: str = ""
    gradient: bool = False
    cause: str = ""

    def __str__(self) -> str:
        return f"{self.why}; {self.remedy}." if self.remedy else self.why

    def without_gradient(self, why: str) -> Refusal:
        """The same where, for some reason, no gradient is a remedy."""
        return replace(self, remedy=f"{why}: try occlusion", gradient=False) if self.gradient else self


class Refused(UserError):
    """Raised with a refusal."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal
