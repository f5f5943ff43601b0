"""The first screen: what the page's title asks, answered; what holds and what does not; where the numbers come from."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from elor.corpora.faults import joined, plural
from elor.evidence.claims import Claim, Claims
from elor.evidence.names import Case, Control, Verdict
from elor.evidence.saliency import Pair, Saliency
from elor.report.results import SHUFFLED, Results, labelled, title
from elor.report.text import number

PAPER = (
    "Wieser, Barros, Heinrich, Wermter: Understanding auditory representations of emotional expressions with neural "
    "networks. Neural Computing and Applications 32 (2020)"
)
DOI = "10.1007/s00521-018-3869-3"

ABOUT_HEARING = ("saliency", "prototypes")
"""Groups of claims that are about what networks hear; the others are about scores and ratings alone."""

CONTROLS = {Control.initial: "untrained networks", Control.heads: "random heads"}
"""Controls in the figure, in its words."""

OPEN = {
    Case.disagree: "because their pieces of evidence disagree",
    Case.chance: "because what was found is no more than chance may do",
    Case.missing: "because a piece of evidence could not be had",
    Case.undecidable: "because nothing here could decide them",
}
"""Why a claim is undecided, by its row in the table of cases."""


@dataclass(frozen=True)
class Sentence:
    """A sentence that ends in claims, which link to their cards."""

    lead: str
    claims: Sequence[Claim] = ()


def answers(saliency: Saliency) -> Iterator[dict[str, Any]]:
    """The figure: r of a map and the input, and of the two maps, in the paper, here, and without training."""
    pairs = saliency.own.get("guided", {})
    for pair, entry in sorted(pairs.items(), key=lambda item: not item[0].endswith("~input")):
        decides, known = entry.decisive, {"row": what(pair), "chance": 0.0}
        if entry.paper is not None:
            yield known | {"series": "the paper", "kind": "paper", "value": entry.paper, "low": None, "high": None}
        estimates = {"here": entry.readings[decides].trained}
        estimates |= {
            words: entry.controls[name].readings[decides]
            for name, words in CONTROLS.items()
            if name in entry.controls and decides in entry.controls[name].readings
        }
        for name, one in estimates.items():
            kind = "network" if name == "here" else "control"
            yield known | {"series": name, "kind": kind, "value": one.r, "low": one.low, "high": one.high}


def what(pair: str) -> str:
    """What is correlated, short: `arousal map ~ input`."""
    one, _, other = pair.partition("~")
    return f"{one} map and input" if other == "input" else f"{one} and {other} map"


def sentences(results: Results, saliency: Saliency, claims: Claims | None) -> Iterator[Sentence]:
    """Five sentences at most: the answer, what holds, what does not, what stays open and why; before them, of a run on
    shuffled labels, that it is one."""
    if results.shuffled:
        yield Sentence(f"{SHUFFLED.capitalize()}. What is found here, chance finds.")
    pairs = saliency.own.get("guided", {})
    heads = {pair.partition("~")[0]: entry for pair, entry in pairs.items() if pair.endswith("~input")}
    if heads:
        where = joined(list(heads))
        yield Sentence(f"The map follows the input's amplitude with {_beside(heads.values())} ({where}).")
    both = {pair: entry for pair, entry in pairs.items() if not pair.endswith("~input")}
    if both:
        which = "the two heads" if len(both) == 1 else f"two heads, {joined([_pair(pair) for pair in both])},"
        yield Sentence(f"The maps of {which} are alike with {_beside(both.values())}.")
    if claims is None or not claims.claims:
        return
    yield _holding(claims)
    yield _failing(claims)
    if sentence := _open(claims, results.any_scores["speakers"], results.protocol.get("folds", 0)):
        yield sentence


def provenance(results: Results, settings: Mapping[str, Any], versions: Sequence[str], demo: bool) -> dict[str, str]:
    """Where the numbers come from, by name; what differs from run to run is not among it.

    Args:
        results: scores and the corpus.
        settings, versions, demo: see `elor.report.page.Making`.
    """
    corpus, scores = results.corpus, results.any_scores
    size = f"{plural(corpus['utterances'], 'utterance')}, {corpus['minutes']:.0f} min, of {corpus['speakers']}"
    speech = (
        f"synthetic speech, made by this repository: {size} invented speakers. No person is heard, and the ratings are "
        "those of invented raters"
        if demo
        else f"an outside corpus: {size} speakers"
    )
    best = [
        f"{dimension} {title(net)} {number(values[results.headline])}"
        for dimension, networks in results.scores.items()
        for net, values in [max(networks.items(), key=lambda item: item[1][results.headline] or 0.0)]
    ]
    packages = [one for one in versions if "==" in one]
    made = [f"{name} {settings[name]}" for name in ("profile", "seed") if name in settings]
    ensembles = (
        f"{results.ensembles}, which is scored, and whose scores say whether a head has learned; maps, prototypes, "
        "interventions and training curves are those of the first alone"
    )
    shuffled = f" ({SHUFFLED})" if results.shuffled else ""
    said = {"Networks": [ensembles] if results.ensembles else [], "Parameters": made, "Packages": packages}
    return {
        "Corpus": f"{speech[0].upper()}{speech[1:]}.",
        "Tests": f"{plural(scores['count'], 'slice')} {labelled(results)}{shuffled}, each by networks that have not "
        f"heard its {results.withheld}. Best {results.score}: {', '.join(best)}.",
    } | {name: f"{', '.join(some)}." for name, some in said.items() if some}


def _beside(entries: Any) -> str:
    """r here, in the paper and in untrained networks: `r = 0.36 and 0.34; 0.50 and 0.53 in the paper, ..`."""
    entries = list(entries)
    here = _listed(entry.readings[entry.decisive].trained.r for entry in entries)
    paper, initial = _listed(entry.paper for entry in entries), _listed(map(_initial, entries))
    beside = [f"{paper} in the paper"] * bool(paper) + [f"{initial} in networks that were never trained"] * bool(
        initial
    )
    return f"r = {'; '.join([here, ', '.join(beside)] if beside else [here])}"


def _pair(pair: str) -> str:
    return pair.replace("~", " and ")


def _initial(entry: Pair) -> float | None:
    known = entry.controls.get("initial")
    return None if known is None or entry.decisive not in known.readings else known.readings[entry.decisive].r


def _listed(values: Any) -> str:
    known = [number(value, 2) for value in values if value is not None]
    return joined(known) if known else ""


def _holding(claims: Claims) -> Sentence:
    """What holds, and how much of it is about scores or ratings alone."""
    holding = [row for row in claims.claims if row.verdict is Verdict.holds]
    if not holding:
        return Sentence(f"None of the paper's {plural(len(claims.claims), 'claim')} holds.")
    easy = [row for row in holding if row.group not in ABOUT_HEARING]
    verb = "hold" if len(holding) > 1 else "holds"
    which = "all" if len(easy) == len(holding) else "the last" if len(easy) == 1 else f"the last {len(easy)}"
    about = f", {which} about scores or ratings alone, not about what a network hears" if easy else ""
    return Sentence(
        f"Of the paper's {plural(len(claims.claims), 'claim')} {len(holding)} {verb} here{about}",
        [row for row in holding if row not in easy] + easy,
    )


def _failing(claims: Claims) -> Sentence:
    """What is contradicted, and how much goes no further than untrained networks."""
    against = [row for row in claims.claims if row.verdict is Verdict.contradicted]
    indistinct = sum(row.verdict is Verdict.indistinct for row in claims.claims)
    same = (
        f"{indistinct} {'go' if indistinct > 1 else 'goes'} no further than in untrained networks" if indistinct else ""
    )
    if not against:
        return Sentence(f"None is contradicted{f'; {same}' if same else ''}.")
    verb = "are" if len(against) > 1 else "is"
    return Sentence(f"{f'{same[0].upper()}{same[1:]}; ' if same else ''}{len(against)} {verb} contradicted", against)


def _open(claims: Claims, speakers: int, folds: int) -> Sentence | None:
    """How many claims stay open, why, and how many speakers, or folds of them, would have decided them."""
    undecided = [row for row in claims.claims if row.verdict in (Verdict.undecided, Verdict.disagree)]
    unlearned = sum(row.verdict is Verdict.unlearned for row in claims.claims)
    if not undecided and not unlearned:
        return None
    reasons = [
        f"{count} {OPEN[case]}" for case, count in Counter(row.case for row in undecided).items() if case in OPEN
    ]
    reasons += [f"{unlearned} because a head has not learned"] if unlearned else []
    chance = [row.needed for row in undecided if row.case is Case.chance and row.needed]
    would = ""
    for unit, there, verb in (("speaker", speakers, "spoke"), ("fold", folds, "were tested")):
        beyond = sorted(one.decided for one in chance if one.unit == unit and (one.decided or 0) > there)
        if beyond:
            would += f" ({there} {unit}s {verb}; {_span(beyond)} would have decided {len(beyond)} of these)"
    verb = "stay" if len(undecided) + unlearned > 1 else "stays"
    return Sentence(f"{len(undecided) + unlearned} {verb} open: {', '.join(reasons)}{would}.")


def _span(counts: Sequence[int]) -> str:
    """`52`, or `16 to 654`."""
    return f"{counts[0]:,}" if counts[0] == counts[-1] else f"{counts[0]:,} to {counts[-1]:,}"
