"""metrics/interventions.json and data/evidence/interventions/: what alterations of real slices do to the answers."""

from typing import Any, ClassVar

from pydantic import Field

from elor.evidence.model import File, Number, Part, Range
from elor.evidence.names import Finding
from elor.evidence.tables import Table


class Change(Part):
    """A mean change of an answer, over speakers."""

    change: Number
    """the mean"""
    low: Number
    """its t-interval over units, which allows for training slices that folds share (Nadeau, Bengio 2003)"""
    high: Number
    """its upper limit"""
    p: Number
    """two-sided t test, alone and uncorrected"""
    speakers: int = 0
    """how many"""
    slices: int = 0
    """how many"""


class Line(Part):
    """A least-squares line through the changes by dose."""

    per_unit: Number
    """its slope, per unit of dose"""
    low: Number
    """t-interval over units, as of a change"""
    high: Number
    """its upper limit"""
    p: Number
    """two-sided t test over units"""


class Slope(Line):
    """The line that is judged: beyond the length control, where the alteration changes the length."""

    units: int
    """speakers, or folds that hold several, that have one"""
    calibrated: Range
    """the control: how far one calibrated network goes, either way"""
    single: Range = (None, None)
    """range over single calibrated networks"""
    altered: Line | None = None
    """with a length control: the line of the altered slices alone"""


class Effect(Part):
    """One alteration on one answer."""

    doses: dict[str, Change] = Field(default_factory=dict)
    """by dose"""
    slope: Slope
    """the line through them"""
    length_control: dict[str, Change] | None = None
    """by dose, slices merely cut or extended to its length"""
    sham: Change | None = None
    """the processing alone"""
    finding: Finding
    """what may be said"""
    reason: str = ""
    """why it is undecided"""
    verdict: str = ""
    """both in words"""
    learned_p: Number = None
    """p of the head's score against permuted labels"""
    text: str = ""
    """all of it in a sentence"""


class Intervention(Part):
    """One alteration on all answers of a network."""

    unit: str
    """of the dose"""
    what: str = ""
    """what it alters"""
    heads: dict[str, Effect]
    """by answer"""
    extremity: dict[str, Effect] = Field(default_factory=dict)
    """by head, of its expected distance from the middle"""
    over: dict[str, Number] = Field(default_factory=dict)
    """by dose the share of samples beyond full scale"""


ANSWER = "networks/{network}/{alteration}/{kind:heads,extremity}/{answer}"
"""Where the effect on an answer stands in the file."""


class Interventions(File):
    """The causal test."""

    SCHEMA: ClassVar[str] = "interventions/3"
    TABLES: ClassVar[tuple[Table, ...]] = (
        Table("doses", f"{ANSWER}/{{line:doses,length_control}}/{{dose}}"),
        Table("effects", ANSWER, kept=("finding", "verdict")),
        Table("features", "features/{network}/{feature}/{alteration}"),
    )

    networks: dict[str, dict[str, Intervention]] = Field(default_factory=dict)
    """by network and alteration"""
    spread: dict[str, dict[str, Number]] = Field(default_factory=dict)
    """by network and answer the standard deviation over a fold's unaltered slices"""
    level_sd: Number = None
    """dB: standard deviation of the slices' level (the RMS of their own samples) over all slices that are altered"""
    settings: dict[str, Any] = Field(default_factory=dict)
    """what all of it rests on"""
    features: dict[str, dict[str, dict[str, dict[str, tuple[Number, ...]]]]] = Field(default_factory=dict)
    """by network, feature and alteration `moved_sd`: how far it moves each coefficient, in standard deviations"""
