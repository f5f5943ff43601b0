"""The paper's claims as they were declared before any result was seen, each with the looks that decide it.

Wieser et al. 2020. A claim completes "that ..."; `paper` is the paper's number, or its words. A claim of many parts is
declared with all of them; where two looks at the same thing are to agree (prototypes and real speech), either can stop
it. Trends of prototypes are conditions (`decide`): beside an intervention they must point the same way, and alone they
make a claim exploratory.

The control of the table is a run that learns labels shuffled within speakers. It voids what a network has to learn, and
all that compares scores. It leaves alone what is said of ratings, of labels that are shuffled together, and of MFCCs;
each claim says so (`nulled`).
"""

from __future__ import annotations

from collections.abc import Sequence

from elor.evidence.names import EXTREMITY, Role
from elor.explain.claims.answers import moved
from elor.explain.claims.claim import Declared, Look, Needs
from elor.explain.claims.evidence import within
from elor.explain.claims.looks import (
    GUIDED,
    alike,
    alters,
    beside,
    compares,
    deletions,
    follows_input,
    in_elor,
    trends,
    weighing,
)
from elor.explain.claims.maps import overlapping
from elor.explain.claims.scores import balance, better, easier, extremes, weighted_above
from elor.registry import TITLES

NATURAL = (
    "gain on real slices, over two standard deviations of their level: beyond 0.2 standard deviations of the answers, "
    "and beyond untrained networks (against it: within 0.2)"
)
DIMENSIONS = ("arousal", "valence")
BOTH = "arousal~valence"
FLATTENED = "flattened"
NETWORKS = ("elor", "lom", "ftr", "elor_ftr")
"""The paper's; of others it claims nothing."""
EXPLORATORY = (
    "exploratory, as trends of prototypes have no p that could be corrected, and no alteration of real speech "
    "lengthens its periodic parts but not its pauses"
)
MEASURED = "measured, with nothing to test: outside the corrected family"


def _amplitude(head: str, paper: float) -> Declared:
    return Declared(
        id=f"amplitude-{head}",
        group="saliency",
        claim=f"the amplitude of the input weighs in the prediction of {head}",
        where="Data-driven visualizations",
        paper=paper,
        test=f"{NATURAL}; r of the guided map, which random heads draw too, stops it only below untrained networks'",
        looks=(weighing(head), *follows_input(head)),
    )


def _prototype(
    id: str, claim: str, paper: str, test: str, *looks: Look, undecidable: str = "", untested: str = ""
) -> Declared:
    where = "Network-driven visualizations, Table 6"
    return Declared(id, "prototypes", claim, where, paper, test, looks, undecidable=undecidable, untested=untested)


def _ranking(id: str, claim: str, paper: str, head: str, pairs: Sequence[tuple[str, str]]) -> Declared:
    test = f"paired t tests over {UNITS} of pooled UAR (CCC of values), one per rival"
    looks = tuple(
        compares(f"{TITLES[one]} against {TITLES[other]} on {head}", (one, other), (head,), better, (head,), one, other)
        for one, other in pairs
    )
    return Declared(id, "scores", claim, "Performance comparison, Table 5", paper, test, looks, every=True)


UNITS = "speakers (folds that hold several)"
TREND = "trend of the prototypes in two parametrisations, beyond 20 untrained networks (a condition, without a p)"
FROM_MIDDLE = "the label's distance from the middle of its scale"
ON_SPEECH = "intervention on real slices, beyond untrained networks; against it, if it does less than counts as none"

SALIENCY = (
    _amplitude("arousal", 0.50),
    _amplitude("valence", 0.53),
    Declared(
        id="amplitude-matters",
        group="saliency",
        claim="the louder a part is, the more it weighs in the prediction of both dimensions",
        where="Data-driven visualizations",
        paper="the louder a phoneme is perceived relative to the complete signal, the more influence it has",
        test=f"for both heads: {NATURAL}; deletion of loud segments (silence or noise in their place); r of the guided "
        "map stops it as above",
        looks=tuple(look for head in DIMENSIONS for look in (weighing(head), *deletions(head), *follows_input(head))),
        every=True,
    ),
    Declared(
        id="same-parts",
        group="saliency",
        claim="arousal and valence rest on the same parts of the input",
        where="Data-driven visualizations",
        paper=0.96,
        test="maps of both heads against untrained networks and class swap within a head; overlap of occlusion maps",
        looks=(
            *alike("r of both heads' guided maps", DIMENSIONS, GUIDED, BOTH),
            in_elor("overlap of the tenths most sensitive to occlusion", Role.decides, DIMENSIONS, overlapping),
        ),
    ),
    Declared(
        id="same-features",
        group="saliency",
        claim="both MLPs rely on the same features of the CNN",
        where="Data-driven visualizations",
        paper="mainly on the same parts of the learned representations",
        test="both heads' gradients at the flattened layer, against untrained networks and class swap within a head",
        looks=alike("r of both heads' gradients at the flattened layer", DIMENSIONS, "gradient", FLATTENED),
    ),
    Declared(
        id="mfcc-amplitude",
        group="saliency",
        claim="the amplitude of the signal is absent from MFCCs",
        where="Data-driven visualizations",
        paper="relevant information, which is not represented in the MFCC representation used for the LoM network",
        test="gain on real slices moves no coefficient by more than 0.1 standard deviations over slices",
        looks=(
            Look(
                "amplification: the MFCCs of real slices",
                Role.conditions,
                Needs("features", ("lom",)),
                lambda facts: moved(facts.measured, "lom", "mfcc", "gain"),
            ),
            *(beside(alters(head, "gain", 0, network="lom")) for head in DIMENSIONS),
        ),
        untested=MEASURED,
        nulled=False,
    ),
)

PROTOTYPES = (
    _prototype(
        "arousal-frequencies",
        "more arousal goes with higher frequencies",
        "high frequencies",
        f"{TREND}: spectral centroid; {ON_SPEECH}: high shelf",
        trends("arousal", "centroid_hz", "monotone", "up"),
        alters("arousal", "high_shelf", 1),
    ),
    _prototype(
        "arousal-interruptions",
        "more arousal goes with more interruptions",
        "many interruptions",
        f"{TREND}: number of pauses; {ON_SPEECH}: pauses put in",
        trends("arousal", "pauses", "monotone", "up"),
        alters("arousal", "pause_insertion", 1),
    ),
    _prototype(
        "arousal-peaks",
        "more arousal goes with higher peaks",
        "higher peaks of the amplitude",
        f"{TREND}: highest peak; {ON_SPEECH}: peaks held down at equal RMS",
        trends("arousal", "peak", "monotone", "up"),
        alters("arousal", "peak_limiting", -1),
    ),
    _prototype(
        "arousal-periodic",
        "more arousal goes with longer periodic parts",
        "periodic frequencies for a longer period of time",
        f"{TREND}: longest periodic run",
        trends("arousal", "longest_periodic_s", "monotone", "up"),
        untested=EXPLORATORY,
    ),
    _prototype(
        "arousal-loudness",
        "the overall loudness has no say in arousal",
        "no influence on the prediction of arousal",
        f"the other way round: {NATURAL}",
        weighing("arousal", claimed=False),
    ),
    _prototype(
        "arousal-rate",
        "more arousal goes with a faster speaking rate",
        "a faster-speaking rate",
        f"{ON_SPEECH}: time-stretch",
        alters("arousal", "time_stretch", 1),
    ),
    _prototype(
        "valence-extremes-frequencies",
        "extreme valence goes with high frequencies",
        "an extreme value ... if the signal contains high frequencies",
        f"{TREND}: spectral centroid against {FROM_MIDDLE}; {ON_SPEECH}: high shelf, on its expected value",
        trends("valence", "centroid_hz", "extreme", "up"),
        alters("valence", "high_shelf", 1, EXTREMITY),
        beside(alters("valence", "high_shelf", 0)),  # a push to one side only raises the extremity too
    ),
    _prototype(
        "valence-extremes-periodic",
        "extreme valence goes with longer periodic parts",
        "an extreme value if the signal contains periodic frequencies for a longer period of time",
        f"{TREND}: longest periodic run against {FROM_MIDDLE}",
        trends("valence", "longest_periodic_s", "extreme", "up"),
        untested=EXPLORATORY,
    ),
    _prototype(
        "valence-low-pauses",
        "low valence goes with clear and constant pauses",
        "clear and constant pauses in frequency and duration",
        f"{TREND}: irregularity of pauses, low against high labels; {ON_SPEECH}: pauses put in",
        trends("valence", "pause_irregularity", "low_high", "up"),
        alters("valence", "pause_insertion", -1),
    ),
    _prototype(
        "valence-high-pauses",
        "high valence goes with rarer and longer pauses",
        "pauses that decrease in frequency and increase in duration",
        f"{TREND}: number and mean length of pauses, low against high labels; {ON_SPEECH}: longer pauses",
        trends("valence", "pauses", "low_high", "down"),
        trends("valence", "pause_mean_s", "low_high", "up"),
        alters("valence", "pause_lengthening", 1),
    ),
    _prototype(
        "valence-low-louder",
        "low valence goes with louder speech",
        "a lower value if the signal is louder ... a more quiet speech seems to indicate a more negative ... state",
        f"the direction only: {ON_SPEECH}: gain; {TREND}: level, low against high labels",
        alters("valence", "gain", -1),
        trends("valence", "rms_dbfs", "low_high", "down"),
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
    Declared(
        id="arousal-easier",
        group="scores",
        claim="arousal is easier to predict than valence",
        where="Performance comparison, Table 5",
        paper="generally higher",
        test=f"paired t test over {UNITS} of mean UAR (CCC of values) over networks",
        looks=(
            compares("arousal against valence, mean over networks", NETWORKS, DIMENSIONS, easier, "arousal", "valence"),
        ),
    ),
    Declared(
        id="war-above-uar",
        group="scores",
        claim="WAR lies above UAR",
        where="Performance comparison, Table 5",
        paper="on average higher",
        test=f"paired t test over {UNITS} of the mean over networks and dimensions",
        looks=(
            compares(
                "WAR against UAR, mean over networks and dimensions",
                NETWORKS,
                DIMENSIONS,
                weighted_above,
                DIMENSIONS,
                source="recall",
            ),
        ),
    ),
    Declared(
        id="learned-beats-handcrafted",
        group="scores",
        claim="learned representations perform better than handcrafted features",
        where="Conclusion",
        paper="learned representations perform better",
        test=f"paired t test over {UNITS} of ELoR against FTR, mean over both dimensions",
        looks=(
            compares(
                "ELoR against FTR, mean over both dimensions",
                ("elor", "ftr"),
                DIMENSIONS,
                better,
                DIMENSIONS,
                "elor",
                "ftr",
            ),
        ),
    ),
)

CORPUS = (
    Declared(
        id="extreme-valence-aroused",
        group="corpus",
        claim="a more extreme valence goes with high arousal",
        where="Conclusion",
        paper="a more extreme value on valence is correlated with high arousal",
        test="Spearman's r per speaker of valence's distance from the middle of its scale with arousal, in the labels "
        "(against it: below 0.1); in ELoR's predictions it is told beside, since the claim is of the corpus",
        looks=(
            Look(
                "Spearman's r in the labels",
                Role.decides,
                Needs("labels", heads=DIMENSIONS),
                lambda facts: extremes(facts.scored),
            ),
            Look(
                "Spearman's r in ELoR's predictions",
                Role.illustrates,
                Needs("labels", ("elor",), DIMENSIONS),
                lambda facts: within(facts.measured, "elor", DIMENSIONS, lambda _: extremes(facts.scored, "elor")),
            ),
        ),
        nulled=False,
    ),
    Declared(
        id="rater-balanced",
        group="corpus",
        claim="the chosen evaluator's ratings are more balanced than the others'",
        where="IEMOCAP dataset",
        paper="more balanced over the complete valence–arousal space",
        test="paired t tests over speakers of the entropy of the valence-arousal cells on common utterances, per rater",
        looks=(
            Look(
                "evenness over the valence-arousal cells, on common utterances",
                Role.decides,
                Needs("raters", heads=DIMENSIONS),
                lambda facts: balance(facts.scored),
            ),
        ),
        every=True,
        nulled=False,
    ),
)

CLAIMS: tuple[Declared, ...] = (*SALIENCY, *PROTOTYPES, *SCORES, *CORPUS)
