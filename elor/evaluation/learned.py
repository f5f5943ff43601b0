"""Whether a head has learned, by the p of its score against permuted labels: the one rule for it, everywhere."""

LEARNED = 0.05
"""p of the score by utterance, the safer null (`elor.evaluation.permutation`), up to which a head has learned."""


def learned(p: float | None) -> bool:
    """Whether p leaves no doubt; where there is none, nothing is said against the head."""
    return p is None or p <= LEARNED
