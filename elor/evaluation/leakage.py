"""The protocol's guard: who may stand in two roles of a fold, and who may not.

| | `paper` | `strict` |
|---|---|---|
| a speaker tested and trained on, or tested and validated on | refused | refused |
| a speaker trained and validated on | allowed: 20 % of slices at random | refused |
| slices of one utterance in training and in validation | allowed, counted | refused |
| one recording under two speakers, in roles that may not share a speaker | refused | refused |
| what `folds.hold_out` names: the same value tested and learned from | refused | refused |

Where a column other than speaker, session or corpus is held out (a language, a scenario, a published partition), the
same speaker may stand on both sides of it: then the test is of that column alone, and it is counted and said how many
speakers the networks had heard.

Where a fold validates on speakers, or even utterances, that it trains on, its validation score is too good: it picks
the epoch and the hyperparameters, but is never reported as a result. The counts say how much there is of it.
"""

from collections.abc import Iterator
from itertools import chain

import pandas as pd
from numpy.typing import NDArray

from elor.corpora.faults import some
from elor.errors import UserError

ROLES = ("train", "validation", "test")

WITH_SPEAKERS = ("speaker", "session", "corpus")
"""What can be held out only together with its speakers."""

PARTITION = "partition"
"""Held out, it leaves slices that nobody tests: those that were published to learn from."""
PROTOCOLS = ("paper", "strict")

Fault = tuple[str, pd.Index | pd.Series | NDArray]
"""What is wrong, and the names of what is: none where it is not."""


def check_folds(
    folds: pd.DataFrame,
    slices: pd.DataFrame,
    protocol: str,
    remedy: str = "run the stage `folds` again, or name the protocol that these folds keep to",
    copies: pd.DataFrame | None = None,
    hold_out: str = "speaker",
) -> dict[str, int | str]:
    """Check folds against a protocol.

    Args:
        folds: folds.csv: fold, slice, role.
        slices: slices.csv: slice, utterance, speaker, and session where known.
        protocol: `paper` or `strict`.
        remedy: what to do about faulty folds, for the message.
        copies: copies.csv: pairs of utterances that are one recording under two speakers; None: not known.
        hold_out: the column of slices.csv of which each value is tested once.

    Returns:
        Counts: protocol, hold_out, folds, slices, speakers; `shared_speakers` and `split_utterances`, pairs of a fold
        and a speaker (an utterance) that stand both in training and in validation; `shared_sessions`, pairs of a fold
        and a session that is tested and trained on (the partners of one dialogue, which both protocols allow);
        `heard_speakers`, pairs of a fold and a speaker that it tests and has learned from.

    Raises:
        UserError: if the protocol or a role is unknown, a slice is unknown, stands twice in a fold, is tested never or
            more than once, a fold lacks a role, or a speaker, utterance or recording stands in two roles where the
            protocol forbids it.
    """
    if protocol not in PROTOCOLS:
        raise UserError(f"Protocol {protocol!r} is unknown; choose {' or '.join(PROTOCOLS)}.")
    table = folds.merge(slices, on="slice", how="left")
    for what, found in chain(_faults(folds, slices, hold_out), _breaches(table, protocol, hold_out)):
        if len(found):
            raise UserError(f"{what}: {some(found)}; {remedy}.")
    if copies is not None and not copies.empty:
        _check_copies(table, protocol, copies)
    learned = pd.concat([_shared(table, "speaker", role, "test")[["fold", "speaker"]] for role in ROLES[:2]])
    sessions = table[table["session"] != ""] if "session" in table else table.assign(session="")[:0]
    return {
        "protocol": protocol,
        "hold_out": hold_out,
        "folds": table["fold"].nunique(),
        "slices": len(slices),
        "speakers": slices["speaker"].nunique(),
        "shared_speakers": len(_shared(table, "speaker", "train", "validation")),
        "split_utterances": len(_shared(table, "utterance", "train", "validation")),
        "shared_sessions": len(_shared(sessions, "session", "train", "test")),
        "heard_speakers": len(learned.drop_duplicates()),
    }


def _faults(table: pd.DataFrame, known: pd.DataFrame, hold_out: str) -> Iterator[Fault]:
    """Every row names a known slice and role, every fold has all roles, every slice is tested exactly once."""
    yield (f"Folds.csv has roles other than {', '.join(ROLES)}", table.loc[~table["role"].isin(ROLES), "role"].unique())
    strange = table.loc[~table["slice"].isin(known["slice"]), "slice"]
    yield "Folds.csv has slices that are not in slices.csv", strange.unique()
    twice = table[table.duplicated(["fold", "slice"])]
    yield "Folds.csv has slices that stand twice in a fold", twice["fold"] + "/" + twice["slice"]
    roles = table.groupby("fold")["role"].nunique()
    yield f"Folds.csv has folds without one of {', '.join(ROLES)}", roles.index[roles < len(ROLES)]
    tested = table.loc[table["role"] == "test", "slice"].value_counts().reindex(known["slice"], fill_value=0)
    if hold_out != PARTITION:
        yield "Folds.csv has slices that no fold tests", tested.index[tested == 0]
    yield "Folds.csv has slices that more than one fold tests", tested.index[tested > 1]


def _breaches(table: pd.DataFrame, protocol: str, hold_out: str) -> Iterator[Fault]:
    """No speaker, no utterance and no value held out stands in two roles that the protocol keeps apart."""
    for a, b in _apart(protocol):
        tests = b == "test"
        units = ["utterance"] if tests and hold_out not in WITH_SPEAKERS else ["speaker", "utterance"]
        if tests and hold_out in table and hold_out != "speaker":
            units.append(hold_out)
        for unit in units:
            shared = _shared(table, unit, a, b)
            what = f"Protocol `{protocol}` forbids what folds.csv has: the same {unit} in {a} and {b} (fold/{unit})"
            yield what, shared["fold"].astype(str) + "/" + shared[unit].astype(str)


def _check_copies(table: pd.DataFrame, protocol: str, copies: pd.DataFrame) -> None:
    """No recording stands, under another speaker's name, in two roles that the protocol keeps apart."""
    back = {"utterance": "other", "speaker": "other_speaker", "other": "utterance", "other_speaker": "speaker"}
    roles = table[["fold", "utterance", "role"]].drop_duplicates()
    others = roles.rename(columns={"utterance": "other", "role": "other_role"})
    joint = roles.merge(pd.concat([copies, copies.rename(columns=back)]), on="utterance")
    joint = joint.merge(others, on=["fold", "other"])
    joint = joint[[pair in _apart(protocol) for pair in zip(joint["other_role"], joint["role"], strict=True)]]
    if len(joint):
        rows = joint[list(back)].drop_duplicates().to_numpy()
        names = [f"{one} ({who}) = {two} ({whose})" for one, who, two, whose in rows]
        raise UserError(
            f"Protocol `{protocol}` forbids what folds.csv has: the same recording, under two speakers, is tested and "
            f"learned from: {some(names)}; take one of each out of the corpus, or correct its speaker."
        )


def _apart(protocol: str) -> list[tuple[str, str]]:
    """Pairs of roles that a protocol keeps apart."""
    return [("train", "test"), ("validation", "test")] + [("train", "validation")] * (protocol == "strict")


def _shared(table: pd.DataFrame, unit: str, a: str, b: str) -> pd.DataFrame:
    """Pairs of a fold and a unit (speaker, utterance, session) that stand in both roles."""
    pairs = table[["fold", unit, "role"]].drop_duplicates()
    return pairs[pairs["role"] == a].merge(pairs[pairs["role"] == b], on=["fold", unit])
