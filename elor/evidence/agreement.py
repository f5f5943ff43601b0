"""metrics/agreement.json: how well people agree."""

from typing import ClassVar

from elor.evidence.model import File, Number, Part
from elor.targets import DIMENSIONS


class Raters(Part):
    """Ratings as predictions of the labels' rater, or of the mean of the other evaluators."""

    war: Number
    """WAR"""
    uar: Number
    """UAR"""
    ci_low: Number
    """interval over speakers of the UAR, of values of the CCC"""
    ci_high: Number
    """its upper limit"""
    kappa: Number = None
    """quadratic-weighted kappa"""
    ccc: Number = None
    """concordance on 0 .. classes - 1"""
    rmse: Number = None
    """root mean squared error on the same scale"""
    no_spread: bool = False
    """whether leaving out any of three or more speakers leaves the score as it is"""
    caution: str = ""
    """what speaks against the interval"""
    speakers: int = 0
    """whose utterances they are"""
    utterances: int
    """how many"""
    ratings: int
    """how many"""


class Who(Part):
    """A rater's name."""

    rater: str
    """who"""
    kind: str
    """`evaluator`, or `self` for a speaker's own report"""


class Rater(Raters, Who):
    """One rater."""


class Pair(Part):
    """Two evaluators on the utterances that both rated."""

    a: str
    """the one"""
    b: str
    """the other"""
    utterances: int
    """common ones"""
    exact: Number
    """share of the same class"""
    kappa: Number
    """quadratic-weighted kappa"""


class Pairs(Part):
    """All pairs."""

    pairs: int
    """how many"""
    listed: int
    """how many stand in the file"""
    exact: Number
    """mean weighted by common utterances"""
    kappa: Number
    """the same"""


class Dimension(Part):
    """One dimension."""

    others: Raters
    """all other evaluators together"""
    raters: tuple[Rater, ...] = ()
    """one by one, self-reports apart"""
    pairs: tuple[Pair, ...] = ()
    """the pairs with the most common utterances"""
    pairs_summary: Pairs | None = None
    """over all pairs"""
    alpha: Number
    """Krippendorff's ordinal alpha (2011) of all evaluators"""


class Agreement(File):
    """Evaluators beside each other, and beside the labels."""

    SCHEMA: ClassVar[str] = "agreement/1"

    rater: str
    """whose ratings are the labels, or `mean`"""
    reference: str
    """whom people are compared with"""
    exact: Number
    """share of utterances on which all evaluators give the same to every dimension"""
    exact_utterances: int
    """utterances of two and more evaluators"""
    ratings_per_utterance: Number = None
    """mean"""
    note: str = ""
    """for emotions: that there is no ceiling"""
    valence: Dimension | None = None
    """agreement on valence"""
    arousal: Dimension | None = None
    """agreement on arousal"""
    dominance: Dimension | None = None
    """agreement on dominance"""

    @property
    def dimensions(self) -> dict[str, Dimension]:
        """By name, those that there are."""
        return {name: one for name in DIMENSIONS if (one := getattr(self, name)) is not None}
