"""What a complete IEMOCAP release counts, and how a copy differs.

Measured over the whole annotation text of one copy; numbers only, none of the text.
"""

from collections.abc import Mapping

import pandas as pd

DIALOGUES = {"Ses01": 28, "Ses02": 30, "Ses03": 32, "Ses04": 30, "Ses05": 31}

TURNS = {
    "Ses01F": 873,
    "Ses01M": 946,
    "Ses02F": 859,
    "Ses02M": 952,
    "Ses03F": 1048,
    "Ses03M": 1088,
    "Ses04F": 987,
    "Ses04M": 1116,
    "Ses05F": 1033,
    "Ses05M": 1137,
}

RATED_BY_E2 = {
    "Ses01F": 543,
    "Ses01M": 568,
    "Ses02F": 669,
    "Ses02M": 738,
    "Ses03F": 934,
    "Ses03M": 978,
    "Ses04F": 762,
    "Ses04M": 842,
    "Ses05F": 893,
    "Ses05M": 979,
}

EMOTIONS = {
    "xxx": 2507,
    "fru": 1849,
    "neu": 1708,
    "ang": 1103,
    "sad": 1084,
    "exc": 1041,
    "hap": 595,
    "sur": 107,
    "fea": 40,
    "oth": 3,
    "dis": 2,
}

E2_VALENCE = {"1": 1073, "2": 3093, "3": 1667, "4": 1639, "5": 434}

E2_AROUSAL = {"1": 100, "2": 1050, "3": 2823, "4": 3181, "5": 752}

RATINGS = {"all raters": 23_887, "E-2": 7_909}


def looks_complete(dialogues: int) -> bool:
    """Whether a copy is meant to be the whole release: it holds more than half of the 151 dialogues.

    Dialogues and not turns, because the demonstration corpus in full size has as many turns in fewer dialogues.
    """
    return dialogues > sum(DIALOGUES.values()) / 2


def deviations(utterances: pd.DataFrame, ratings: pd.DataFrame) -> list[str]:
    """Say where the tables of a copy count otherwise than the release; empty if nowhere."""
    e2 = ratings[(ratings.rater == "E-2") & ratings.valence.notna() & ratings.arousal.notna()]
    dialogues = utterances.drop_duplicates("dialogue")
    speaker = e2.utterance.map(utterances.set_index("utterance").speaker)
    raters = {"all raters": len(ratings), "E-2": int((ratings.rater == "E-2").sum())}
    compared = (
        ("dialogues of", _count(dialogues.session), DIALOGUES),
        ("turns of", _count(utterances.speaker), TURNS),
        ("turns with the emotion", _count(utterances.emotion), EMOTIONS),
        ("ratings by", raters, RATINGS),
        ("turns rated by E-2 of", _count(speaker), RATED_BY_E2),
        ("turns rated by E-2 with valence", _count(e2.valence.map("{:g}".format)), E2_VALENCE),
        ("turns rated by E-2 with activation", _count(e2.arousal.map("{:g}".format)), E2_AROUSAL),
    )
    return [line for what, found, expected in compared for line in _differences(what, found, expected)]


def _count(values: pd.Series) -> dict[str, int]:
    return {str(name): int(count) for name, count in values.value_counts().items()}


def _differences(what: str, found: Mapping[str, int], expected: Mapping[str, int]) -> list[str]:
    names = [*expected, *sorted(set(found) - set(expected))]
    return [
        f"{found.get(name, 0):,} {what} {name}, where the release has {expected.get(name, 0):,}"
        for name in names
        if found.get(name, 0) != expected.get(name, 0)
    ]
