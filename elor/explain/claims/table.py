"""The paper's claims as they were declared before any result was seen, each with the looks that decide it.

Wieser et al. 2020. A claim completes "that ..."; `paper` is the paper's number, or its words. A claim of many parts is
declared with all of them; where two looks at the same thing are to agree (prototypes and real speech), either can stop
it. Trends of prototypes are conditions (`decide`): beside an intervention they must point the same way, and alone they
make a claim exploratory. With ten speakers the smallest p of a sign-flip test is 1/512, so a family of more than 25
claims could never hold.

The control of the table is a run that learns labels shuffled within speakers. It voids what a network has to learn, and
all that compares scores. It leaves alone what is said of ratings, of labels that are shuffled together, and of MFCCs;
each claim says so (`nulled`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from elor.explain.claims.answers import effect, moved, no_effect, trend
from elor.explain.claims.claim import Claim, Facts, Look
from elor.explain.claims.decide import Evidence, every
from elor.explain.claims.evidence import TITLES, by_any, within
from elor.explain.claims.maps import (
    DELETIONS,
    above_class_swap,
    above_untrained,
    above_untrained_heads,
    loudest_first,
    overlapping,
)
from elor.explain.claims.scores import balance, better, easier, extremes, weighted_above

GUIDED = "guided"
HEADS = ("arousal", "valence")
BOTH = "arousal~valence"
FLATTENED = "flattened"
NETWORKS = tuple(TITLES)
EXPLORATORY = (
    "exploratory, as trends of prototypes have no p that could be corrected, and no alteration of real speech "
    "lengthens its periodic parts but not its pauses"
)
MEASURED = "measured, with nothing to test: outside the corrected family"


def _within(network: str, heads: Sequence[str], look: Callable[..., Evidence], *how: object) -> Look:
    """A look inside a network, which counts as far as the network has learned these heads."""
    return lambda facts: within(facts.measured, network, heads, look, *how)


def _elor(head: str, look: Callable[..., Evidence], *how: object) -> Look:
    return _within("elor", (head,), look, *how)


def _trend(head: str, descriptor: str, kind: str, direction: str) -> Look:
    return _elor(head, trend, head, descriptor, kind, direction)


def _effect(head: str, intervention: str, sign: int) -> Look:
    return _elor(head, effect, "elor", head, intervention, sign)


def _score(networks: Sequence[str], heads: Sequence[str], test: Callable[..., Evidence], *how: object) -> Look:
    """A comparison of scores, which counts as far as any of these networks has learned any of these heads."""
    return lambda facts: by_any(test(facts.scored, *how), facts.measured, networks, heads)


def _extremes(facts: Facts) -> Evidence:
    return extremes(facts.scored)


def _extremes_predicted(facts: Facts) -> Evidence:
    return within(facts.measured, "elor", HEADS, lambda _: extremes(facts.scored, "elor"))


def _balance(facts: Facts) -> list[Evidence]:
    return balance(facts.scored)


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
    id: str,
    claim: str,
    paper: str,
    test: str,
    *looks: Look,
    undecidable: str = "",
    untested: str = "",
    beside: tuple[Look, ...] = (),
) -> Claim:
    where = "Network-driven visualizations, Table 6"
    return Claim(
        id, "prototypes", claim, where, paper, test, looks, undecidable=undecidable, untested=untested, beside=beside
    )


def _ranking(id: str, claim: str, paper: str, head: str, pairs: Sequence[tuple[str, str]]) -> Claim:
    test = f"paired sign-flip tests of pooled UAR (CCC of values) over {UNITS}, one per rival"
    looks = tuple(_score((one, other), (head,), better, (head,), one, other) for one, other in pairs)
    return Claim(id, "scores", claim, "Performance comparison, Table 5", paper, test, looks, every)


UNITS = "speakers (folds that hold several)"
TREND = "trend of the prototypes in two parametrisations, beyond 20 untrained networks (a condition, without a p)"
ON_SPEECH = "intervention on real slices, beyond untrained networks"

SALIENCY = (
    _amplitude("arousal", 0.50),
    _amplitude("valence", 0.53),
    Claim(
        id="amplitude-matters",
        group="saliency",
        claim="the louder a part is, the more it weighs in the prediction of both dimensions",
        where="Data-driven visualizations",
        paper="the louder a phoneme is perceived relative to the complete signal, the more influence it has",
        test="for both heads: the map against its controls, gain on real slices, deletion of loud segments (silence or "
        "noise in their place)",
        looks=tuple(
            look
            for head in HEADS
            for look in (
                *_maps(head),
                _effect(head, "gain", 0),
                *(_elor(head, loudest_first, head, mask) for mask in DELETIONS),
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
        paper="mainly on the same parts of the learned representations",
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
        paper="relevant information, which is not represented in the MFCC representation used for the LoM network",
        test="gain on real slices moves no coefficient by more than 0.1 standard deviations over slices",
        looks=(lambda facts: moved(facts.measured, "lom", "mfcc", "gain"),),
        untested=MEASURED,
        beside=tuple(_within("lom", (head,), effect, "lom", head, "gain", 0) for head in HEADS),
        nulled=False,
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
        untested=EXPLORATORY,
    ),
    _prototype(
        "arousal-loudness",
        "the overall loudness has no say in arousal",
        "no influence on the prediction of arousal",
        "gain of up to 12 dB on real slices changes the expected label by less than a quarter of a class, and by less "
        "than half its standard deviation over slices (equivalence)",
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
        "an extreme value ... if the signal contains high frequencies",
        f"{TREND}: spectral centroid against |label - 2|; {ON_SPEECH}: high shelf, on the expected |label - 2|",
        _trend("valence", "centroid_hz", "extreme", "up"),
        _elor("valence", effect, "elor", "valence", "high_shelf", 1, "extremity"),
        beside=(_effect("valence", "high_shelf", 0),),  # a push to one side only raises the extremity too
    ),
    _prototype(
        "valence-extremes-periodic",
        "extreme valence goes with longer periodic parts",
        "an extreme value if the signal contains periodic frequencies for a longer period of time",
        f"{TREND}: longest periodic run against |label - 2|",
        _trend("valence", "longest_periodic_s", "extreme", "up"),
        untested=EXPLORATORY,
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
    ),
    _prototype(
        "valence-low-louder",
        "low valence goes with louder speech",
        "a lower value if the signal is louder ... a more quiet speech seems to indicate a more negative ... state",
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
        "the ELoR network seems to perform best",
        "arousal",
        [("elor", "elor_ftr"), ("elor", "lom"), ("elor", "ftr")],
    ),
    _ranking(
        "ftr-worst-arousal",
        "FTR is the worst network on arousal",
        "the FTR network seems to perform worst",
        "arousal",
        [("elor", "ftr"), ("lom", "ftr"), ("elor_ftr", "ftr")],
    ),
    _ranking(
        "elor-ftr-best-valence",
        "ELoR+FTR is the best network on valence",
        "network performs best on valence",
        "valence",
        [("elor_ftr", "elor"), ("elor_ftr", "lom"), ("elor_ftr", "ftr")],
    ),
    Claim(
        id="arousal-easier",
        group="scores",
        claim="arousal is easier to predict than valence",
        where="Performance comparison, Table 5",
        paper="generally higher",
        test=f"paired sign-flip test over {UNITS} of mean UAR (CCC of values) over networks",
        looks=(_score(NETWORKS, HEADS, easier, "arousal", "valence"),),
    ),
    Claim(
        id="war-above-uar",
        group="scores",
        claim="WAR lies above UAR",
        where="Performance comparison, Table 5",
        paper="on average higher",
        test=f"paired sign-flip test over {UNITS} of the mean over networks and dimensions",
        looks=(_score(NETWORKS, HEADS, weighted_above, HEADS),),
    ),
    Claim(
        id="learned-beats-handcrafted",
        group="scores",
        claim="learned representations perform better than handcrafted features",
        where="Conclusion",
        paper="learned representations perform better",
        test=f"paired sign-flip test over {UNITS} of ELoR against FTR, mean over both dimensions",
        looks=(_score(("elor", "ftr"), HEADS, better, HEADS, "elor", "ftr"),),
    ),
)

CORPUS = (
    Claim(
        id="extreme-valence-aroused",
        group="corpus",
        claim="a more extreme valence goes with high arousal",
        where="Conclusion",
        paper="a more extreme value on valence is correlated with high arousal",
        test="Spearman's r per speaker of |valence - 2| with arousal, in the labels; in ELoR's predictions its sign "
        "must be the same (a condition, without a control)",
        looks=(_extremes, _extremes_predicted),
        nulled=False,
    ),
    Claim(
        id="rater-balanced",
        group="corpus",
        claim="the chosen evaluator's ratings are more balanced than the others'",
        where="IEMOCAP dataset",
        paper="more balanced over the complete valence–arousal space",
        test="exchange tests over speakers of the entropy of the valence-arousal cells on common utterances, per rater",
        looks=(_balance,),
        rule=every,
        nulled=False,
    ),
)

CLAIMS: tuple[Claim, ...] = (*SALIENCY, *PROTOTYPES, *SCORES, *CORPUS)
