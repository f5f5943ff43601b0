"""Which of the paper's claims a corpus could decide, and how large an effect must be, before anything is trained.

A claim that is true is found if each of its tests comes out, at the level that the correction of the table leaves
(`elor.explain.claims.decide`). Each is a t test over speakers, or over folds that hold several; so its chance follows
from their number and from the effect, its mean in standard deviations between them (noncentral t). Tests of a claim are
taken for independent, which counts them too strictly, and half of the claims for true. What an effect must be besides,
larger than any untrained network's, cannot be known beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import nct, norm, t

from elor.check import Finding
from elor.corpora.faults import joined, plural
from elor.evidence.names import Role
from elor.explain.claims.claim import Declared, Look
from elor.explain.claims.decide import LEVEL
from elor.explain.claims.scores import FEWEST
from elor.explain.claims.table import CLAIMS
from elor.explain.prototypes.trends import FOLDS, NULLS, PARAMETRISATIONS
from elor.params import Params
from elor.registry import TITLES

EFFECT = 1.75
"""Standard deviations between speakers: the effect that chances are stated for, here and in docs/which-analysis.md."""

SURE = 0.8
"""The chance from which an effect counts as one that would be found."""

TRUE = 0.5
"""Share of the claims that are taken for true."""

LARGEST = 100.0
"""Standard deviations: no effect is as large."""


@dataclass(frozen=True)
class Design:
    """What a corpus and the values of a run give claims to work with.

    Attributes:
        turns: by head that is learned how many turns have each class, by its name; of values, how many have one.
        valued: whether heads answer with values.
        speakers, folds: how many; `units`: of them what counts as independent, in what networks do.
        raters: evaluators who rated enough of the labelled turns beside the chosen one.
        altered: networks that are asked about altered slices.
        trends: why trends of prototypes cannot be had; empty if they can.
    """

    turns: Mapping[str, pd.Series]
    valued: bool
    speakers: int
    folds: int
    units: int
    raters: int
    altered: Sequence[str]
    trends: str

    @classmethod
    def of(cls, params: Params, slices: pd.DataFrame, folds: pd.DataFrame, ratings: pd.DataFrame) -> Design:
        """Count.

        Args:
            params: the values of the run.
            slices: of the corpus, with their targets.
            folds: fold, slice and role.
            ratings: utterance, rater, and whether it is the chosen one's (`own`).
        """
        heads, turns = params.labels.asked.heads, slices.drop_duplicates("utterance")
        tests = folds[folds["role"] == "test"].merge(slices[["slice", "speaker"]], on="slice")
        pairs, count = tests[["fold", "speaker"]].drop_duplicates(), folds["fold"].nunique()
        rated = turns["utterance"]
        own = ratings[ratings["own"] & ratings["utterance"].isin(rated)]["utterance"]
        others = ratings[~ratings["own"] & ratings["utterance"].isin(own)].groupby("rater").size()
        return cls(
            turns={
                head.name: pd.Series(np.bincount(turns[head.name], minlength=head.classes), head.labels)
                if head.classes
                else pd.Series([len(turns)])
                for head in heads
            },
            valued=heads[0].valued,
            speakers=turns["speaker"].nunique(),
            folds=count,
            units=pairs["speaker"].nunique() if len(pairs) == count else count,
            raters=int((others >= FEWEST).sum()),
            altered=params.explain.interventions.networks,
            trends=_no_trends(params, count),
        )


def claims(design: Design) -> Iterator[Finding]:
    """From which score on heads count as learned, and claim by claim how large an effect must be to be found."""
    yield from (_learned(head, turns, design.valued) for head, turns in design.turns.items())
    level = left(design)
    barriers = {claim.id: barred(claim, design) for claim in CLAIMS}
    possible = [claim for claim in CLAIMS if not barriers[claim.id]]
    likely = sum(chance(claim, design, EFFECT, level) >= SURE for claim in possible if claim.confirmatory)
    note = (
        "Of each claim is said how likely it is found if it is true and all its tests see an effect of "
        f"{EFFECT} standard deviations (SD) between speakers, and from which effect on it is found in "
        f"{100 * SURE:.0f} % of runs. At {EFFECT} SD {likely} of {len(possible)} are found that often. Whether "
        "untrained networks do as much cannot be known beforehand."
    )
    yield Finding("claims", f"{len(possible)} of {len(CLAIMS)} could be decided", note)
    yield from (Finding(claim.id, _forecast(claim, design, level)) for claim in possible)
    for reason in filter(None, dict.fromkeys(barriers.values())):
        names = [claim for claim, barrier in barriers.items() if barrier == reason]
        said = f"Cannot be decided, {reason}: {', '.join(names)}."
        yield Finding("cannot be decided", f"{plural(len(names), 'claim')}: {reason}", said)


def barred(claim: Declared, design: Design) -> str:
    """Why nothing in this corpus could decide a claim; empty if something could."""
    if claim.undecidable:
        return "the paper says both"
    return next((reason for look in _judging(claim) if (reason := lacking(look, design))), "")


def lacking(look: Look, design: Design) -> str:
    """What a look presupposes and does not have; empty if it has everything."""
    needs = look.needs
    if absent := [head for head in needs.heads if head not in design.turns]:
        return f"needs {joined(absent)} as target{'s' if len(absent) > 1 else ''}"
    if needs.source in ("alterations", "absence", "features") and (
        absent := [network for network in needs.networks if network not in design.altered]
    ):
        return f"{TITLES[absent[0]]} hears no altered slices"
    if needs.source == "recall" and design.valued:
        return "networks answer with values"
    if needs.source == "raters" and not design.raters:
        return f"no second rater of {FEWEST} turns"
    if needs.source == "prototypes" and design.trends:
        return design.trends
    return "" if _units(look, design) > 1 else "needs two speakers, or folds of them"


def left(design: Design) -> float:
    """The level of p that Benjamini and Hochberg's correction leaves, where the claims that are true are found.

    With k of m claims found it is k / m of the table's; how many are found depends on it again.
    """
    family = [claim for claim in CLAIMS if claim.confirmatory]
    level = LEVEL * TRUE
    for _ in range(50):
        found = TRUE * sum(chance(claim, design, EFFECT, level) for claim in family)
        level = LEVEL * max(1.0, found) / len(family)
    return level


def chance(claim: Declared, design: Design, effect: float, level: float) -> float:
    """How likely a true claim is found, if all its tests see an effect of so many standard deviations between units."""
    if barred(claim, design):
        return 0.0
    tests = [look for look in _judging(claim) if look.role is Role.decides]
    return float(np.prod([_found(look, design, effect, level) for look in tests]))


def smallest(claim: Declared, design: Design, level: float) -> float | None:
    """The effect from which a true claim is found with the chance `SURE`; None where none is large enough."""
    if chance(claim, design, LARGEST, level) < SURE:
        return None
    return float(brentq(lambda effect: chance(claim, design, effect, level) - SURE, 0.0, LARGEST))


def least_score(turns: NDArray, valued: bool = False) -> tuple[float, float]:
    """The score of chance, and the one told apart from it in `SURE` of runs: UAR of classes, CCC of values.

    Where labels are permuted, a turn of one of K classes is hit with a chance of 1 / K, if answers are spread evenly;
    an r over n values then has a deviation of 1 / sqrt(n).

    Args:
        turns: how many have each class, of those that occur, (classes,); or how many have a value, (1,).
        valued: whether they are of values.
    """
    count = len(turns)
    error = turns[0] ** -0.5 if valued else np.sqrt((1 / count) * (1 - 1 / count) * (1 / turns).sum()) / count
    start = 0.0 if valued else 1 / count
    return start, float(min(1.0, start + (norm.isf(LEVEL) + norm.ppf(SURE)) * error))


def _no_trends(params: Params, folds: int) -> str:
    """Why trends of prototypes cannot be had; empty if they can."""
    if folds < FOLDS:
        return f"needs {FOLDS} folds, there are {folds}"
    if params.scale.explain.prototypes.untrained < NULLS:
        return f"needs {NULLS} untrained networks for prototypes"
    if len(params.explain.prototypes.parametrisations) < PARAMETRISATIONS:
        return f"needs {PARAMETRISATIONS} parametrisations of prototypes"
    return ""


def _learned(head: str, turns: pd.Series, valued: bool) -> Finding:
    there, absent = turns[turns > 0], turns.index[turns == 0].tolist()
    start, least = least_score(there.to_numpy(), valued)
    found = f"from {'CCC' if valued else 'UAR'} {least:.2f} on (chance {start:.2f}); {turns.sum():,} turns"
    found += "" if valued else f", {len(there)} of {len(turns)} classes"
    note = f"No turn has {head} {joined(absent)}; fewer labels.classes leave none empty." if absent else ""
    return Finding(f"{head} learned", found, note)


def _forecast(claim: Declared, design: Design, level: float) -> str:
    if not claim.confirmatory:
        return "can be decided, without a test"
    least = smallest(claim, design, level)
    here = f"{100 * chance(claim, design, EFFECT, level):.0f} % at {EFFECT} SD"
    return f"{here}; {100 * SURE:.0f} % " + (f"from {least:.2f} SD on" if least is not None else "at none")


def _judging(claim: Declared) -> list[Look]:
    return [look for look in claim.looks if look.role is not Role.illustrates]


def _units(look: Look, design: Design) -> int:
    return design.speakers if look.needs.source in ("labels", "raters") else design.units


def _found(look: Look, design: Design, effect: float, level: float) -> float:
    """The chance that a look's tests come out; of an absence, that it is shown where the effect is what counts as none.

    Networks of the folds share training slices, which widens what alterations do (Nadeau and Bengio 2003).
    """
    units, source = _units(look, design), look.needs.source
    shared = 1 / max(design.folds - 1, 1) if source in ("alterations", "absence") else 0.0
    standard, degrees = effect / np.sqrt(1 / units + shared), units - 1
    if source == "absence":
        return max(0.0, 2 * float(nct.cdf(t.ppf(level, degrees), degrees, -standard)) - 1)
    power = float(nct.sf(t.isf(level / 2, degrees), degrees, standard))
    return power**design.raters if source == "raters" else power
