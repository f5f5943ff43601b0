"""The control of everything: labels shuffled within speakers (`labels.shuffle`)."""

import numpy as np
import pandas as pd


def shuffled(targets: pd.DataFrame, utterances: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Each speaker's targets, dealt out anew among the speaker's utterances that have one.

    All columns of an utterance move together, so that valence and arousal stay as related as they were, and every
    speaker keeps the same labels: what a network still learns is the speakers' habits and the labels' frequencies.

    Args:
        targets: column `utterance` and the target columns, at most one row per utterance.
        utterances: rows of `utterances.csv`, which say who speaks.
        seed: of the permutation.
    """
    rated = targets.dropna().reset_index(drop=True)
    speakers = rated["utterance"].map(utterances.set_index("utterance")["speaker"])
    rng, source = np.random.default_rng(seed), np.arange(len(rated))
    for rows in speakers.groupby(speakers, sort=True).indices.values():
        source[rows] = rng.permutation(rows)
    return rated.iloc[source].reset_index(drop=True).assign(utterance=rated["utterance"])
