"""metrics/saliency.json and data/evidence/saliency/: every correlation beside its controls; deletion, bands."""

from typing import ClassVar

from pydantic import Field

from elor.evidence.model import File, Number, Part, Range
from elor.evidence.tables import Table


class Estimate(Part):
    """A mean correlation: of Fisher's z over speakers, turned back into r."""

    r: Number
    """the mean"""
    low: Number
    """its t-interval over speakers, or over folds that hold several"""
    high: Number
    """its upper limit"""
    speakers: int
    """how many"""
    slices: int
    """how many have a defined r"""
    undefined: int = 0
    """how many have none"""


class Contrast(Part):
    """A mean difference over speakers, or over folds that hold several."""

    difference: Number
    """the mean"""
    low: Number
    """its t-interval"""
    high: Number
    """its upper limit"""
    p: Number
    """sign-flip test over units, alone and uncorrected"""
    units: int = 0
    """speakers, or folds that hold several; untrained networks where one network is compared with them"""
    verdict: str = ""
    """what the interval allows to say"""


class Reading(Part):
    """One meaning of amplitude."""

    trained: Estimate
    """of the trained networks"""
    contrast: Contrast
    """of Fisher's z: trained minus untrained networks on the same slices"""


class ControlOf(Part):
    """The same correlation under a control."""

    readings: dict[str, Estimate] = Field(default_factory=dict)
    """by meaning of amplitude"""
    contrast: Contrast | None = None
    """trained minus control, in the reading that decides"""
    outside: Number = None
    """shifted only: share of slices whose r lies outside the shifts' middle 95 %"""
    over_chance: Contrast | None = Field(None, alias="over chance")
    """shifted only: that share less the 5 % of chance"""


class Bootstrap(Part):
    """Other intervals of the reading that decides."""

    percentile: Range
    """percentile bootstrap over units"""
    percentile_covers: Number
    """what it really covers"""
    bootstrap_t: Range
    """bootstrap-t, which mends that"""


class Label(Part):
    """r as the paper computes it, of slices with one predicted class."""

    r: Number
    """the mean"""
    slices: int
    """how many"""
    initial: Number
    """the same of untrained networks"""
    low: Number
    """t-interval"""
    high: Number
    """its upper limit"""


class Pair(Part):
    """One pair: two maps, or a map and the input."""

    paper: Number = None
    """the paper's number"""
    as_the_paper: Number = None
    """the mean over slices, padding included"""
    initial: Number = None
    """the same of untrained networks"""
    readings: dict[str, Reading] = Field(default_factory=dict)
    """by meaning of amplitude"""
    bootstrap: Bootstrap | None = None
    """other intervals"""
    controls: dict[str, ControlOf] = Field(default_factory=dict)
    """by control"""
    labels: dict[str, Label] = Field(default_factory=dict)
    """by predicted class"""
    padding: dict[str, Number] = Field(default_factory=dict)
    """share of |map| in the padding, of trained and untrained networks"""
    decisive: str
    """the reading that decides"""
    verdict: str = ""
    """what the contrast of that reading allows to say"""
    text: str = ""
    """the same in a sentence"""


class Integrated(Part):
    """How complete integrated gradients were."""

    maps: int
    """how many"""
    median_error: Number
    """of completeness"""
    incomplete: int
    """maps above the tolerance"""
    most_steps: int
    """of any map"""


class Bands(Part):
    """What each mel band carries: the fall of the logit without it, as a share of all bands' absolute falls."""

    edges_hz: tuple[Number, ...]
    """(bands + 1,)"""
    trained: tuple[Number, ...]
    """(bands,)"""
    low: tuple[Number, ...]
    """t-intervals, (bands,)"""
    high: tuple[Number, ...]
    """their upper limits, (bands,)"""
    initial: tuple[Number, ...]
    """(bands,)"""


class Overlap(Part):
    """Jaccard index of two heads' top tenth of occlusion windows."""

    overlap: Number
    """the mean"""
    chance: Number
    """of two random choices"""
    slices: int
    """how many"""
    over_chance: Contrast = Field(alias="over chance")
    """beyond chance"""
    over_initial: Contrast | None = Field(None, alias="over initial")
    """of trained networks only: beyond untrained ones, slice by slice"""


class Order(Part):
    """Segments taken away, or left alone, in one order."""

    mean: Number
    """change of the logit"""
    slices: int
    """how many"""
    curve: dict[str, Number] = Field(default_factory=dict)
    """the same by the share of segments, in %, that is taken away, or left alone"""
    over_loudest: Contrast | None = Field(None, alias="over loudest")
    """beyond the loudest-first order"""
    over_random: Contrast | None = Field(None, alias="over random")
    """beyond the random order"""
    wins: Number = None
    """loudest first only: share of slices in which it beats the random order"""
    initial_wins: Number = Field(None, alias="initial wins")
    """the same in untrained networks"""
    over_initial: Contrast | None = Field(None, alias="over initial")
    """the difference of these shares"""


Pairs = dict[str, dict[str, Pair]]
"""By method and pair."""

PAIR = "{role:own,exemplary}/{method}/{pair}"
"""Where a pair stands in the file."""


class Saliency(File):
    """What the networks on raw audio rest on."""

    SCHEMA: ClassVar[str] = "saliency/3"
    TABLES: ClassVar[tuple[Table, ...]] = (
        Table("readings", f"{PAIR}/readings/{{reading}}"),
        Table("control_readings", f"{PAIR}/controls/{{control}}/readings/{{reading}}"),
        Table("controls", f"{PAIR}/controls/{{control}}"),
        Table("labels", f"{PAIR}/labels/{{label}}"),
        Table("erasure", "erasure/{head}/{order}/{measure}"),
    )

    exemplary: Pairs = Field(default_factory=dict)
    """the exemplary speaker's network on all slices, as the paper has it"""
    own: Pairs = Field(default_factory=dict)
    """every fold's network on its own test slices"""
    model_free: dict[str, dict[str, Estimate]] = Field(default_factory=dict)
    """by "map" that no model made, and reading"""
    integrated: dict[str, Integrated] = Field(default_factory=dict)
    """by head"""
    masks: dict[str, dict[str, Estimate]] = Field(default_factory=dict)
    """by method and head, r of the maps by silence with those by noise"""
    bands: dict[str, Bands] = Field(default_factory=dict)
    """by head"""
    overlap: dict[str, Overlap] = Field(default_factory=dict)
    """of `trained` and `initial` networks"""
    erasure: dict[str, dict[str, dict[str, Order]]] = Field(default_factory=dict)
    """by head, order and measure"""
    exploratory: str = ""
    """what the p in this file are worth"""

    def role(self, name: str) -> Pairs:
        """`own` or `exemplary`."""
        return {"own": self.own, "exemplary": self.exemplary}[name]
