"""How the evaluation is asked."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from elor.targets import Head, Target


@dataclass(frozen=True)
class Settings:
    """What `evaluate` needs to know beside the tables.

    Attributes:
        confidence: nominal coverage of all intervals.
        draws: bootstrap samples of speakers.
        permutations: of labels within speakers; random sign patterns above 20 speakers.
        seed: of all of these; streams are told apart by what is drawn for (`stream`), mostly network and head.
        comparisons: declared beforehand: (dimension, network a, network b).
        rater: the evaluator whose ratings are the labels; by corpus, where utterances name theirs.
        protocol: `paper` or `strict`.
        target: `classes`, `distribution`, `regression`, `spread` or `emotion`.
        classes: number of classes of a dimension.
        scale: lowest and highest rating.
        bins: of the reliability diagram.
        only: names of the heads to score; all of the target's if empty.
        dimensions: whose ratings count; of all targets but `emotion` also the names of the heads.
        shuffled: whether the labels were shuffled within speakers; single ratings were not, so none is scored.
        hold_out: the column of which each value is tested once, for the folds to be checked against.
    """

    confidence: float = 0.95
    draws: int = 10_000
    permutations: int = 10_000
    seed: int = 0
    comparisons: tuple[tuple[str, str, str], ...] = ()
    rater: str | Mapping[str, str] = "E-2"
    protocol: str = "paper"
    target: str = "classes"
    classes: int = 5
    scale: tuple[float, float] = (1.0, 5.0)
    bins: int = 15
    only: tuple[str, ...] = ()
    dimensions: tuple[str, ...] = Target.dimensions
    hold_out: str = "speaker"
    shuffled: bool = False

    def stream(self, *names: str) -> np.random.Generator:
        """Random numbers that depend on the seed and the names, not on what was scored before."""
        return np.random.default_rng([self.seed, zlib.crc32("/".join(names).encode())])

    @property
    def asked(self) -> Target:
        """What was to be learned."""
        return Target(self.target, self.classes, self.dimensions)

    @property
    def heads(self) -> tuple[Head, ...]:
        """The heads to score, in the target's order."""
        return tuple(head for head in self.asked.heads if not self.only or head.name in self.only)
