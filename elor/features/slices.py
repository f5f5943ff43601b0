"""The paper's six-second rule: turns of any length become slices of 96,000 samples.

A turn is cut into consecutive slices of six seconds. The rest becomes a slice of its own, filled up with zeros, if it
is longer than three seconds, and is dropped otherwise; a turn shorter than six seconds is one slice, filled up.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from elor.audio import SAMPLE_RATE, Sounds
from elor.corpora.faults import listed
from elor.errors import UserError
from elor.features.packed import packed
from elor.progress import Progress

SLICE_SAMPLES = 6 * SAMPLE_RATE  # 96000
REST_SAMPLES = 3 * SAMPLE_RATE  # 48000: a longer rest is a slice of its own

ABOUT = ("speaker", "gender", "session", "scenario", "corpus", "language", "partition")
"""What a slice has of its utterance."""

SLICE_COLUMNS = ("slice", "utterance", "part", "samples", *ABOUT)
"""What every row of `slices.csv` begins with; the targets follow."""


def slice_count(samples: int) -> int:
    """How many slices a turn of `samples` samples at 16 kHz becomes."""
    full, rest = divmod(samples, SLICE_SAMPLES)
    return max(1, full + (rest > REST_SAMPLES))


def plan_slices(utterances: pd.DataFrame, targets: pd.DataFrame, minimum_s: float = 0.0) -> pd.DataFrame:
    """Decide which slices there are, from tables alone.

    Args:
        utterances: rows of `utterances.csv`.
        targets: rows of `targets.csv`: `utterance` and the target columns, at most one row per utterance; a row with a
            missing value, like a missing row, leaves its utterance out.
        minimum_s: utterances shorter than this many seconds are left out.

    Returns:
        The rows of `slices.csv`: `SLICE_COLUMNS`, columns that were kept for their own sake, then the targets, in the
        order of `utterances`. `slice` is `<utterance>_<part>`, `samples` counts what is not padding.

    Raises:
        UserError: if no utterance is left.
    """
    rated = targets.dropna()
    long_enough = utterances["samples"] >= minimum_s * SAMPLE_RATE
    last = utterances.columns.get_loc(ABOUT[-1])  # behind it stands what a table keeps for its own sake
    further = [name for name in utterances.columns[last + 1 :] if name not in (*targets, "dominance")]
    kept = utterances.loc[long_enough, ["utterance", "samples", *ABOUT, *further]]
    kept = kept.merge(rated, on="utterance", how="inner", validate="one_to_one")
    if kept.empty:
        raise UserError(
            f"None of {len(utterances)} utterances is rated and at least {minimum_s:g} s long "
            f"({len(rated)} are rated, {long_enough.sum()} long enough); choose another rater, target or minimum "
            "length."
        )
    counts = kept["samples"].map(slice_count).to_numpy()
    rows = kept.loc[kept.index.repeat(counts)].reset_index(drop=True)
    part = rows.groupby("utterance", sort=False).cumcount()
    rows["part"] = part
    rows["slice"] = rows["utterance"] + "_" + part.astype(str)
    rows["samples"] = (rows["samples"] - part * SLICE_SAMPLES).clip(upper=SLICE_SAMPLES)
    return rows[[*SLICE_COLUMNS, *further, *rated.columns.drop("utterance")]]


def write_slices(plan: pd.DataFrame, utterances: pd.DataFrame, sounds: Sounds, out: Path) -> None:
    """Write the planned slices to `out`: int16 `(len(plan), 96000)`, filled up with zeros, row for row.

    Args:
        plan: what `plan_slices` returned.
        utterances: rows of `utterances.csv`, which say where the sound is.
        sounds: where that lies.
        out: the `.npy` file; it appears complete or not at all.

    Raises:
        UserError: one for all sound files that are missing, unreadable or not as long as the table says; or if the disk
            is full.
    """
    turns, faults = utterances.set_index("utterance"), []
    groups = plan.reset_index(drop=True).groupby("utterance", sort=False)
    with (
        packed(out, (len(plan), SLICE_SAMPLES), "int16") as array,
        Progress("Slices", total=len(groups), unit="turn") as progress,
    ):
        for utterance, rows in groups:
            progress.advance(note=str(utterance))
            try:
                signal = _signal(turns.loc[utterance], sounds)
            except UserError as error:
                faults.append(str(error).removesuffix("."))
                continue
            for row, part in zip(rows.index, rows["part"], strict=True):
                piece = signal[part * SLICE_SAMPLES : (part + 1) * SLICE_SAMPLES]
                array[row, : len(piece)] = piece
        if faults:
            count = "" if len(faults) == 1 else f"{len(faults):,} of {len(groups):,} turns cannot be used: "
            raise UserError(f"{count}{listed(faults)}.")


def split(signal: np.ndarray) -> np.ndarray:
    """Cut int16 `(samples,)` at 16 kHz into slices `(slice_count(samples), 96000)`, filled up with zeros."""
    slices = np.zeros((slice_count(len(signal)), SLICE_SAMPLES), dtype=np.int16)
    kept = signal[: slices.size]
    slices.reshape(-1)[: len(kept)] = kept
    return slices


def _signal(turn: pd.Series, sounds: Sounds) -> np.ndarray:
    """The int16 samples of one turn, checked against the table."""
    signal = sounds.read(turn)
    if len(signal) != turn["samples"]:
        raise UserError(
            f"{sounds.path(turn)} gives {len(signal)} samples where utterances.csv says {turn['samples']}: the sound "
            "has changed since the labels were read; run the labels stage again."
        )
    return signal
