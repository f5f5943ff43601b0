"""What the networks answer: the heads of each target of params.yaml (`labels.target`)."""

from __future__ import annotations

from dataclasses import dataclass

from elor.errors import UserError

EMOTIONS = ("angry", "happy", "sad", "neutral")
"""The customary four classes of IEMOCAP; excitement counts as happiness."""


HEADS = ("arousal", "valence", "emotion")
"""The names that a head may have."""


@dataclass(frozen=True)
class Head:
    """One question that a network answers.

    Attributes:
        name: `valence`, `arousal`, `emotion`.
        classes: how many classes it chooses from; None where the answer is a value.
        soft: whether it learns the shares of the raters instead of one label.
    """

    name: str
    classes: int | None
    soft: bool = False

    @property
    def outputs(self) -> int:
        """Output units: one per class, or a single one for a value."""
        return self.classes or 1


def heads(target: str, classes: int = 5) -> tuple[Head, ...]:
    """The heads of a target: `classes`, `distribution`, `regression` (arousal and valence) or `emotion` (four classes).

    Raises:
        UserError: if there is no such target.
    """
    if target == "emotion":
        return (Head("emotion", len(EMOTIONS)),)
    if target in ("classes", "distribution", "regression"):
        count = None if target == "regression" else classes
        return tuple(Head(name, count, soft=target == "distribution") for name in ("arousal", "valence"))
    raise UserError(f"Target {target!r} is unknown; choose classes, distribution, regression or emotion.")
