"""metrics/words.json: what a network that is told the words adds, and whether it hears otherwise."""

from typing import ClassVar

from pydantic import Field

from elor.evidence.model import File, Number, Part


class Leak(Part):
    """How much of a part was said before."""

    slices: int
    """how many"""
    heard_before: Number
    """share whose text stands word for word in the training part of the fold that tests it"""


class Added(Part):
    """ELoR+TXT against ELoR on some slices."""

    head: str
    """what both predict"""
    part: str
    """`all`, a scenario, or texts that nobody said in the training part"""
    slices: int
    """how many"""
    speakers: int
    """whose they are"""
    score: str
    """`uar`, or `ccc` of values"""
    told: Number
    """of the network that is told the words"""
    plain: Number
    """of the one that is not"""
    difference: Number
    """the first minus the second"""
    ci_low: Number
    """its jackknife t-interval over speakers"""
    ci_high: Number
    """its upper limit"""
    p: Number
    """two-sided sign flip over speakers; not corrected"""


class Test(Part):
    """A difference of the two kinds against the spread over seeds."""

    difference: Number
    """of maps: mean r within the kinds minus mean r between them; of effects: the mean squared difference of their
    means, in variances over seeds"""
    p: Number
    """share of all ways to name the networks that reach it"""
    patterns: int
    """how many ways there are: no p is below 1 / `patterns`"""


class Likeness(Test):
    """How alike the maps of two networks are: mean over slices of r of occlusion maps of the rated class."""

    slices: int
    """how many have maps that vary"""
    plain: Number
    """mean r of two networks without words"""
    told: Number
    """mean r of two networks with words"""
    between: Number
    """mean r of one with and one without"""


class Effect(Part):
    """What an alteration of the sound does to an answer from its lowest to its highest dose."""

    intervention: str
    """the alteration"""
    answer: str
    """the answer"""
    plain: Number
    """mean of the networks without words"""
    told: Number
    """mean of those with them"""
    spread: Number
    """standard deviation over seeds within the kinds"""


class Effects(Test):
    """All effects together, and each by itself."""

    rows: tuple[Effect, ...]
    """one each"""


class Words(File):
    """Empty but for `why` unless `corpus.words` asks for it."""

    SCHEMA: ClassVar[str] = "words/1"

    why: str = ""
    """why there is nothing else"""
    unit: str = ""
    """`words`, or `characters` in threes"""
    terms: int = 0
    """how many different ones the corpus has"""
    fold: str = ""
    """the fold whose networks were trained from several seeds"""
    seeds: int = 0
    """how many of each kind"""
    leak: dict[str, Leak] = Field(default_factory=dict)
    """by part"""
    added: tuple[Added, ...] = ()
    """by head and part"""
    maps: dict[str, Likeness] = Field(default_factory=dict)
    """by head"""
    effects: Effects | None = None
    """of alterations of the sound"""
