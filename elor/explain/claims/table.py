"""The paper's claims as they were declared before any result was seen, each with the looks that decide it.

Wieser et al. 2020. A claim completes "that ..."; `paper` is the paper's number, or its words. A claim of many parts is
declared with all of them; where two looks at the same thing are to agree (prototypes and real speech), either can stop
it. With ten speakers the smallest p of a sign-flip test is 1/512, so a family of more than 25 claims could never hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from elor.explain.claims.decide import Evidence, Rule, agree, every
from elor.explain.claims.evidence import (
    Measured,
    above_class_swap,
    above_untrained,
    above_untrained_heads,
    effect,
    loudest_first,
    no_effect,
    overlapping,
    trend,
    within,
)
from elor.explain.claims.scores import Scored, balance, better, easier, extremes, weighted_above

GUIDED = "guided"
HEADS = ("arousal", "valence")
BOTH = "arousal~valence"
FLATTENED = "flattened"


@dataclass(frozen=True)
class Facts:
    """All that claims are decided by."""

    measured: Measured
    scored: Scored


Look = Callable[[Facts], Evidence | Sequence[Evidence]]


@dataclass(frozen=True)
class Claim:
    """One claim of the paper.

    Attributes:
        id: its short name.
        group: saliency, prototypes, scores or corpus.
        claim: completes "that ...".
        where: in the paper.
        paper: the paper's number, or its words.
        test: what decides it, in words.
        looks: the same as functions; the first gives the row its number.
        rule: how the looks combine.
        undecidable: why no look can decide it; then it is in no family.
    """

    id: str
    group: str
    claim: str
    where: str
    paper: float | str
    test: str
    looks: tuple[Look, ...]
    rule: Rule = agree
    undecidable: str = ""

    @property
    def confirmatory(self) -> bool:
        """Whether it is in the family that Holm corrects over."""
        return not self.undecidable


def _within(network: str, heads: Sequence[str], look: Callable[..., Evidence], *how: object) -> Look:
    """A look inside a network, which counts as far as the network has learned these heads."""
    return lambda facts: within(facts.measured, network, heads, look, *how)


def _elor(head: str, look: Callable[..., Evidence], *how: object) -> Look:
    return _within("elor", (head,), look, *how)


def _trend(head: str, descriptor: str, kind: str, direction: str) -> Look:
    return _elor(head, trend, head, descriptor, kind, direction)


def _effect(head: str, intervention: str, sign: int) -> Look:
    return _elor(head, effect, "elor", head, intervention, sign)


def _score(test: Callable[..., Evidence | list[Evidence]], *how: object) -> Look:
    return lambda facts: test(facts.scored, *how)


def _maps(head: str) -> tuple[Look, ...]:
    """r(map, input) of a head beside both its controls."""
    pair = f"{head}~input"
    return tuple(_elor(head, look, GUIDED, pair) for look in (above_untrained, above_untrained_heads))


def _amplitude(head: str, paper: float) -> Claim:
    return Claim(
        id=f"amplitude-{head}",
        group="saliency",
        claim=f"the {head} map follows the amplitude of the input",
        where="Data-driven visualizations",
        paper=paper,
        test="guided backpropagation against untrained networks, and against untrained heads on trained convolutions",
        looks=_maps(head),
    )


def _prototype(
    id: str, claim: str, paper: str, test: str, *looks: Look, rule: Rule = agree, undecidable: str = ""
) -> Claim:
    where = "Network-driven visualizations, Table 6"
    return Claim(id, "prototypes", claim, where, paper, test, looks, rule, undecidable)


def _ranking(id: str, claim: str, paper: str, head: str, pairs: Sequence[tuple[str, str]]) -> Claim:
    test = "paired sign-flip tests of pooled UAR (CCC of values) over speakers, one per rival"
    looks = tuple(_score(better, (head,), one, other) for one, other in pairs)
    return Claim(id, "scores", claim, "Performance comparison, Table 5", paper, test, looks, every)


TREND = "trend of the prototypes in two parametrisations, beyond 20 untrained networks"
ON_SPEECH = "intervention on real slices, beyond untrained networks"

SALIENCY = (
    _amplitude("arousal", 0.50),
    _amplitude("valence", 0.53),
    Claim(
        id="amplitude-matters",
        group="saliency",
        claim="the louder a part is, the more it weighs in the prediction of both dimensions",
        where="Data-driven visualizations",
        paper="the louder a phoneme is perceived, the more influence it has",
        test="for both heads: the map against its controls, gain on real slices, deletion of loud segments",
        looks=tuple(
            look
            for head in HEADS
            for look in (
                *_maps(head),
                _effect(head, "gain", 0),
                _elor(head, loudest_first, head),
            )
        ),
        rule=every,
    ),
    Claim(
        id="same-parts",
        group="saliency",
        claim="arousal and valence rest on the same parts of the input",
        where="Data-driven visualizations",
        paper=0.96,
        test="maps of both heads against untrained networks and class swap within a head; overlap of occlusion maps",
        looks=(
            _within("elor", HEADS, above_untrained, GUIDED, BOTH),
            _within("elor", HEADS, above_class_swap, GUIDED, BOTH),
            _within("elor", HEADS, overlapping),
        ),
    ),
    Claim(
        id="same-features",
        group="saliency",
        claim="both MLPs rely on the same features of the CNN",
        where="Data-driven visualizations",
        paper="mainly the same parts of the learned representations",
        test="both heads' gradients at the flattened layer, against untrained networks and class swap within a head",
        looks=(
            _within("elor", HEADS, above_untrained, "gradient", FLATTENED),
            _within("elor", HEADS, above_class_swap, "gradient", FLATTENED),
        ),
    ),
    Claim(
        id="mfcc-amplitude",
        group="saliency",
        claim="the amplitude of the signal is absent from MFCCs",
        where="Data-driven visualizations",
        paper="relevant information which is not represented in the MFCCs used for the LoM network",
        test="gain on real slices leaves LoM's answers within a quarter of a class, for both heads (equivalence)",
        looks=tuple(_within("lom", (head,), no_effect, "lom", head, "gain") for head in HEADS),
        rule=every,
    ),
)

PROTOTYPES = (
    _prototype(
        "arousal-frequencies",
        "more arousal goes with higher frequencies",
        "high frequencies",
        f"{TREND}: spectral centroid; {ON_SPEECH}: high shelf",
        _trend("arousal", "centroid_hz", "monotone", "up"),
        _effect("arousal", "high_shelf", 1),
    ),
    _prototype(
        "arousal-interruptions",
        "more arousal goes with more interruptions",
        "many interruptions",
        f"{TREND}: number of pauses; {ON_SPEECH}: pauses put in",
        _trend("arousal", "pauses", "monotone", "up"),
        _effect("arousal", "pause_insertion", 1),
    ),
    _prototype(
        "arousal-peaks",
        "more arousal goes with higher peaks",
        "higher peaks of the amplitude",
        f"{TREND}: highest peak; {ON_SPEECH}: peaks held down at equal RMS",
        _trend("arousal", "peak", "monotone", "up"),
        _effect("arousal", "peak_limiting", -1),
    ),
    _prototype(
        "arousal-periodic",
        "more arousal goes with longer periodic parts",
        "periodic frequencies for a longer period of time",
        f"{TREND}: longest periodic run",
        _trend("arousal", "longest_periodic_s", "monotone", "up"),
    ),
    _prototype(
        "arousal-loudness",
        "the overall loudness has no say in arousal",
        "no influence on the prediction of arousal",
        "gain of up to 12 dB on real slices changes the expected label by less than a quarter of a class (equivalence)",
        _elor("arousal", no_effect, "elor", "arousal", "gain"),
    ),
    _prototype(
        "arousal-rate",
        "more arousal goes with a faster speaking rate",
        "a faster-speaking rate",
        f"{ON_SPEECH}: time-stretch",
        _effect("arousal", "time_stretch", 1),
    ),
    _prototype(
        "valence-extremes-frequencies",
        "extreme valence goes with high frequencies",
        "an extreme value if the signal contains high frequencies",
        f"{TREND}: spectral centroid against |label - 2|",
        _trend("valence", "centroid_hz", "extreme", "up"),
    ),
    _prototype(
        "valence-extremes-periodic",
        "extreme valence goes with longer periodic parts",
        "an extreme value if periodic for a longer period of time",
        f"{TREND}: longest periodic run against |label - 2|",
        _trend("valence", "longest_periodic_s", "extreme", "up"),
    ),
    _prototype(
        "valence-low-pauses",
        "low valence goes with clear and constant pauses",
        "clear and constant pauses in frequency and duration",
        f"{TREND}: irregularity of pauses, low against high labels; {ON_SPEECH}: pauses put in",
        _trend("valence", "pause_irregularity", "low_high", "up"),
        _effect("valence", "pause_insertion", -1),
    ),
    _prototype(
        "valence-high-pauses",
        "high valence goes with rarer and longer pauses",
        "pauses that decrease in frequency and increase in duration",
        f"{TREND}: number and mean length of pauses, low against high labels; {ON_SPEECH}: longer pauses",
        _trend("valence", "pauses", "low_high", "down"),
        _trend("valence", "pause_mean_s", "low_high", "up"),
        _effect("valence", "pause_lengthening", 1),
        rule=every,
    ),
    _prototype(
        "valence-low-louder",
        "low valence goes with louder speech",
        "a lower value if the signal is louder; also a more quiet speech seems more negative",
        f"the direction only: {ON_SPEECH}: gain; {TREND}: level, low against high labels",
        _effect("valence", "gain", -1),
        _trend("valence", "rms_dbfs", "low_high", "down"),
        undecidable="the paper says both that it is louder and that it is quieter, so only the direction is reported",
    ),
)

SCORES = (
    _ranking(
        "elor-best-arousal",
        "ELoR is the best network on arousal",
        "ELoR seems to perform best",
        "arousal",
        [("elor", "elor_ftr"), ("elor", "lom"), ("elor", "ftr")],
    ),
    _ranking(
        "ftr-worst-arousal",
        "FTR is the worst network on arousal",
        "FTR seems to perform worst",
        "arousal",
        [("elor", "ftr"), ("lom", "ftr"), ("elor_ftr", "ftr")],
    ),
    _ranking(
        "elor-ftr-best-valence",
        "ELoR+FTR is the best network on valence",
        "ELoR+FTR performs best",
        "valence",
        [("elor_ftr", "elor"), ("elor_ftr", "lom"), ("elor_ftr", "ftr")],
    ),
    Claim(
        id="arousal-easier",
        group="scores",
        claim="arousal is easier to predict than valence",
        where="Performance comparison, Table 5",
        paper="generally higher",
        test="paired sign-flip test over speakers of mean UAR (CCC of values) over networks",
        looks=(_score(easier, "arousal", "valence"),),
    ),
    Claim(
        id="war-above-uar",
        group="scores",
        claim="WAR lies above UAR",
        where="Performance comparison, Table 5",
        paper="on average higher",
        test="paired sign-flip test over speakers of the mean over networks and dimensions",
        looks=(_score(weighted_above, HEADS),),
    ),
    Claim(
        id="learned-beats-handcrafted",
        group="scores",
        claim="learned representations perform better than handcrafted features",
        where="Conclusion",
        paper="learned representations perform better",
        test="paired sign-flip test over speakers of ELoR against FTR, mean over both dimensions",
        looks=(_score(better, HEADS, "elor", "ftr"),),
    ),
)

CORPUS = (
    Claim(
        id="extreme-valence-aroused",
        group="corpus",
        claim="a more extreme valence goes with high arousal",
        where="Conclusion",
        paper="correlated",
        test="Spearman's r per speaker of |valence - 2| with arousal, in the labels and in ELoR's predictions",
        looks=(_score(extremes), _score(extremes, "elor")),
    ),
    Claim(
        id="rater-balanced",
        group="corpus",
        claim="the chosen evaluator's ratings are more balanced than the others'",
        where="IEMOCAP dataset",
        paper="more balanced over the complete valence-arousal space",
        test="exchange tests over speakers of the entropy of the valence-arousal cells on common utterances, per rater",
        looks=(_score(balance),),
        rule=every,
    ),
)

CLAIMS: tuple[Claim, ...] = (*SALIENCY, *PROTOTYPES, *SCORES, *CORPUS)
