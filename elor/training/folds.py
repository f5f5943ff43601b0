"""Who tests, who validates, who trains: folds by speaker.

Wieser et al. 2020, "Experimental setup": each fold tests on one speaker; of the other speakers' slices 20 %, drawn
at random, validate (protocol `paper`). In protocol `strict` whole speakers validate, as many women as men.
"""

from __future__ import annotations

import zlib
from typing import Literal

import numpy as np
import pandas as pd

from elor.errors import UserError

Protocol = Literal["paper", "strict"]


def make_folds(slices: pd.DataFrame, protocol: Protocol, validation: float, most: int, seed: int) -> pd.DataFrame:
    """Deal the slices into folds and roles.

    Args:
        slices: columns slice, speaker, gender.
        protocol: `paper` or `strict`.
        validation: share of the slices (`paper`) or speakers (`strict`, two at least) that validate.
        most: more speakers than this are grouped into this many folds.
        seed: of the random draws; a fold's draw does not depend on the other folds.

    Returns:
        One row per fold and slice: fold, slice, role (train, validation, test). A fold bears its speaker's name.

    Raises:
        UserError: with fewer than three speakers.
    """
    parts = []
    for fold, speakers in speakers_by_fold(slices["speaker"], most).items():
        random = np.random.default_rng([seed, zlib.crc32(fold.encode())])
        tests = slices["speaker"].isin(speakers).to_numpy()
        role = np.where(tests, "test", "train").astype(object)
        draw = _whole_speakers if protocol == "strict" else _random_slices
        role[draw(slices, ~tests, validation, random)] = "validation"
        parts.append(pd.DataFrame({"fold": fold, "slice": slices["slice"].to_numpy(), "role": role}))
    return pd.concat(parts, ignore_index=True)


def speakers_by_fold(speakers: pd.Series, most: int) -> dict[str, list[str]]:
    """The speakers that each fold tests: one each, or `most` groups of about equally many slices.

    Raises:
        UserError: with fewer than three speakers.
    """
    counts = speakers.value_counts()
    names = sorted(counts.index)
    if len(names) < 3:
        raise UserError(
            f"The corpus has {len(names)} speaker(s) with ratings ({', '.join(names)}); speaker-held-out folds with "
            "validation need at least three."
        )
    if len(names) <= most:
        return {name: [name] for name in names}
    groups: list[list[str]] = [[] for _ in range(most)]
    loads = np.zeros(most)
    for name in sorted(names, key=lambda name: (-counts[name], name)):  # the longest first, each to the lightest group
        lightest = int(loads.argmin())
        groups[lightest].append(name)
        loads[lightest] += counts[name]
    return {f"group-{index:02d}": sorted(group) for index, group in enumerate(groups)}


def _random_slices(slices: pd.DataFrame, free: np.ndarray, share: float, random: np.random.Generator) -> np.ndarray:
    """Row numbers of a random share of the free slices: at least one, and at least one is left to train."""
    rows = np.flatnonzero(free)
    rows = rows[np.argsort(slices["slice"].to_numpy(dtype=str)[rows])]  # drawn by name: the table's order says nothing
    return random.permutation(rows)[: min(max(1, round(share * len(rows))), len(rows) - 1)]


def _whole_speakers(slices: pd.DataFrame, free: np.ndarray, share: float, random: np.random.Generator) -> np.ndarray:
    """Row numbers of all slices of some free speakers: women and men in turn, two at least if two can be spared."""
    genders = slices[free].groupby("speaker")["gender"].first().fillna("")
    wanted = min(max(2, round(share * len(genders))), len(genders) - 1)
    queues = [list(random.permutation(sorted(group.index))) for _, group in genders.groupby(genders)]
    chosen: list[str] = []
    while len(chosen) < wanted:
        for queue in queues:
            if queue and len(chosen) < wanted:
                chosen.append(queue.pop())
    return np.flatnonzero(free & slices["speaker"].isin(chosen).to_numpy())
