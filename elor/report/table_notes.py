"""What one must know to trust the tables of results: notes on how to read them, on the corpus and on the protocol."""

import math
from collections.abc import Iterator
from typing import Any

from elor.corpora.faults import joined, plural
from elor.registry import ON_VECTORS
from elor.report.results import SHUFFLED, Results, labelled, title
from elor.report.text import Notes, number, p_value
from elor.vectors import Vectors

MOST_DEVIATIONS = 3
"""Deviations of the corpus that are spelt out."""

FEWEST_SPEAKERS = 3
"""As `elor.evaluation.intervals.SPEAKERS_FOR_INTERVAL`, which loads scipy: `elor results` starts without it."""


def few_speakers(found: Results) -> Notes | None:
    """What is to be said where speakers are too few for any interval and any test."""
    speakers = found.any_scores["speakers"]
    if speakers >= FEWEST_SPEAKERS:
        return None
    what = "one speaker" if speakers == 1 else "two speakers"
    return Notes(
        f"No interval respects speakers here: there {'is' if speakers == 1 else 'are'} only {what}",
        (
            "The numbers describe these recordings and nothing beyond them, and p of differences says nothing about "
            "other speakers. Three are the fewest for an interval, and ten are few.",
        ),
    )


def contradictions(found: Results) -> Notes | None:
    """The comparisons whose interval says one thing and whose p another, and why that can be."""
    confidence = found.protocol.get("confidence")
    if confidence is None:
        return None
    items = [
        f"{test['dimension']}, {title(test['a'])} - {title(test['b'])}: the interval "
        f"{'holds' if _holds_zero(test) else 'excludes'} 0, but p is {p_value(test['p']).replace('<', 'below ')}."
        for test in found.comparisons["comparisons"]
        if _contradicts(test, 1 - confidence)
    ]
    if not items:
        return None
    why = (
        "The interval is about the size of the pooled difference, and one speaker who carries much of it makes it "
        "wide; the test asks whether the two networks' answers could be exchanged speaker by speaker. Where they "
        "disagree, the difference is open. Intervals are not corrected for several comparisons, p Holm is."
    )
    return Notes("Interval and test disagree", (*items, why))


def reading(found: Results) -> Notes:
    """What the columns mean."""
    score = found.score
    items = [
        "Intervals: jackknife t over speakers, since the slices of a speaker are not independent. They hold for these "
        "trained networks: the seed, and training sets that overlap between folds, are not in them.",
        *_classes(found, score),
        *_joint(found),
        f"{score} utterances: predictions averaged over each utterance. p: how often labels permuted within speakers "
        f"reach this {score}, by slice and by utterance.",
    ]
    items += _cautions(found)
    if found.has(f"selection_gap_{found.headline}"):
        which = (
            "UAR"
            if found.headline == "uar"
            else "the mean over folds of CCC (the column CCC folds, not the pooled CCC of the first table)"
        )
        whose = ", of each fold's first network alone" if found.ensembles else ""
        items.append(f"gap: what {which} would have gained by picking the epoch on the test part{whose}.")
    return Notes("How to read it", tuple(items + list(_tests(found)) + list(_ceiling(found))))


def setting(found: Results) -> Notes:
    """Corpus, protocol, and what the search has seen of test speakers."""
    corpus, protocol = found.corpus, found.protocol
    items = [
        f"Corpus: {plural(corpus['utterances'], 'utterance')}, {_labelled(found)}; {corpus['minutes']:.1f} min, "
        f"{plural(corpus['speakers'], 'speaker')}, {plural(corpus['ratings'], 'rating')}."
    ]
    if found.shuffled:
        items.insert(0, f"{SHUFFLED.capitalize()}. What is found here, chance finds.")
    if left := protocol.get("heads_left_out"):
        items.append(f"Scored: {', '.join(found.scores)} only, as --head asks; not scored: {', '.join(left)}.")
    if deviations := corpus.get("deviations"):
        more = len(deviations) - MOST_DEVIATIONS
        rest = f"; and {more} more" if more > 0 else ""
        items.append(f"Its deviations: {'; '.join(deviations[:MOST_DEVIATIONS])}{rest}.")
    if "folds" in protocol:
        items.append(
            f"Protocol {protocol['protocol']}: {plural(protocol['folds'], 'fold')}{_held(protocol)}. Summed over them, "
            f"training and validation share {plural(protocol['shared_speakers'], 'speaker')} and "
            f"{plural(protocol['split_utterances'], 'utterance')}, training and test {_heard(protocol)} "
            f"{plural(protocol['shared_sessions'], 'session')}."
        )
    else:
        items.append("No folds: each speaker counts as one, and the guesses know the labels of all other speakers.")
    items += [f"{title(name)}: {'; '.join(said)}." for name, said in found.heard.items()]
    if found.ensembles:
        items.append(f"Networks: {found.ensembles}, which is scored.")
    readers = [title(name) for name in ON_VECTORS if name in next(iter(found.scores.values()))]
    if readers and (vectors := protocol.get("vectors")):
        items.append(f"{', '.join(readers)} read {Vectors(**vectors)}.")
    seen: dict[str, list[str]] = {}
    for network, sentence in protocol.get("search_has_seen", {}).items():
        seen.setdefault(sentence, []).append(title(network))
    items += [f"Search ({', '.join(networks)}): {sentence}" for sentence, networks in seen.items()]
    return Notes("Corpus and protocol", tuple(items))


def _held(protocol: dict[str, Any]) -> str:
    """What is tested of which the networks never heard, where it is not the speaker."""
    column = protocol.get("hold_out", "speaker")
    return "" if column == "speaker" else f", each of which tests a {column} that its networks never heard"


def _heard(protocol: dict[str, Any]) -> str:
    """Whether test speakers were heard in training."""
    heard = protocol.get("heard_speakers", 0)
    return f"{plural(heard, 'speaker')} (so the scores are not of new voices) and" if heard else "no speaker but"


def _joint(found: Results) -> Iterator[str]:
    """How often a network is right on all dimensions at once, where they have classes."""
    scores = next(iter(found.scores.values()))
    right = {title(net): one["joint_war"] for net, one in scores.items() if "joint_war" in one}
    if right:
        first = [next(iter(networks.values())) for networks in found.scores.values()]
        combinations = math.prod(sum(key.startswith("recall_") for key in one) for one in first)
        said = ", ".join(f"{name} {number(value)}" for name, value in right.items())
        both = "both" if len(found.scores) == 2 else "all"
        yield f"{joined(list(found.scores))} {both} right, one of {combinations} combinations: {said}."


def _holds_zero(test: dict[str, Any]) -> bool:
    return test["ci_low"] <= 0 <= test["ci_high"]


def _contradicts(test: dict[str, Any], level: float) -> bool:
    known = None not in (test["p"], test["ci_low"], test["ci_high"])
    return known and _holds_zero(test) == (test["p"] <= level)


def _classes(found: Results, score: str) -> Iterator[str]:
    """Which classes a score goes over, what a mean over folds does, and how few slices the rarest class has."""
    first = {dimension: next(iter(networks.values())) for dimension, networks in found.scores.items()}
    for dimension, scores in first.items():
        recalls = [value for key, value in scores.items() if key.startswith("recall_")]
        occurring = sum(value is not None for value in recalls)
        if 0 < occurring < len(recalls):
            yield (
                f"UAR of {dimension} is a mean over the {occurring} of {len(recalls)} classes that occur: whoever "
                f"always answers one of them reaches {number(1 / occurring)}, who answers any of the "
                f"{len(recalls)} {number(1 / len(recalls))}; to answer with one that does not occur is never right. "
                "It is not comparable with UAR over all classes."
            )
    lacking = {dimension: scores.get("folds_lacking_a_class", 0) for dimension, scores in first.items()}
    some = [f"{dimension} {count}" for dimension, count in lacking.items() if count]
    if not some:
        yield f"{score} folds: mean over folds."
    else:
        folds = found.protocol.get("folds") or found.any_scores["speakers"]
        yield (
            f"{score} folds: mean over {plural(folds, 'fold')}, each over the classes that it has; folds that lack a "
            f"class: {', '.join(some)}. There it is not comparable with the pooled {score}."
        )
    rare = [f"{dimension} {_rarest(scores)}" for dimension, scores in first.items() if "fewest_of_a_class" in scores]
    if rare:
        yield (
            f"Fewest slices of a class, and fewest speakers: {', '.join(rare)}. Where they are few, intervals are too "
            "narrow."
        )


def _cautions(found: Results) -> Iterator[str]:
    """What speaks against single intervals, each sentence once."""
    named: dict[str, list[str]] = {}
    for dimension, networks in found.scores.items():
        for network, scores in networks.items():
            if (caution := scores.get("caution")) and scores["speakers"] >= FEWEST_SPEAKERS:
                named.setdefault(caution, []).append(f"{dimension} {title(network)}")
    return (f"{', '.join(names)}: {caution}" for caution, names in named.items())


def _rarest(scores: dict[str, Any]) -> str:
    """How many slices the rarest class has, and how few speakers a class."""
    speakers = scores.get("fewest_speakers_of_a_class")
    by = "" if speakers is None else f" and {speakers} of {scores['speakers']}"
    return f"{scores['fewest_of_a_class']}{by}"


def _tests(found: Results) -> Iterator[str]:
    """How differences were tested, and the smallest p that so few speakers allow."""
    tests = found.comparisons["comparisons"]
    if not tests:
        return
    exact, patterns = all(test["exact"] for test in tests), tests[0]["patterns"]
    family = "" if found.declared else ", all pairs of the files and none of them declared beforehand"
    yield (
        f"p of a difference: {'all' if exact else 'random'} {plural(patterns, 'sign flip')} over speakers, two-sided; "
        f"p Holm: corrected for {plural(len(tests), 'comparison')}{family}."
    )
    if exact and patterns and 1 / patterns > 1 - found.protocol.get("confidence", 0.95):
        yield f"So few speakers allow no p below {number(1 / patterns)}: no difference can be shown, however large."


def _labelled(found: Results) -> str:
    """How many utterances have the labels, and whose these are."""
    if not found.ordered:
        return f"{found.any_scores['utterance_count']:,} of them {labelled(found)}"
    labels = found.corpus["labels"]
    if found.averaged and labels["rater"] != "mean":  # the count there is of the one rater's
        return f"{found.any_scores['utterance_count']:,} of them tested, {labelled(found)}"
    return f"{labels['utterances']:,} of them {labelled(found)}"


def _theirs(found: Results) -> str:
    return found.reference if "mean" in found.reference else f"{found.reference}'s"


def _ceiling(found: Results) -> Iterator[str]:
    """How well people agree, as far as the corpus has several ratings of an utterance."""
    for others in list(found.people.values())[:1]:  # raters count with both dimensions or with none
        yield (
            f"Other evaluators, the human ceiling: {plural(others['ratings'], 'rating')} of "
            f"{plural(others['utterances'], 'utterance')} as predictions of {_theirs(found)}."
        )
    if note := found.agreement.get("note"):
        yield note
    alphas = {name: part["alpha"] for name, part in found.agreement.items() if isinstance(part, dict)}
    known = [f"{name} {number(alpha)}" for name, alpha in sorted(alphas.items()) if alpha is not None]
    if not known:
        yield "No utterance has ratings of several evaluators that differ: there is no human ceiling."
        return
    what = {1: "", 2: " on both"}.get(len(alphas), " on all")
    yield (
        f"Evaluators among themselves: Krippendorff's ordinal alpha {', '.join(known)}; all agree{what} in "
        f"{100 * found.agreement['exact']:.0f} % of {plural(found.agreement['exact_utterances'], 'utterance')}."
    )
