"""The words that code, files, page and documents have in common."""

from enum import StrEnum
from typing import Self


class Control(StrEnum):
    """What a number of a trained network is compared with: one family, each member with one meaning."""

    words: str
    """what people read"""

    def __new__(cls, name: str, words: str) -> Self:
        member = str.__new__(cls, name)
        member._value_, member.words = name, words
        return member

    initial = "initial", "untrained networks (random weights)"
    """the same network with random weights, as it is before training"""
    calibrated = "calibrated", "untrained networks (normalisations fitted)"
    """random weights, and normalisations fitted to the slices, as training would have done"""
    heads = "heads", "random heads on the trained convolutions"
    """trained convolutions under random heads"""
    class_swap = "class swap", "the runner-up class"
    """the same network, its runner-up class"""
    other_waveform = "other waveform", "another waveform"
    """the same map beside the waveform of another utterance"""
    shifted = "shifted", "the waveform, shifted"
    """the same map beside its own waveform, moved against it"""
    shuffled = "shuffled", "networks trained on shuffled labels"
    """networks trained on shuffled labels"""
    sham = "sham", "the processing alone"
    """the processing of an alteration, or its length, without what it alters"""


UNTRAINED = frozenset({Control.initial, Control.calibrated})
"""The controls of which "not distinguishable from untrained" may be said."""


class Reference(StrEnum):
    """What else a number is compared with: no network in another state, but another quantity."""

    nothing = "no change"
    """zero, within a margin that counts as none"""
    margin = "what counts as none"
    """such a margin itself"""
    chance = "chance"
    """what would be found at random"""
    order = "random order"
    """parts taken away in a random order"""
    correlation = "no correlation"
    """a correlation of zero"""
    rival = "rival"
    """another network, dimension, kind of score, or rater; named beside it"""


class Role(StrEnum):
    """What a piece of evidence does in a claim."""

    decides = "decides"
    """a test: its p carries the verdict"""
    conditions = "conditions"
    """no test: it can stop the claim by not pointing with it, a contradiction by pointing with the claim"""
    illustrates = "illustrates"
    """told beside it, and counts for nothing"""


class Finding(StrEnum):
    """What a trend or an alteration was found to do."""

    varies = "varies with the label"
    """a trend beyond untrained networks, in every parametrisation"""
    within = "not distinguishable from untrained"
    """a trend no further than theirs"""
    raises = "raises"
    """an alteration raises the answer"""
    lowers = "lowers"
    """an alteration lowers the answer"""
    nothing = "no effect found"
    """an alteration does not"""
    undecided = "undecided"
    """the reason stands beside it"""


class Undecided(StrEnum):
    """Why the effect of an alteration is undecided."""

    few = "fewer than two speakers with such slices"
    steps = "single doses move it, but not in step with the dose"
    ways = "doses move it both ways"
    length = "seen only against its length control"
    alike = "untrained networks answer all slices alike"
    untrained = "untrained networks do as much"
    processing = "the processing alone moves it as far"


def said(finding: Finding, reason: str) -> str:
    """A finding in words, with the reason where there is one."""
    return f"{finding}: {reason}" if reason else str(finding)


class Verdict(StrEnum):
    """What the evidence allows to say of a claim."""

    holds = "holds"
    contradicted = "contradicted"
    indistinct = "not distinguishable from untrained"
    unlearned = "not learned"
    disagree = "undecided: the pieces disagree"
    undecided = "undecided"

    @property
    def asserts(self) -> bool:
        """Whether it says that the claim is true, or that it is false."""
        return self in (Verdict.holds, Verdict.contradicted)


EXTREMITY = "extremity"
"""The answer `<head>.extremity`: the label's expected distance from the middle."""

HOLM, FALSE_DISCOVERY = "Holm", "Benjamini-Hochberg"
"""Corrections: of the chance that any assertion is wrong, and of the expected share of wrong ones."""


class Planted(StrEnum):
    """How an invented corpus treats the cues that a claim is about."""

    present = "present"
    """planted as the claim says"""
    absent = "absent"
    """not planted"""
    reversed = "reversed"
    """planted the other way round"""


class Case(StrEnum):
    """Which row of the table of cases gave a verdict (`elor.explain.claims.decide`)."""

    undecidable = "undecidable"
    unlearned = "not learned"
    against = "against it"
    missing = "missing"
    agree = "all with it"
    nowhere = "no further than untrained"
    disagree = "disagree"
    chance = "not beyond chance"
