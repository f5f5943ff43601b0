"""Whose network is shown, as the paper shows that of one speaker."""

import sys

import pandas as pd


def exemplary_speaker(slices: pd.DataFrame, asked: str, folds: pd.DataFrame | None = None) -> str:
    """The speaker whose network is shown: the one asked for, or else the first by name, with the reason said.

    Where folds are given, it is one whom some fold tests: a corpus' own partition leaves speakers who only train.
    """
    tested = slices["slice"] if folds is None else folds["slice"][folds["role"] == "test"]
    known = sorted(slices["speaker"][slices["slice"].isin(tested)].unique())
    if asked in known:
        return asked
    why = "is tested by no fold" if asked in set(slices["speaker"]) else "is not in this corpus"
    print(f"explain.speaker {asked} {why}; {known[0]} stands in for her.", file=sys.stderr)
    return known[0]


def fold_of(speaker: str, slices: pd.DataFrame, folds: pd.DataFrame) -> str:
    """The fold that tests a speaker."""
    own = folds["slice"].isin(slices["slice"][slices["speaker"] == speaker])
    return folds["fold"][own & (folds["role"] == "test")].iloc[0]
