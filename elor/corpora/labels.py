"""From ratings to what a network learns: the rule, the choice of the rater, and the kinds of target.

A rating x on a declared range low..high becomes the nearest of `classes` equally spaced points, ties upward:
floor((x - low) / (high - low) * (classes - 1) + 1/2). On 1..5 with five classes that is x - 1, so the paper's
classes are 0-based. Only an evaluator's ratings count, never a speaker's own, and only those that give all dimensions
that are learned.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd

from elor.corpora.faults import joined, plural
from elor.corpora.schema import Tables
from elor.corpora.shuffle import shuffled
from elor.errors import UserError
from elor.targets import EMOTIONS, FLOOR, Target

MEAN = "mean"
"""The rater that stands for the mean of all evaluators."""

GOLD = "gold"
"""The rater of a manifest that names none."""

_EMOTION_CLASS = {
    **dict.fromkeys(("ang", "angry", "anger"), 0),
    **dict.fromkeys(("hap", "happy", "happiness", "exc", "excited", "excitement"), 1),
    **dict.fromkeys(("sad", "sadness"), 2),
    **dict.fromkeys(("neu", "neutral"), 3),
}


_SPELT = {"joy": "happy", "joyful": "happy", "rage": "angry", "mad": "angry", "sorrow": "sad", "unhappy": "sad"}
"""What other corpora call the emotions; offered, never taken for them."""


def emotion_key(name: str) -> int | str:
    """What two names of one emotion share: the class, of others the name in small letters."""
    plain = name.strip().lower()
    return _EMOTION_CLASS.get(plain, plain)


def emotion_classes(utterances: pd.DataFrame) -> pd.Series:
    """The class of each utterance's emotion, 0..3 for `elor.targets.EMOTIONS`; missing where it is none of them."""
    return utterances.emotion.str.strip().str.lower().map(_EMOTION_CLASS)


def other_emotions(utterances: pd.DataFrame) -> dict[str, int]:
    """How many utterances have which emotion that is no class, by its name."""
    names = utterances.emotion[emotion_classes(utterances).isna() & (utterances.emotion.str.strip() != "")]
    return {str(name): int(count) for name, count in names.value_counts().sort_index().items()}


def not_learned(others: Mapping[str, int]) -> str:
    """A sentence on emotions that are no class, with close spellings; empty if there are none."""
    if not others:
        return ""
    known = (*_EMOTION_CLASS, *_SPELT)
    texts = []
    for name, count in others.items():
        close = next(iter(get_close_matches(name.lower(), known, 1, 0.75)), "")
        texts.append(f"{name} ({count:,}{f'; or {_SPELT.get(close, close)}?' if close else ''})")
    return f"emotions that are none of {', '.join(EMOTIONS)}, left out: {', '.join(texts)}"


def scaled(ratings: np.ndarray, classes: int, low: float, high: float) -> np.ndarray:
    """Map ratings on low..high to the scale of the classes, 0 .. classes-1, without rounding.

    Raises:
        UserError: if there are fewer than two classes, the range is empty, or a rating is not a number or lies outside
            the range.
    """
    if classes < 2:
        raise UserError(f"labels.classes is {classes}; at least 2 are needed.")
    if not low < high:
        raise UserError(f"The range of the labels is {low:g}..{high:g}; low must lie below high.")
    values = np.asarray(ratings, dtype=np.float64)
    if not ((values >= low) & (values <= high)).all():
        found = f"{np.nanmin(values):g}..{np.nanmax(values):g}" if np.isfinite(values).any() else "no number"
        raise UserError(
            f"The ratings ({found}) lie outside the declared range {low:g}..{high:g}; set corpus.low and corpus.high, "
            "or --low and --high, to the ends of the corpus' scale."
        )
    return (values - low) / (high - low) * (classes - 1)


def to_class(ratings: np.ndarray, classes: int, low: float, high: float) -> np.ndarray:
    """Map ratings on low..high to the nearest class, ties upward.

    Returns:
        int64 of the shape of `ratings`, 0 .. classes-1.

    Raises:
        UserError: as `scaled`.
    """
    points = scaled(ratings, classes, low, high)
    return np.floor(np.round(points + 0.5, 9)).astype(np.int64)  # rounded: 0.3 * 5 must stay the tie that it is


def evaluations(ratings: pd.DataFrame, dimensions: Sequence[str]) -> pd.DataFrame:
    """The ratings that count: by an evaluator, with all of these dimensions given."""
    return ratings[(ratings.kind == "evaluator") & ratings[list(dimensions)].notna().all(axis="columns")]


def choose_rater(ratings: pd.DataFrame, rater: str, target: Target) -> str:
    """The rater that labels: the one asked for, or `gold` where nobody else rated.

    Nobody need have rated anything where emotions are the target.

    Raises:
        UserError: if nobody rated, or the rater is absent or is a speaker on her own speech; lists who rated.
    """
    evaluators = evaluations(ratings, target.dimensions).rater.value_counts().sort_index()
    if evaluators.empty and target.rated:
        others = [name for name in target.dimensions if len(evaluations(ratings, [name]))]
        raise UserError(
            f"The corpus holds no evaluator's rating of {joined(target.dimensions)}; there is nothing to learn but "
            + (f"{joined(others)}, as labels.dimensions or --head, or " if others else "")
            + "emotion, as labels.target, --target or --emotion."
        )
    if evaluators.empty or list(evaluators.index) == [GOLD]:
        return GOLD
    if rater == MEAN or rater in evaluators.index:
        return rater
    found = ", ".join(f"{name} ({count:,} utterances)" for name, count in evaluators.items())
    if rater in set(ratings.rater[ratings.kind == "self"]):
        raise UserError(
            f"labels.rater {rater} is a speaker's report on herself; choose {found} or {MEAN}, by "
            "labels.rater or --rater."
        )
    raise UserError(
        f"labels.rater {rater} rated nothing in this corpus; choose {found} or {MEAN}, by labels.rater or --rater."
    )


def label(tables: Tables, rater: str, target: Target, low: float, high: float) -> Tables:
    """Fill the dimensions of the utterances by one evaluator, or by the mean of all.

    Args:
        tables: what a source read.
        rater: an evaluator's name, or `mean`. A corpus whose only rater is `gold` is labelled by it.
        target: what the networks learn; `emotion` needs no ratings.
        low: lower end of the declared range of the ratings.
        high: upper end.

    Returns:
        The same tables with labels, missing where the rater gave none, and `report["labels"]`. A dimension that is not
        the target's stays without labels.

    Raises:
        UserError: if the rater is not to be had, there are fewer than two classes, or the range is empty.
    """
    used = choose_rater(tables.ratings, rater, target)
    chosen = evaluations(tables.ratings, target.dimensions)
    if used != MEAN:
        chosen = chosen[chosen.rater == used]
    means = chosen.groupby("utterance")[list(target.dimensions)].mean()
    utterances = tables.utterances.copy()
    for dimension in target.dimensions:
        labels = pd.Series(to_class(means[dimension].to_numpy(), target.classes, low, high), index=means.index)
        utterances[dimension] = utterances.utterance.map(labels).astype("Int64")
    report = _label_report(tables, utterances, rater, used, target) | {"range": [low, high]}
    if not target.rated:
        report |= _emotion_report(utterances)
    return replace(tables, utterances=utterances, report=tables.report | {"labels": report})


def targets(
    utterances: pd.DataFrame, ratings: pd.DataFrame, target: Target, low: float, high: float, shuffle: int | None = None
) -> pd.DataFrame:
    """What the networks learn, for the utterances that have it.

    Args:
        utterances: labelled, as `label` left them.
        ratings: all ratings; `regression`, `spread` and `distribution` look at every evaluator's.
        target: `classes`: of every dimension, by the chosen rater; `regression`: means over evaluators as floats on
            0 .. classes-1; `spread`: the same, and the standard deviation of the ratings as `<dimension>_deviation`, of
            utterances that two evaluators or more rated; `distribution`: rounded means, and the share of evaluators per
            class as `<dimension>_p<k>`;
            `emotion`: 0..3 for `elor.targets.EMOTIONS`.
        low: lower end of the declared range of the ratings.
        high: upper end.
        shuffle: the seed of a run that learns `shuffled` targets; None: they stay where they are.

    Returns:
        `utterance` and the target's columns, in the order of `utterances`.

    Raises:
        UserError: if no utterance has it; for `spread` also if none has two raters.
    """
    names = [head.name for head in target.heads]
    if target.averaged:
        means = _means(evaluations(ratings, target.dimensions), target, low, high)
        found = utterances[["utterance"]].merge(means, on="utterance")
    else:
        known = utterances if target.rated else utterances.assign(emotion=emotion_classes(utterances))
        names = list(target.dimensions) if target.rated else names
        found = known[["utterance", *names]].dropna().astype(dict.fromkeys(names, "int64"))
    if found.empty:
        why = "" if target.rated else not_learned(other_emotions(utterances))
        raise UserError(
            f"No utterance of this corpus has what labels.target {target.kind} asks for{f' ({why})' if why else ''}; "
            "choose another target."
        )
    found = found.reset_index(drop=True)
    return found if shuffle is None else shuffled(found, utterances, shuffle)


def _means(ratings: pd.DataFrame, target: Target, low: float, high: float) -> pd.DataFrame:
    """Mean ratings by utterance, as values, perhaps with their deviations; or rounded, with the raters' shares."""
    rated = ratings.groupby("utterance")[list(target.dimensions)]
    means = rated.mean()
    convert = to_class if target.soft else scaled
    found = means.apply(lambda column: convert(column.to_numpy(), target.classes, low, high))
    for dimension in target.dimensions if target.soft else ():
        votes = pd.Series(to_class(ratings[dimension].to_numpy(), target.classes, low, high), index=ratings.index)
        shares = pd.crosstab(ratings.utterance, votes, normalize="index").reindex(
            columns=range(target.classes), fill_value=0.0
        )
        found = found.join(shares.add_prefix(f"{dimension}_p"))
    if target.spread:
        deviations = rated.std(ddof=1).dropna() * (target.classes - 1) / (high - low)
        _say_who_has_one_rater(len(means), len(deviations))
        found = found.join(deviations.add_suffix("_deviation"), how="inner")
    return found.reset_index()


def _say_who_has_one_rater(rated: int, several: int) -> None:
    """Of one rating there is no spread: such utterances are left out, a corpus of nothing else is refused.

    Raises:
        UserError: if no utterance has two ratings.
    """
    if not several:
        raise UserError(
            f"labels.target spread learns how far raters lie apart, and each of the {rated:,} rated utterances of this "
            "corpus has one evaluator's rating alone; choose regression, or give a corpus with several raters."
        )
    if several < rated:
        print(f"labels.target spread: {plural(rated - several, 'utterance')} of one rater left out.", file=sys.stderr)


def check_disagreement(found: pd.DataFrame, target: Target) -> None:
    """Refuse to learn how far raters lie apart where they do so everywhere alike.

    Args:
        found: what is learned, as `targets` returned it.
        target: what it is.

    Raises:
        UserError: if it is a spread, and all deviations of a dimension are the same, or below what is told apart.
    """
    for name in target.dimensions if target.spread else ():
        deviations = np.maximum(found[f"{name}_deviation"].to_numpy(dtype=float), FLOOR)  # as the loss counts them
        if len(deviations) > 1 and np.ptp(deviations) < 1e-9:
            raise UserError(
                f"labels.target spread learns where raters lie far apart and where they do not, but of {name} their "
                f"deviation counts as {deviations[0]:.2f} classes in each of {len(found):,} utterances: there is no "
                f"disagreement to learn; choose regression, or leave {name} out of labels.dimensions."
            )


def _emotion_report(utterances: pd.DataFrame) -> dict[str, Any]:
    """How much of which emotion, and the names and counts of those that are no class."""
    found = emotion_classes(utterances)
    rated, others = utterances[found.notna()], other_emotions(utterances)
    return {
        "utterances": len(rated),
        "left_out": {
            "without_emotion": int((utterances.emotion.str.strip() == "").sum()),
            "other_emotions": sum(others.values()),
        },
        "other_emotions": others,
        "by_speaker": {str(name): int(n) for name, n in rated.speaker.value_counts().sort_index().items()},
        "emotion": np.bincount(found.dropna().to_numpy("int64"), minlength=len(EMOTIONS)).tolist(),
    }


def _label_report(tables: Tables, utterances: pd.DataFrame, rater: str, used: str, target: Target) -> dict[str, Any]:
    """Who labelled, how much of what, and why the other utterances have no label."""
    rated = utterances[utterances[target.dimensions[0]].notna()]
    by = tables.ratings[(tables.ratings.kind == "evaluator") & ((used == MEAN) | (tables.ratings.rater == used))]
    incomplete = set(by.utterance) - set(rated.utterance)
    return {
        "rater": used,
        "asked_for": rater,
        "classes": target.classes,
        "utterances": len(rated),
        "left_out": {
            "not_rated_by_rater": len(utterances) - len(rated) - len(incomplete),
            "rating_incomplete": len(incomplete),
        },
        "by_speaker": {str(name): int(n) for name, n in rated.speaker.value_counts().sort_index().items()},
        **{
            name: np.bincount(rated[name].to_numpy("int64"), minlength=target.classes).tolist()
            for name in target.dimensions
        },
    }
