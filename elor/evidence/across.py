"""metrics/across.json and data/evidence/across/: corpora and languages beside each other."""

from typing import ClassVar

from elor.evidence.model import File, Number, Part
from elor.evidence.tables import Table


class Transfer(Part):
    """A cell of the transfer matrix."""

    dimension: str
    """what is answered"""
    network: str
    """who answers"""
    trained_on: str
    """the corpora that it was trained on: `a + b`"""
    tested_on: str
    """the corpus of the slices"""
    score: str
    """`uar`, or `ccc` of values"""
    slices: int
    """how many"""
    speakers: int
    """how many; none was heard in training unless metrics/protocol.json says so"""
    classes: int | None
    """that occur among the slices; none of values"""
    value: Number
    """the score"""
    ci_low: Number
    """jackknife t over speakers: its lower limit"""
    ci_high: Number
    """its upper limit"""
    chance: Number
    """1 / classes; 0 of values"""
    p: Number
    """share of permutations of labels within speakers that reach it"""
    p_below: Number
    """share of those that lie as low"""
    p_holm: Number
    """p after Holm, over all cells of one kind"""
    verdict: str
    """`transfers` (better than permuted labels and than chance; `learned` where the corpus is one of those trained on),
    `turned round` (worse than permuted labels), or `not shown`"""


class Difference(Part):
    """Two groups compared."""

    dimension: str
    """of scores, what is answered; of alterations the answer that moves"""
    network: str
    """who answers"""
    factor: str
    """`corpus` or `language`"""
    a: str
    """one group"""
    b: str
    """the other"""
    what: str = ""
    """of alterations, which and by how much: `gain 6`"""
    score: str = ""
    """`uar` or `ccc`; of alterations nothing: the mean change of the answer"""
    value_a: Number = None
    """of alterations, the mean over the speakers of a"""
    value_b: Number = None
    """of those of b"""
    difference: Number
    """a less b"""
    ci_low: Number
    """t interval of the two jackknife errors, Welch's; of who speaks in both, of the errors' difference: lower limit"""
    ci_high: Number
    """its upper limit"""
    p: Number
    """two-sided, speakers dealt out anew between the groups; who speaks in both changes sides with herself"""
    p_holm: Number
    """after Holm over all of one kind"""
    speakers_a: int
    """how many"""
    speakers_b: int
    """how many"""
    speakers_both: int
    """how many of them speak in both, and are pairs"""


class Said(Part):
    """What becomes of a claim in one corpus, or language, alone."""

    id: str
    """of the claim, as in metrics/claims.json"""
    claim: str
    """completes `that ...`"""
    factor: str
    """`corpus` or `language`"""
    group: str
    """which"""
    verdict: str
    """as there; corrected over the claims on scores and ratings of the group alone"""
    ours: Number
    """the number that it hangs on"""
    unit: str
    """of that number"""
    p: Number
    """of that piece"""
    missing: str = ""
    """why there is no such piece; then it has no numbers"""


class Across(File):
    """Scores, alterations and claims of corpora and languages beside each other; of one corpus only its own cell."""

    SCHEMA: ClassVar[str] = "across/1"
    TABLES: ClassVar[tuple[Table, ...]] = (Table("alterations", "alterations[]"),)

    hold_out: str
    """the column of which each value was tested by networks that never heard it"""
    transfer: tuple[Transfer, ...]
    """of this run's networks, each trained on the corpora of its fold"""
    machine: tuple[Transfer, ...] = ()
    """of the support vector machine, trained on one corpus alone: for every pair, at home with speakers held out"""
    scores: tuple[Difference, ...] = ()
    """scores compared"""
    alterations: tuple[Difference, ...] = ()
    """how far alterations move answers, compared"""
    claims: tuple[Said, ...] = ()
    """claims on scores and ratings, decided in every corpus alone"""
