"""How claims look at the evidence: what is looked at in words, what it does in a claim, and what it presupposes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from elor.evidence.names import EXTREMITY, Control, Role
from elor.explain.claims.answers import HEADS, KINDS, effect, trend, weighs
from elor.explain.claims.claim import Facts, Look, Needs, Source
from elor.explain.claims.evidence import Missing, Seen, any_learned, within
from elor.explain.claims.maps import DELETIONS, above, loudest_first, no_less
from elor.explain.interventions.alterations import ALTERATIONS
from elor.explain.prototypes.descriptors import DESCRIPTORS
from elor.registry import TITLES

GUIDED = "guided"


def in_elor(
    what: str,
    role: Role,
    heads: Sequence[str],
    look: Callable[..., Seen | Sequence[Seen]],
    *how: object,
    source: Source = "maps",
) -> Look:
    """A look inside ELoR, which counts as far as it has learned these heads."""
    needs = Needs(source, ("elor",), tuple(heads))
    return Look(what, role, needs, lambda facts: within(facts.measured, "elor", heads, look, *how))


def trends(head: str, descriptor: str, kind: str, direction: str) -> Look:
    """A trend of ELoR's prototypes, in every parametrisation: conditions."""
    what = f"{DESCRIPTORS[descriptor].title} of {head} prototypes, {KINDS[kind]}"
    return in_elor(what, Role.conditions, (head,), trend, head, descriptor, kind, direction, source="prototypes")


def alters(head: str, intervention: str, sign: int, answer: str = HEADS, network: str = "elor") -> Look:
    """An alteration of real slices, which counts as far as the network has learned the head."""
    called = f"extremity of {head}" if answer == EXTREMITY else f"expected {head}"
    what = f"{ALTERATIONS[intervention].claimed}: {TITLES[network]}'s {called} on real slices"
    how, needs = (network, head, intervention, sign, answer), Needs("alterations", (network,), (head,))
    return Look(what, Role.decides, needs, lambda facts: within(facts.measured, network, (head,), effect, *how))


def compares(
    what: str,
    networks: Sequence[str],
    heads: Sequence[str],
    test: Callable[..., Seen],
    *how: object,
    source: Source = "scores",
) -> Look:
    """A comparison of scores, which counts as far as any of these networks has learned any of these heads."""

    def find(facts: Facts) -> Seen:
        learned_p = any_learned(facts.measured, networks, heads)
        try:
            found = test(facts.scored, *how)
        except Missing as reason:
            raise Missing(str(reason), learned_p) from None
        return replace(found, learned_p=learned_p)

    return Look(what, Role.decides, Needs(source, tuple(networks), tuple(heads), any=True), find)


def beside(look: Look) -> Look:
    """The same look, told beside the claim."""
    return replace(look, role=Role.illustrates)


def weighing(head: str, claimed: bool = True) -> Look:
    """Whether the level weighs in the head's answer, over the range of it that slices have."""
    what = f"amplification from 1 SD of the slices' level below to 1 SD above: ELoR's expected {head}"
    source: Source = "alterations" if claimed else "absence"
    return in_elor(what, Role.decides, (head,), weighs, "elor", head, claimed, source=source)


def no_less_than(what: str, heads: Sequence[str], method: str, pair: str, control: Control) -> Look:
    """Maps no less alike than a control: only a lack of it says anything."""
    return replace(in_elor(what, Role.conditions, heads, no_less, method, pair, control), veto=True)


def follows_input(head: str) -> tuple[Look, ...]:
    """r(map, input) of a head: no less than untrained networks'; and, beside it, what random heads draw."""
    pair, what = f"{head}~input", f"r of the guided {head} map and the input"
    return (
        no_less_than(what, (head,), GUIDED, pair, Control.initial),
        in_elor(what, Role.illustrates, (head,), above, GUIDED, pair, Control.heads),
    )


def alike(what: str, heads: Sequence[str], method: str, pair: str) -> tuple[Look, ...]:
    """Two heads' maps beside untrained networks, and no less alike than one head's maps of two classes."""
    return (
        in_elor(what, Role.decides, heads, above, method, pair),
        no_less_than(what, heads, method, pair, Control.class_swap),
    )


def deletions(head: str) -> tuple[Look, ...]:
    """The loudest segments taken away, with silence and with noise in their place."""
    return tuple(
        in_elor(
            f"loudest segments replaced by {mask} before any others: the {head} logit falls (or value changes) more",
            Role.decides,
            (head,),
            loudest_first,
            head,
            mask,
        )
        for mask in DELETIONS
    )
