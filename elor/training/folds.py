"""Who tests, who validates, who trains: each value of a column is tested once, by networks that never heard it.

Wieser et al. 2020, "Experimental setup": each fold tests on one speaker; of the other speakers' slices 20 %, drawn
at random, validate (protocol `paper`). In protocol `strict` whole speakers validate, as many women as men. In place of
the speaker any column of slices.csv can be held out: session, corpus, language, ..; where the corpus' own `partition`
is, its parts keep the roles that they were published for.
"""

import re
import zlib
from typing import Literal

import numpy as np
import pandas as pd

from elor.corpora.faults import plural, some
from elor.errors import UserError
from elor.training.splitters import HeldOut, RandomSlices, Split, WholeSpeakers

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
    values, speakers = held_out(slices, hold_out), slices["speaker"].to_numpy(dtype=str)
    genders = slices.groupby("speaker")["gender"].first().fillna("").to_dict()
    published = values.str.lower().map(PUBLISHED) if hold_out == PARTITION else pd.Series(None, index=values.index)
    parts = []
    for fold, names in HeldOut(most).folds(values[published.isna()]).items():
        seeds = [seed, zlib.crc32(fold.encode())]
        tests = values.isin(names).to_numpy()
        role = np.where(tests, "test", published.fillna("") if hold_out == PARTITION else "train").astype(object)
        if "validation" not in role:
            draw = (
                WholeSpeakers(validation, seeds, genders) if protocol == "strict" else RandomSlices(validation, seeds)
            )
            free = np.flatnonzero(role == "train")
            free = free[np.argsort(slices["slice"].to_numpy(dtype=str)[free])]  # the table's order says nothing
            _, drawn = _drawn(draw, free, speakers[free], fold)
            role[free[drawn]] = "validation"
        rows = role != ""
        parts.append(pd.DataFrame({"fold": fold, "slice": slices["slice"].to_numpy()[rows], "role": role[rows]}))
    return pd.concat(parts, ignore_index=True)


def _drawn(draw: RandomSlices | WholeSpeakers, rows: np.ndarray, speakers: np.ndarray, fold: str) -> Split:
    """What a fold trains and validates on.

    Raises:
        UserError: if there are not two rows, or speakers, to part.
    """
    try:
        return next(draw.split(rows, groups=speakers))
    except ValueError:
        raise UserError(
            f"Fold {fold} would train on {plural(len(rows), 'slice')} of {some(np.unique(speakers))}, of which nothing "
            f"could be spared to validate; hold out something else, or take folds.protocol paper."
        ) from None


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
