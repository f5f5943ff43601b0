"""What the stages `claims` and `across` share: predictions beside the truth, as params.yaml asks for them."""

from collections.abc import Mapping

import pandas as pd

from elor.explain.claims.scores import Scored
from elor.params import Params


def scored_of(
    params: Params,
    predictions: Mapping[str, pd.DataFrame],
    slices: pd.DataFrame,
    folds: pd.DataFrame,
    ratings: pd.DataFrame,
    rater: str,
) -> Scored:
    """As `Scored.of`, with target, scale, confidence, permutations and seed of params.yaml."""
    how = params.evaluate
    return Scored.of(
        predictions=predictions,
        slices=slices,
        folds=folds,
        ratings=ratings,
        target=params.labels.asked,
        scale=(params.corpus.low, params.corpus.high),
        rater=rater,
        confidence=how.confidence,
        permutations=how.permutations,
        seed=params.seed,
    )
