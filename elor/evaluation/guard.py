"""The protocol's guard: who may stand in two roles of a fold, and who may not.

| | `paper` | `strict` |
|---|---|---|
| a speaker tested and trained on, or tested and validated on | refused | refused |
| a speaker trained and validated on | allowed: 20 % of slices at random | refused |
| slices of one utterance in training and in validation | allowed, counted | refused |

Where a fold validates on speakers, or even utterances, that it trains on, its validation score is too good: it picks
the epoch and the hyperparameters, but is never reported as a result. The counts say how much there is of it.
"""

from __future__ import annotations

import pandas as pd

from elor.errors import UserError
from elor.evaluation.tables import some

ROLES = ("train", "validation", "test")
PROTOCOLS = ("paper", "strict")


def check_folds(folds: pd.DataFrame, slices: pd.DataFrame, protocol: str) -> dict[str, int | str]:
    """Check folds against a protocol.

    Args:
        folds: folds.csv: fold, slice, role.
        slices: slices.csv: slice, utterance, speaker, and session where known.
        protocol: `paper` or `strict`.

    Returns:
        Counts: protocol, folds, slices, speakers; `shared_speakers` and `split_utterances`, pairs of a fold and a
        speaker (an utterance) that stand both in training and in validation; `shared_sessions`, pairs of a fold and a
        session that is tested and trained on (the partners of one dialogue, which both protocols allow).

    Raises:
        UserError: if the protocol or a role is unknown, a slice is unknown, stands twice in a fold, is tested never or
            more than once, a fold lacks a role, or a speaker or utterance stands in two roles where the protocol
            forbids it.
    """
    if protocol not in PROTOCOLS:
        raise UserError(f"Protocol {protocol!r} is unknown; choose {' or '.join(PROTOCOLS)}.")
    _check_rows(folds, slices)
    table = folds.merge(slices, on="slice", how="left")
    for role in ("train", "validation"):
        _forbid(table, "speaker", role, "test", protocol)
        _forbid(table, "utterance", role, "test", protocol)
    if protocol == "strict":
        _forbid(table, "speaker", "train", "validation", protocol)
        _forbid(table, "utterance", "train", "validation", protocol)
    sessions = table[table["session"] != ""] if "session" in table else table.assign(session="")[:0]
    return {
        "protocol": protocol,
        "folds": table["fold"].nunique(),
        "slices": len(slices),
        "speakers": slices["speaker"].nunique(),
        "shared_speakers": len(_shared(table, "speaker", "train", "validation")),
        "split_utterances": len(_shared(table, "utterance", "train", "validation")),
        "shared_sessions": len(_shared(sessions, "session", "train", "test")),
    }


def _check_rows(table: pd.DataFrame, known: pd.DataFrame) -> None:
    """Every row names a known slice and role, every fold has all roles, every slice is tested exactly once."""
    _none(table.loc[~table["role"].isin(ROLES), "role"].unique(), f"folds.csv has roles other than {', '.join(ROLES)}")
    _none(
        table.loc[~table["slice"].isin(known["slice"]), "slice"].unique(),
        "folds.csv has slices that are not in slices.csv",
    )
    twice = table[table.duplicated(["fold", "slice"])]
    _none(twice["fold"] + "/" + twice["slice"], "folds.csv has slices that stand twice in a fold")
    roles = table.groupby("fold")["role"].nunique()
    _none(roles.index[roles < len(ROLES)], f"folds.csv has folds without one of {', '.join(ROLES)}")
    tested = table.loc[table["role"] == "test", "slice"].value_counts().reindex(known["slice"], fill_value=0)
    _none(tested.index[tested == 0], "folds.csv has slices that no fold tests")
    _none(tested.index[tested > 1], "folds.csv has slices that more than one fold tests")


def _shared(table: pd.DataFrame, unit: str, a: str, b: str) -> pd.DataFrame:
    """Pairs of a fold and a unit (speaker, utterance, session) that stand in both roles."""
    pairs = table[["fold", unit, "role"]].drop_duplicates()
    return pairs[pairs["role"] == a].merge(pairs[pairs["role"] == b], on=["fold", unit])


def _forbid(table: pd.DataFrame, unit: str, a: str, b: str, protocol: str) -> None:
    shared = _shared(table, unit, a, b)
    what = f"protocol `{protocol}` forbids what folds.csv has: the same {unit} in {a} and {b} (fold/{unit})"
    _none(shared["fold"] + "/" + shared[unit], what)


def _none(found: pd.Index | pd.Series, what: str) -> None:
    if len(found):
        raise UserError(f"{what[0].upper()}{what[1:]}: {some(found)}; run the stage `folds` again.")
