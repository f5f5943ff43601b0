"""metrics/claims.json: the paper's claims, each a list of pieces of evidence with a verdict."""

from importlib import import_module
from typing import Any, ClassVar

from pydantic import Field

from elor.evidence.model import File, Number, Part
from elor.evidence.names import Case, Planted, Reference, Role, Verdict


class Piece(Part):
    """One piece of evidence, with its own control, interval and p; pieces of a claim are never mixed."""

    what: str
    """what was looked at"""
    role: Role
    """whether it decides, conditions or illustrates"""
    ours: Number = None
    """the number found"""
    unit: str = ""
    """of all its numbers"""
    control: str = ""
    """which control: one of the family `initial`, `calibrated`, `heads`, `class swap`, `other waveform`, `shifted`,
    `shuffled`, `sham`; or `no change`, `what counts as none`, `chance`, `random order`, `no correlation`, or the name
    of a rival"""
    control_value: Number = None
    """the control as a number"""
    control_low: Number = None
    """the control as a range: from; null where it has no lower end"""
    control_high: Number = None
    """to; null where it has no upper end"""
    difference: Number = None
    """ours less the control, where that is tested; for r of Fisher's z"""
    low: Number = None
    """t-interval over units of the difference; of `ours` where there is no difference"""
    high: Number = None
    """its upper limit"""
    units: int | None = None
    """speakers, or folds that hold several"""
    p: Number = None
    """two-sided t test over units, against what counts as none where that is the control; one-sided where it says that
    there is less than that; null: no test"""
    points: int = 0
    """1 with the claim; -1 against it: the other way, or shown to be less than counts as none; 0 no further than its
    control, or not there"""
    learned_p: Number = None
    """p, against permuted labels, of the score of the heads that it presupposes; of several the largest, and where one
    network of several must have learned, the smallest times their number"""
    missing: str = ""
    """why it could not be had; then it has no numbers"""

    @property
    def effect(self) -> float | None:
        """What is tested, which `low` and `high` are about: its difference, else `ours`."""
        return self.ours if self.difference is None else self.difference

    @property
    def absence(self) -> bool:
        """Whether what is asked is that there is less than counts as none."""
        below = self.control_low is None and self.control_high is not None
        return self.control == Reference.nothing or (self.control == Reference.correlation and below)


MOST_SPEAKERS = 10_000
"""Beyond so many an effect counts as none that more speakers could show."""


class Needed(Part):
    """What an undecided claim would have needed, at the level that its family left it."""

    piece: int
    """place in `evidence` of the piece that it is about: the one in the claim's line, or if that has no p, as
    prototypes have none, the weakest test"""
    effect: Number = None
    """the smallest effect that this run could have shown, in the piece's unit (its difference, else `ours`); of an
    absence the largest one of which it could have been shown: below 0, only one the other way; 0 if of none"""
    speakers: int | None = None
    """how many speakers (see `unit`) would have shown the effect that was found, at k times its p where a claim falls
    by any of k tests; null above 10,000, and where it lies within its control or, of a map, below it"""
    beyond: bool = False
    """whether what was found goes further than its control, or of an absence is less than counts as none: where not, no
    number of speakers shows it"""
    decided: int | None = None
    """how many (see `unit`) would have decided the claim, all of its pieces as they were found; null if none would"""
    unit: str = "speaker"
    """what these two numbers count: `speaker`, or `fold` of as many speakers as those of this run, where a fold holds
    several"""


class Claim(Part):
    """One claim: its numbers are those of the piece `deciding`, and of no other."""

    id: str
    """short name"""
    group: str
    """saliency, prototypes, scores or corpus"""
    claim: str
    """completes "that ...\""""
    where: str
    """in the paper"""
    paper: float | str
    """the paper's number, or its words"""
    paper_unit: str = ""
    """of that number: what statistic it is; to be set beside `ours` only where `unit` is the same"""
    test: str
    """what decides it, as declared"""
    verdict: Verdict
    """what the evidence allows to say"""
    case: Case
    """which row of the table of cases gave it"""
    deciding: int | None = None
    """place in `evidence` of the piece that the verdict hangs on"""
    ours: Number = None
    """of that piece"""
    unit: str = ""
    """of that piece"""
    control: str = ""
    """of that piece"""
    control_value: Number = None
    """of that piece"""
    control_low: Number = None
    """of that piece"""
    control_high: Number = None
    """of that piece"""
    p: Number = None
    """of that piece"""
    p_claim: Number = None
    """of the assertion: the largest p of all that it needs, or k times the smallest of k that speak against it"""
    p_holm: Number = None
    """that p after Holm, over all claims that were declared for a test: for any error in the table"""
    q: Number = None
    """the same after Benjamini and Hochberg: the false discovery rate at which it would be asserted"""
    confirmatory: bool
    """whether it is in the family that is corrected"""
    nulled: bool
    """whether labels shuffled within speakers void it"""
    truth: bool | None = None
    """whether it is true of the corpus, or of the network, where that is known (docs/known-truth.md)"""
    planted: Planted | None = None
    """how the corpus treats the cues that it is about, where that is known"""
    needed: Needed | None = None
    """of an undecided claim, what would have decided it"""
    evidence: tuple[Piece, ...]
    """in the order of the declaration"""
    undecidable: str = ""
    """why nothing could decide it"""
    untested: str = ""
    """why nothing that decides it has a p"""


class Family(Part):
    """What is corrected, and how."""

    claims: int
    """declared for a test: p is corrected over them"""
    method: str
    """of the correction that verdicts rest on"""
    level: float
    """of the error that it bounds: of Benjamini-Hochberg the expected share of wrong assertions among all"""


class Counterfactual(Part):
    """What more of a cue does to an answer of ELoR, measured on utterances that were made again: a network's truth."""

    cue: str
    """that is moved, by one of its standard deviations"""
    answer: str
    """of a head, or its extremity"""
    change: Number
    """in standard deviations of the answers, mean over speakers"""
    low: Number
    """its t-interval"""
    high: Number
    """its upper limit"""


class Scoreboard(Part):
    """Verdicts beside the truth, where a corpus was made and its truth is known."""

    right: int
    """claims that hold and are true, or are contradicted and false"""
    wrong: int
    """the other way round"""
    undecided: int
    """claims of a known truth with any other verdict"""
    undecidable: int
    """claims of which the truth is not known"""


class Claims(File):
    """The table of claims."""

    SCHEMA: ClassVar[str] = "claims/2"

    claims: tuple[Claim, ...]
    """in the order of the declaration"""
    counts: dict[Verdict, int] = Field(default_factory=dict)
    """of verdicts"""
    family: Family
    """what is corrected"""
    scoreboard: Scoreboard | None = None
    """verdicts beside the truth; null where the corpus declares none"""
    counterfactuals: tuple[Counterfactual, ...] = ()
    """what the truth of claims about networks rests on (docs/known-truth.md); empty where the corpus declares none"""
    shuffled: bool = False
    """whether the labels were shuffled within speakers: the control of the claims that this voids"""

    def _repr_html_(self) -> str:
        """The table of verdicts, in a notebook."""
        return import_module("elor.report.claims").as_html(self)  # by name: what reads metrics needs no page

    def tree(self) -> dict[str, Any]:
        """Every claim and every piece with all its keys, so that a reader need not ask which there are."""
        return self.model_dump(mode="json")
