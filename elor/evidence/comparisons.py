"""metrics/comparisons.json: networks compared in pairs."""

from typing import ClassVar

from elor.evidence.model import File, Number, Part


class Comparison(Part):
    """One network against another."""

    dimension: str
    """what both predict"""
    a: str
    """the one network"""
    b: str
    """the other"""
    score: str
    """`uar`, or `ccc` of values"""
    difference: Number
    """pooled score of a minus that of b"""
    ci_low: Number
    """its jackknife t-interval over speakers"""
    ci_high: Number
    """its upper limit"""
    no_spread: bool = False
    """whether leaving out any of three or more speakers leaves the difference as it is"""
    p: Number
    """two-sided sign flip: the networks' answers exchanged speaker by speaker (Fisher 1935)"""
    patterns: int
    """how many exchanges were tried, all 2^(n-1) up to 20 speakers; no p is below 1 / `patterns`"""
    exact: bool
    """whether these are all"""
    mcnemar_only_a: int | None = None
    """slices that only a has right"""
    mcnemar_only_b: int | None = None
    """slices that only b has right"""
    mcnemar_p: Number = None
    """McNemar over slices (1947): **a description, no test**, since slices are not independent"""
    mcnemar: str = ""
    """the same in words"""
    p_holm: Number
    """Holm's step-down p over all comparisons (Holm 1979)"""


class Comparisons(File):
    """The comparisons that params.yaml declares; of `elor score` all pairs of its files."""

    SCHEMA: ClassVar[str] = "comparisons/1"

    test: str
    """how p is made"""
    correction: str
    """how p_holm is"""
    comparisons: tuple[Comparison, ...]
    """one each, in the order of the declaration"""
    family: str = ""
    """`all pairs` where they were not declared beforehand"""
