"""A corpus against what it should be: readable, complete, rated, with speakers enough."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from elor.audio import Sounds, Stereo
from elor.check import Finding
from elor.corpora.copies import copies, find_copies, listen, named
from elor.corpora.faults import listed, plural
from elor.corpora.labels import choose_rater, evaluations, label, not_learned, targets
from elor.corpora.reader import open_corpus
from elor.corpora.schema import Tables
from elor.corpora.sources import Opened, learned, learned_from, read, sounds_of, texts_by_utterance
from elor.corpora.texts import texts_of
from elor.corpus_params import Source
from elor.errors import UserError
from elor.features.slices import plan_slices
from elor.targets import Target
from elor.training.folds import FEWEST, check_column, held_out

FEWEST_SPEAKERS = 3
"""Fewer cannot be split into training, validation and test."""

NARROW = 0.5
"""Share of the declared range of which ratings should use more than that: with less, it may be another scale's."""

FEW = f"give a corpus of at least {FEWEST_SPEAKERS} speakers: fewer cannot be split"


@dataclass(frozen=True)
class Wanted:
    """What params.yaml asks of a corpus; the defaults are the paper's."""

    rater: str = "E-2"
    target: str = "classes"
    classes: int = 5
    dimensions: tuple[str, ...] = Target.dimensions
    low: float = 1.0
    high: float = 5.0
    stereo: Stereo = "error"
    partial: bool = False
    minimum_s: float = 0.0

    def __post_init__(self) -> None:
        if not -math.inf < self.low < self.high < math.inf:
            raise UserError(f"The ends of the scale are {self.low:g} and {self.high:g}; low must lie below high.")

    @property
    def asked(self) -> Target:
        """What is to be learned."""
        return Target(self.target, self.classes, self.dimensions)


def corpus(path: Path, wanted: Wanted) -> list[Finding]:
    """Look at a corpus: every annotation is read, and every sound heard."""
    where = Finding("path", str(path))
    try:
        source = open_corpus(path, partial=wanted.partial, low=wanted.low, high=wanted.high, stereo=wanted.stereo)
        tables = source.read()
    except UserError as error:
        return [where, Finding("contents", "cannot be read", remedy=str(error))]
    return [where, *contents(tables), *sounds(tables, Sounds.of(source.root, wanted.stereo)), *labels(tables, wanted)]


def contents(tables: Tables) -> Iterator[Finding]:
    """What the tables count, and how that differs from a complete release."""
    report = tables.report
    yield Finding(
        "contents",
        f"{report['utterances']:,} utterances, {report['minutes'] / 60:.2f} h, {report['ratings']:,} ratings",
    )
    speakers = report["speakers"]
    yield Finding("speakers", f"{speakers:,}", remedy=FEW if speakers < FEWEST_SPEAKERS else "")
    deviations = report["deviations"]
    found = f"{len(deviations)}" if deviations else "none"
    text = "; ".join(deviations[:8]) + (f"; and {len(deviations) - 8} more" if len(deviations) > 8 else "")
    if report["source"] == "iemocap":
        remedy = f"compare your copy with the release: {text}" if deviations else ""
        yield Finding("deviations from the release", found, remedy=remedy)
    else:
        yield Finding("deviations", found, note=f"{text[:1].upper()}{text[1:]}." if deviations else "")


def sounds(tables: Tables, where: Sounds) -> Iterator[Finding]:
    """Whether every sound can be decoded to its end, and whether one of them is there under two speakers."""
    heard = listen(tables.utterances, where)
    silent = f"Digital silence: {listed(list(heard.silent))}." if heard.silent else ""
    faults = [reason.removesuffix(".") for reason in heard.faults.values()]
    found = f"{len(tables.utterances) - len(faults):,} of {len(tables.utterances):,} utterances heard to their end"
    yield Finding("sounds", found, silent, listed(faults))
    yield copied(copies(tables.utterances, heard, where))


def narrow(tables: Tables, wanted: Wanted) -> Iterator[Finding]:
    """Whether the ratings leave so much of the declared range empty that it may not be theirs."""
    rated = evaluations(tables.ratings, wanted.dimensions)
    for name in wanted.dimensions if wanted.asked.rated else ():
        low, high = rated[name].min(), rated[name].max()
        if high - low < NARROW * (wanted.high - wanted.low):
            declared = f"{wanted.low:g}..{wanted.high:g}"
            note = (
                f"The ratings of {name} lie in {low:g}..{high:g} of the declared range {declared}: if their scale is "
                "another, few classes are left of them; set low and high to its ends."
            )
            yield Finding("range", f"{name} {low:g}..{high:g} of {declared}", note)


def copied(found: pd.DataFrame) -> Finding:
    """What is to be done about copies, as `elor.corpora.copies.copies` returns them."""
    pairs = named(found)
    remedy = (
        f"the same recording stands under two speakers: {listed(pairs)}; take one of each out, or correct its speaker: "
        "what is learned from the one is tested on the other"
    )
    return Finding("copies under two speakers", f"{len(pairs):,}" if pairs else "none", "", remedy if pairs else "")


def together(
    sources: Sequence[tuple[Source, Path]],
    target: Target,
    scale: tuple[float, float],
    hold_out: str,
    words: str,
    minimum_s: float = 0.0,
) -> Iterator[Finding]:
    """Whether all corpora of a run have what it holds out and the words that it asks for, and share no recording.

    Args:
        sources: each with the place where it is read.
        target, scale: as in `elor.corpora.sources.read`.
        hold_out, words, minimum_s: of params.yaml.
    """

    def opened(**how: Any) -> list[Opened]:
        names = ("low", "high", "stereo", "partial")
        same = [{name: getattr(source, name) for name in names} for source, _ in sources]
        return [Opened(one, open_corpus(at, **own, **how)) for (one, at), own in zip(sources, same, strict=True)]

    def values() -> str:
        having = learned_from(tables, chosen, target, FEWEST.get(hold_out, 0))
        return f"{hold_out}, {plural(held_out(having, hold_out, tables.utterances).nunique(), 'value')}"

    def texts() -> str:
        slices = plan_slices(tables.utterances, chosen, minimum_s)
        said = texts_of(texts_by_utterance(opened(words=True)), tables.utterances, slices, words)
        return f"{words} of {plural(said.text.ne('').sum(), 'utterance')}"

    try:
        check_column(hold_out)
        tables = read(opened(keep=hold_out), sources[0][0].rater or "", target, scale)
        chosen = learned(tables, [source for source, _ in sources], target, scale)
    except UserError as error:
        yield Finding("held out", hold_out, remedy=str(error))
        return
    for what, asked, look in (("held out", hold_out, values), ("words", words, texts)):
        if asked != "none":
            try:
                yield Finding(what, look())
            except UserError as error:
                yield Finding(what, asked, remedy=str(error))
    if len(sources) > 1:  # of one alone `sounds` has said it
        yield copied(find_copies(tables.utterances, sounds_of(opened())))


def planned(path: Path, wanted: Wanted) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The slices that a run would train on, with their targets, and the ratings that count; `own`: the chosen rater's.

    Raises:
        UserError: if the corpus, or its labels, are not to be had.
    """
    source = open_corpus(path, partial=wanted.partial, low=wanted.low, high=wanted.high, stereo=wanted.stereo)
    labelled = label(source.read(), wanted.rater, wanted.asked, wanted.low, wanted.high)
    chosen = targets(labelled.utterances, labelled.ratings, wanted.asked, wanted.low, wanted.high)
    ratings, rater = labelled.ratings, choose_rater(labelled.ratings, wanted.rater, wanted.asked)
    own = evaluations(ratings.assign(own=ratings["rater"] == rater), wanted.dimensions)
    return plan_slices(labelled.utterances, chosen, wanted.minimum_s), own


def labels(tables: Tables, wanted: Wanted) -> Iterator[Finding]:
    """Whether the rater and target that are asked for are to be had, and how many slices that makes."""
    try:
        labelled = label(tables, wanted.rater, wanted.asked, wanted.low, wanted.high)
        chosen = targets(labelled.utterances, labelled.ratings, wanted.asked, wanted.low, wanted.high)
        slices = plan_slices(labelled.utterances, chosen, wanted.minimum_s)
    except UserError as error:
        yield Finding("labels", f"not to be had: {wanted.target}", remedy=str(error))
        return
    rater = "all evaluators" if wanted.asked.averaged else labelled.report["labels"]["rater"]
    by = f" by {rater}" if wanted.asked.rated else ""
    others = not_learned(labelled.report["labels"].get("other_emotions", {}))
    note = f"{others[:1].upper()}{others[1:]}." if others else ""
    yield Finding("labels", f"{len(chosen):,} utterances have {wanted.target}{by}", note)
    yield from narrow(tables, wanted)
    speakers = slices["speaker"].nunique()
    few = (
        f"{speakers} of the speakers have labels; {FEW}"
        if speakers < min(FEWEST_SPEAKERS, tables.report["speakers"])
        else ""
    )
    yield Finding("six-second slices", f"{len(slices):,}", "", few)
