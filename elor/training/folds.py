"""Who tests, who validates, who trains: each value of a column is tested once, by networks that never heard it.

Wieser et al. 2020, "Experimental setup": each fold tests on one speaker; of the other speakers' slices 20 %, drawn
at random, validate (protocol `paper`). In protocol `strict` whole speakers validate, as many women as men. In place of
the speaker any column of slices.csv can be held out: session, corpus, language, ..; where the corpus' own `partition`
is, its parts keep the roles that they were published for.

The rules are splitters that scikit-learn takes, `split(X, y, groups)` with each row's speaker as groups: `HeldOut`
holds out test speakers, `RandomSlices` or `WholeSpeakers` draw what validates of the others.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from elor.corpora.faults import plural, some
from elor.errors import UserError

Protocol = Literal["paper", "strict"]

SPEAKER, PARTITION = "speaker", "partition"

FEWEST = {SPEAKER: 3}
"""Values that a column must have: with two speakers nobody would be left to validate on; of other columns two."""

PUBLISHED = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("dev", "devel", "development", "val", "valid", "validation"), "validation"),
}
"""The roles of a corpus' own partitions, in small letters; all others are tested."""

TAKEN = re.compile(
    "slice|utterance|part|samples|fold|role|file|dialogue|start|end|start_s|end_s|rater|kind|head|other|other_speaker"
    r"|(valence|arousal|dominance|emotion)(_value|_deviation|_p\d+)?"
)
"""Columns that the tables of slices and folds have for something else, or that are no property of a slice."""


def make_folds(
    slices: pd.DataFrame, protocol: Protocol, validation: float, most: int, seed: int, hold_out: str = SPEAKER
) -> pd.DataFrame:
    """Deal the slices into folds and roles.

    Args:
        slices: columns slice, speaker, gender, and what is held out.
        protocol: `paper` (`RandomSlices` validate) or `strict` (`WholeSpeakers` do).
        validation: share of the slices or speakers that validate.
        most: more values than this are grouped into this many folds.
        seed: of the random draws; a fold's draw does not depend on the other folds.
        hold_out: a column: each of its values is tested by one fold.

    Returns:
        One row per fold and slice: fold, slice, role (train, validation, test). A fold bears the name of the value that
        it tests. Of a partition, the parts to train and to develop on have these roles in every fold.

    Raises:
        UserError: if the column is absent, empty somewhere, or has too few values, or nothing is left to validate.
    """
    values = held_out(slices, hold_out)
    published = values.str.lower().map(PUBLISHED) if hold_out == PARTITION else pd.Series(None, index=values.index)
    parts = []
    for fold, names in HeldOut(most).folds(values[published.isna()]).items():
        tests = values.isin(names).to_numpy()
        role = np.where(tests, "test", published.fillna("") if hold_out == PARTITION else "train")
        if "validation" not in role:
            role = with_validation(role, slices, fold, protocol, validation, seed)
        rows = role != ""
        parts.append(pd.DataFrame({"fold": fold, "slice": slices["slice"].to_numpy()[rows], "role": role[rows]}))
    return pd.concat(parts, ignore_index=True)


def with_validation(
    role: ArrayLike, slices: pd.DataFrame, fold: str, protocol: Protocol, validation: float, seed: int
) -> NDArray[np.object_]:
    """The roles of one fold's slices, some of which have left `train` for `validation`.

    Args:
        role: of each slice, `(n,)`.
        slices, protocol, validation, seed: as in `make_folds`.
        fold: its name, on which the draw depends.

    Raises:
        UserError: if nothing could be spared to validate.
    """
    role, speakers = np.asarray(role).astype(object), slices["speaker"].to_numpy(dtype=str)
    seeds, whole = [seed, zlib.crc32(fold.encode())], protocol == "strict"
    genders = slices.groupby("speaker")["gender"].first().fillna("").to_dict()
    draw = WholeSpeakers(validation, seeds, genders) if whole else RandomSlices(validation, seeds)
    free = np.flatnonzero(role == "train")
    free = free[np.argsort(slices["slice"].to_numpy(dtype=str)[free])]  # the table's order says nothing
    try:
        _, drawn = next(draw.split(free, groups=speakers[free]))
    except ValueError:
        remedy = "hold out something else" + (", or take folds.protocol paper" if whole and len(free) > 1 else "")
        raise UserError(
            f"Fold {fold} would train on {plural(len(free), 'slice')} of {some(np.unique(speakers[free]))}, of which "
            f"nothing could be spared to validate; {remedy}."
        ) from None
    role[free[drawn]] = "validation"
    return role


def without_copies(folds: pd.DataFrame, slices: pd.DataFrame, copies: pd.DataFrame) -> pd.DataFrame:
    """Folds in which nothing is learned from a recording that is tested under another speaker's name.

    Args:
        folds: as `make_folds` returned it.
        slices: slices.csv.
        copies: copies.csv, pairs `utterance` and `other`.
    """
    table = folds.assign(utterance=folds["slice"].map(slices.set_index("slice")["utterance"]))
    pairs = copies[["utterance", "other"]]
    both = pd.concat([pairs, pairs.rename(columns={"utterance": "other", "other": "utterance"})])
    heard = table[table["role"] == "test"].merge(both, on="utterance")
    of_copies = pd.MultiIndex.from_frame(table[["fold", "utterance"]]).isin(
        pd.MultiIndex.from_frame(heard[["fold", "other"]])
    )
    return folds[~of_copies | (folds["role"] == "test")].reset_index(drop=True)


def check_column(column: str) -> None:
    """Refuse to hold out what is no property of a slice.

    Raises:
        UserError: if the column's name stands for something else in the tables of slices and folds.
    """
    if TAKEN.fullmatch(column):
        raise UserError(
            f"folds.hold_out is {column}, a name that the tables of slices and folds have for something else; give the "
            "column another name, or hold out another one."
        )


def held_out(table: pd.DataFrame, column: str, every: pd.DataFrame | None = None) -> pd.Series:
    """What is held out of each row, as text.

    Args:
        table: slices.csv, or the utterances that have labels.
        column: its name.
        every: all utterances, to see whether a value is without labels; speakers without any are left out as ever.

    Raises:
        UserError: as `check_column`; if the column is absent, empty somewhere, has too few values, one without labels,
            or one that cannot be a file's name.
    """
    told = f"folds.hold_out is {column}"
    check_column(column)
    if column not in table:
        raise UserError(f"{told}, which no table of this corpus has as a column; choose speaker, session, corpus, ..")
    values = table[column].fillna("").astype(str)
    if lacking := int((values == "").sum()):
        where = f" ({some(table.loc[values == '', 'corpus'].unique())})" if "corpus" in table else ""
        raise UserError(
            f"{told}, but {lacking:,} of {len(values):,} rows have no value there{where}; fill the column, or hold out "
            "another one."
        )
    names = sorted(values.unique())
    if every is not None and column != SPEAKER:
        bare = sorted(set(every[column].fillna("").astype(str)) - {"", *names})
        if bare:
            raise UserError(
                f"{told}, but nothing of {some(bare)} has a label, so that nobody would test it; choose another "
                "rater or target, or take it out of the corpus."
            )
    if odd := [name for name in names if "/" in name or "\\" in name or name.startswith(".")]:
        raise UserError(f"{told}, whose value {odd[0]!r} cannot be part of a file's name; rename it.")
    if column == SPEAKER and len(names) < FEWEST[SPEAKER]:
        raise UserError(
            f"The corpus has {len(names)} speaker(s) with ratings ({', '.join(names)}); speaker-held-out folds with "
            "validation need at least three."
        )
    roles = [PUBLISHED.get(name.lower(), "test") for name in names]
    if column == PARTITION and not {"train", "test"} <= set(roles):
        raise UserError(
            f"{told}, but the partitions are {some(names)}: one must be called train, and one must be left to test."
        )
    if len(names) < 2:
        raise UserError(
            f"{told}, which has one value ({names[0]}): nothing would be left to train on; hold out another."
        )
    return values


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
