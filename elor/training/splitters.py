"""The folds' rules as splitters that scikit-learn takes: `split(X, y, groups)`, with each row's speaker as groups.

The first holds out test speakers, one of the others draws what validates: a search within a cross-validation.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Split = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Row numbers: what is learned from, and what is held out."""


def at_least_two(count: int, what: str) -> None:
    """Refuse to split where one side would be empty.

    Raises:
        ValueError: if there are not two.
    """
    if count < 2:
        raise ValueError(
            f"There is {count} of {what}, and a split needs two at least: one to learn from, one held out."
        )


def speakers_of(rows: Any, groups: ArrayLike | None) -> NDArray[np.str_]:
    """The groups as text, one for each row.

    Raises:
        ValueError: as scikit-learn's own splitters do, if there are none, or more or fewer than rows.
    """
    if groups is None:
        raise ValueError("The 'groups' parameter should not be None.")
    names = np.asarray(groups, dtype=str)
    count = len(names) if rows is None else rows.shape[0] if hasattr(rows, "shape") else len(rows)
    if count != len(names):
        raise ValueError(f"Found input variables with inconsistent numbers of samples: [{count}, {len(names)}]")
    return names


@dataclass(frozen=True)
class HeldOut:
    """One speaker (or session, corpus, ..) is held out at a time; of more than `most` one of `most` like groups."""

    most: int = 10

    def folds(self, groups: ArrayLike) -> dict[str, list[str]]:
        """What each fold holds out, by its name: that of the only one, or `group-00`."""
        values, rows = np.unique(np.asarray(groups, dtype=str), return_counts=True)
        counts = dict(zip(values.tolist(), rows.tolist(), strict=True))
        if len(counts) <= self.most:
            return {name: [name] for name in counts}
        parts: list[list[str]] = [[] for _ in range(self.most)]
        loads = np.zeros(self.most)
        for name in sorted(counts, key=lambda name: (-counts[name], name)):  # the longest first, to the lightest group
            lightest = int(loads.argmin())
            parts[lightest].append(name)
            loads[lightest] += counts[name]
        return {f"group-{index:02d}": sorted(part) for index, part in enumerate(parts)}

    def split(self, X: Any, y: Any = None, groups: ArrayLike | None = None) -> Iterator[Split]:
        """The rows of all others, and of those that are held out, fold by fold.

        Raises:
            ValueError: as `speakers_of`, and if nobody would be left to learn from.
        """
        speakers = speakers_of(X, groups)
        folds = self.folds(speakers)
        at_least_two(len(folds), "the folds of the groups")
        for names in folds.values():
            held = np.isin(speakers, names)
            yield np.flatnonzero(~held), np.flatnonzero(held)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: ArrayLike | None = None) -> int:
        """How many folds; ValueError as `speakers_of`."""
        return len(self.folds(speakers_of(X, groups)))


@dataclass(frozen=True)
class Drawn:
    """What validates is drawn once.

    Attributes:
        share: of the rows, or of the speakers.
        seed: of the draw.
    """

    share: float
    seed: int | Sequence[int] = 0

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """One."""
        return 1


@dataclass(frozen=True)
class RandomSlices(Drawn):
    """A share of the rows validates: at least one does, and at least one is left to train."""

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[Split]:
        """The only split; ValueError if nothing would be left to learn from."""
        at_least_two(len(X), "the rows")
        order = np.random.default_rng(self.seed).permutation(len(X))
        count = min(max(1, round(self.share * len(order))), len(order) - 1)
        yield np.sort(order[count:]), np.sort(order[:count])


@dataclass(frozen=True)
class WholeSpeakers(Drawn):
    """A share of the speakers validates, women and men in turn: two at least, if two can be spared.

    Attributes:
        genders: by speaker; those that are not in it are of one more.
    """

    genders: Mapping[str, str] = field(default_factory=dict)

    def split(self, X: Any, y: Any = None, groups: ArrayLike | None = None) -> Iterator[Split]:
        """The only split; ValueError as `speakers_of`, and if nobody would be left to learn from."""
        random, speakers = np.random.default_rng(self.seed), speakers_of(X, groups)
        genders = pd.Series({name: self.genders.get(name, "") for name in np.unique(speakers).tolist()})
        at_least_two(len(genders), "the speakers")
        wanted = min(max(2, round(self.share * len(genders))), len(genders) - 1)
        queues = [list(random.permutation(sorted(group.index))) for _, group in genders.groupby(genders)]
        chosen: list[str] = []
        while len(chosen) < wanted:
            for queue in queues:
                if queue and len(chosen) < wanted:
                    chosen.append(queue.pop())
        held = np.isin(speakers, chosen)
        yield np.flatnonzero(~held), np.flatnonzero(held)
