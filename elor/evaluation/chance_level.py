"""What guessing reaches, in closed form: as confusion counts that a guess has on average, or as moments of values.

WAR and UAR are linear in the counts once the truth is given, so the score of the expected counts *is* the expected
score.
"""

import numpy as np
from numpy.typing import ArrayLike

from elor.evaluation.continuous import moments
from elor.evaluation.recall import Array, ratio


def uniform_guess(tested: ArrayLike) -> Array:
    """Each class with probability 1/K: expected WAR and UAR are both 1/K.

    Args:
        tested: slices per class in each fold's test part, `(folds, K)`.

    Returns:
        Expected confusion counts pooled over folds, `(K, K)`.
    """
    tested = np.asarray(tested, dtype=np.float64)
    return prior_guess(np.ones_like(tested), tested)


def majority_guess(trained: ArrayLike, tested: ArrayLike) -> Array:
    """Always the class that is most frequent in the fold's training part (of equals, the lowest); NaN without any.

    Where all folds agree on the class, WAR is its share among the tested slices and UAR is 1 / (classes that occur).

    Args:
        trained: slices per class in each fold's training part, without validation, `(folds, K)`.
        tested: slices per class in each fold's test part, `(folds, K)`.
    """
    trained = np.asarray(trained)
    some = trained.sum(-1, keepdims=True) > 0
    return prior_guess(np.where(some, np.eye(trained.shape[-1])[trained.argmax(-1)], 0.0), tested)


def prior_guess(trained: ArrayLike, tested: ArrayLike) -> Array:
    """Class k with its share q_fk in the training part of fold f, independent of the slice.

    Expected WAR = sum_f sum_k n_fk q_fk / N; expected UAR = mean over occurring classes of sum_f n_fk q_fk / n_k.
    """
    trained, tested = np.asarray(trained, dtype=np.float64), np.asarray(tested, dtype=np.float64)
    shares = ratio(trained, trained.sum(-1, keepdims=True))
    return np.einsum("fc,fk->ck", tested, shares)


def mean_guess(trained: ArrayLike, truth: ArrayLike, fold: ArrayLike) -> Array:
    """The mean of the fold's training part, as moments (`elor.evaluation.continuous`).

    Within a fold a constant has no concordance. Pooled over folds its CCC lies a little below 0, since a fold that
    tests high values leaves low ones to train on.

    Args:
        trained: number and sum of the values in each fold's training part, `(folds, 2)`.
        truth: tested values, `(n,)`.
        fold: the fold of each, 0.., `(n,)`.

    Returns:
        The six sums, `(6,)`.
    """
    trained, fold = np.asarray(trained, dtype=np.float64), np.asarray(fold)
    means = ratio(trained[:, 1], trained[:, 0])
    return moments(truth, means[fold], np.zeros_like(fold), 1)[0]
