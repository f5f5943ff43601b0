"""metrics/prototypes.json and data/evidence/prototypes/: each label's prototype, and what they differ in."""

from typing import Any, ClassVar

from pydantic import Field

from elor.evidence.model import File, Number, Part, Range
from elor.evidence.names import Finding
from elor.evidence.tables import Table


class Descriptor(Part):
    """A descriptor of one label's prototypes."""

    median: Number = None
    """over the shown network's converged restarts"""
    low: Number = None
    """their lowest"""
    high: Number = None
    """their highest"""
    folds: Range = (None, None)
    """range of the folds' networks, of which each counts by its median"""
    points: tuple[Number, ...]
    """the folds' networks, one by one"""
    mean: Number
    """over them"""
    ci_low: Number
    """its t-interval; the folds share training slices"""
    ci_high: Number
    """its upper limit"""
    calibrated: Range = (None, None)
    """range of untrained networks"""


class Label(Part):
    """The prototypes of one label."""

    logit: Number
    """median over converged restarts"""
    percentile: Number
    """the same among the natural slices' logits"""
    calibrated_logit: Number
    """of untrained networks"""
    calibrated_percentile: Number
    """among theirs"""
    converged: int
    """restarts that have"""
    restarts: int
    """in all"""
    converged_best_first: tuple[bool, ...]
    """which have, in the order of the objective"""
    descriptors: dict[str, Descriptor] = Field(default_factory=dict)
    """by name"""


class Exemplar(Part):
    """A natural slice with one of a label's highest logits."""

    rank: int
    """the first is 1"""
    logit: Number
    """its logit"""


class Trend(Part):
    """One pattern of one descriptor in one mode and parametrisation."""

    statistic: Number
    """the effect, in the descriptor's unit: per label, per step from the middle, or high minus low"""
    direction: str = ""
    """`up`, `down`, or nothing"""
    p: Number
    """Page's L, or a sign flip, over the folds' networks: too small, as these share training slices"""
    rank: Number = None
    """mean of Spearman's r with the pattern"""
    calibrated: Range
    """range of single untrained networks' effects"""
    outside: bool = False
    """whether the effect lies beyond that range"""
    folds: int = 0
    """networks with a value for every label"""


class Pattern(Part):
    """One pattern of one descriptor, in all ways of making prototypes."""

    per: dict[str, Trend] = Field(default_factory=dict)
    """by `<mode>.<parametrisation>`, of the mode that decides"""
    beside: dict[str, Trend] = Field(default_factory=dict)
    """of the other mode"""
    direction: str = ""
    """where all that decide have the same"""
    finding: Finding
    """what may be said"""
    reason: str = ""
    """why it is undecided"""
    verdict: str = ""
    """both in words"""
    text: str = ""
    """all of it in a sentence"""


class Convergence(Part):
    """How many searches converged."""

    converged: int
    """how many"""
    searches: int
    """in all"""


class Networks(Part):
    """Networks that prototypes were sought for."""

    folds: int
    """trained"""
    calibrated: int
    """untrained, their normalisations fitted"""


class Prototypes(File):
    """The signals that networks on raw audio answer most strongly."""

    SCHEMA: ClassVar[str] = "prototypes/3"
    TABLES: ClassVar[tuple[Table, ...]] = (
        Table("descriptors", "table/{search}/{head}/{label}/descriptors/{descriptor}"),
        Table("labels", "table/{search}/{head}/{label}"),
        Table("trends", "trends/{head}/{descriptor}/{pattern}/{use:per,beside}/{search}"),
        Table("patterns", "trends/{head}/{descriptor}/{pattern}", kept=("direction", "finding", "verdict")),
    )

    speaker: str
    """whose fold's network is shown"""
    settings: dict[str, Any] = Field(default_factory=dict)
    """how they were sought"""
    networks: Networks | None = None
    """how many"""
    table: dict[str, dict[str, dict[str, Label]]] = Field(default_factory=dict)
    """by `<mode>.<parametrisation>`, head and label"""
    exemplars: dict[str, dict[str, tuple[Exemplar, ...]]] = Field(default_factory=dict)
    """by head and label"""
    trends: dict[str, dict[str, dict[str, Pattern]]] = Field(default_factory=dict)
    """by head, descriptor and pattern (monotone, extreme, low_high)"""
    exploratory: str = ""
    """what the p in this file are worth"""
    convergence: dict[str, dict[str, Convergence]] = Field(default_factory=dict)
    """by `<mode>.<parametrisation>` and kind of networks"""
