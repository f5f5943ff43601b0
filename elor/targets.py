"""What the networks answer: the target of params.yaml (section `labels`) and its heads.

Answers differ in kind: a class or a value, with an order or without, one label, the raters' shares, or their mean and
spread. Whoever has to
tell them apart (a loss, a score, a table) asks a `Head`; whoever makes or looks for labels asks the `Target`.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from elor.errors import UserError

EMOTIONS = ("angry", "happy", "sad", "neutral")
"""The customary four classes of IEMOCAP; excitement counts as happiness."""

FLOOR = 12**-0.5
"""The smallest standard deviation of ratings that is told apart from none, in classes: that of rounding to whole ones.
Raters who agree exactly have no less; without it a loss could fall without end on what they agree on."""

EMOTION = "emotion"
"""The head that chooses one of them: they have no order."""

DIMENSIONS = ("valence", "arousal", "dominance")
"""What raters put a number on, in the order of a table's columns."""

ENDS = {"valence": ("negative", "positive"), "arousal": ("calm", "excited"), "dominance": ("weak", "strong")}
"""What the lowest and the highest answer mean."""

HEADS = (*DIMENSIONS, EMOTION)
"""The names that a head may have."""

Dimension = Literal["valence", "arousal", "dominance"]
Kind = Literal["classes", "regression", "spread", "distribution", "emotion"]


def scale(head: str, classes: int) -> str:
    """The scale of a head in words: `0 (calm) to 4 (excited)`; empty where its ends have no names."""
    low, high = ENDS.get(head, ("", ""))
    return f"0 ({low}) to {classes - 1} ({high})" if low else ""


def ordered(head: str) -> bool:
    """Whether the answers of a head of this name lie on a scale: the mean of two emotions is none."""
    return head != EMOTION


@dataclass(frozen=True)
class Head:
    """One question that a network answers.

    Attributes:
        name: one of `HEADS`.
        classes: how many classes it chooses from; None where the answer is a value.
        soft: whether it learns the shares of the raters instead of one label.
        spread: whether a value comes with how far the raters lie apart, their standard deviation.
    """

    name: str
    classes: int | None
    soft: bool = False
    spread: bool = False

    @property
    def outputs(self) -> int:
        """Output units: one per class, a single one for a value, two for its mean and spread."""
        return self.classes or (2 if self.spread else 1)

    @property
    def answers(self) -> int:
        """How many of them are its answer: a predicted spread comes with a value and is none."""
        return self.classes or 1

    @property
    def valued(self) -> bool:
        """Whether the answer is a value, not a class."""
        return self.classes is None

    @property
    def ordered(self) -> bool:
        """Whether the answers lie on a scale."""
        return ordered(self.name)

    @property
    def labels(self) -> tuple[str, ...]:
        """What its classes are called; a value has none."""
        return tuple(map(str, range(self.classes or 0))) if self.ordered else EMOTIONS

    @property
    def column(self) -> str:
        """The column of a table that holds its answers."""
        return f"{self.name}_value" if self.valued else self.name

    @property
    def deviation_column(self) -> str:
        """The column of the raters' standard deviation, or of what was predicted of it."""
        return f"{self.name}_deviation"

    @property
    def share_columns(self) -> list[str]:
        """The columns of its probabilities, or of the raters' shares; none of a value."""
        return [f"{self.name}_p{k}" for k in range(self.classes or 0)]


@dataclass(frozen=True)
class Target:
    """What networks learn of every utterance.

    Attributes:
        kind: `classes` (of one rater), `regression` (mean ratings), `spread` (mean and standard deviation of the
            ratings), `distribution` (shares of the raters) or `emotion`.
        classes: of each dimension.
        dimensions: which ratings count, and for all kinds but `emotion` the names of the heads. Their order decides
            nothing.

    Raises:
        UserError: for an unknown kind or dimension, and if a dimension stands there twice, or none does.
    """

    kind: str = "classes"
    classes: int = 5
    dimensions: tuple[str, ...] = ("valence", "arousal")

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise UserError(f"Target {self.kind!r} is unknown; choose one of {', '.join(get_args(Kind))}.")
        found = tuple(name for name in DIMENSIONS if name in self.dimensions)
        if not found or len(found) < len(self.dimensions):
            raise UserError(
                f"The dimensions {', '.join(self.dimensions) or '(none)'} cannot be learned; choose one or more of "
                f"{', '.join(DIMENSIONS)}, each once."
            )
        object.__setattr__(self, "dimensions", found)

    @property
    def heads(self) -> tuple[Head, ...]:
        """What networks answer, in the order of the alphabet, whatever that of `dimensions`."""
        if not self.rated:
            return (Head(EMOTION, len(EMOTIONS)),)
        count = None if self.kind == "regression" or self.spread else self.classes
        return tuple(Head(name, count, self.soft, self.spread) for name in sorted(self.dimensions))

    def without(self, head: str) -> str:
        """Why a head is not asked for, in words."""
        if self.rated and head in DIMENSIONS:
            return f"labels.dimensions lacks {head}"
        return f"labels.target is {self.kind}, which asks for no {head}"

    @property
    def rated(self) -> bool:
        """Whether it is made of ratings, without which there is nothing to learn."""
        return self.kind != EMOTION

    @property
    def soft(self) -> bool:
        """Whether the raters' shares are learned."""
        return self.kind == "distribution"

    @property
    def spread(self) -> bool:
        """Whether the raters' standard deviation is learned beside their mean."""
        return self.kind == "spread"

    @property
    def averaged(self) -> bool:
        """Whether its labels are means over all evaluators, whoever `labels.rater` is."""
        return self.kind in ("regression", "spread", "distribution")
