"""How claims look at the evidence: what is looked at in words, what it does in a claim, and what it presupposes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from elor.evidence.names import Role
from elor.explain.claims.answers import ALTERED, DESCRIPTORS, EXTREMITY, HEADS, KINDS, effect, trend
from elor.explain.claims.claim import Facts, Look
from elor.explain.claims.evidence import TITLES, Seen, by_any, within
from elor.explain.claims.maps import DELETIONS, above_heads, above_initial, loudest_first

GUIDED = "guided"


def in_elor(what: str, role: Role, heads: Sequence[str], look: Callable[..., Seen], *how: object) -> Look:
    """A look inside ELoR, which counts as far as it has learned these heads."""
    return Look(what, role, lambda facts: within(facts.measured, "elor", heads, look, *how))


def trends(head: str, descriptor: str, kind: str, direction: str) -> Look:
    """A trend of ELoR's prototypes, in every parametrisation: conditions."""
    what = f"{DESCRIPTORS[descriptor][0]} of {head} prototypes, {KINDS[kind]}"

    def find(facts: Facts) -> list[Seen]:
        seen = trend(facts.measured, head, descriptor, kind, direction)
        return [within(facts.measured, "elor", (head,), lambda _, one=one: one) for one in seen]

    return Look(what, Role.conditions, find)


def alters(head: str, intervention: str, sign: int, answer: str = HEADS, network: str = "elor") -> Look:
    """An alteration of real slices, which counts as far as the network has learned the head."""
    called = f"extremity of {head}" if answer == EXTREMITY else f"expected {head}"
    what = f"{ALTERED[intervention][0]}: {TITLES[network]}'s {called} on real slices"
    how = (network, head, intervention, sign, answer)
    return Look(what, Role.decides, lambda facts: within(facts.measured, network, (head,), effect, *how))


def compares(what: str, networks: Sequence[str], heads: Sequence[str], test: Callable[..., Seen], *how: object) -> Look:
    """A comparison of scores, which counts as far as any of these networks has learned any of these heads."""
    return Look(what, Role.decides, lambda facts: by_any(test(facts.scored, *how), facts.measured, networks, heads))


def beside(look: Look) -> Look:
    """The same look, told beside the claim."""
    return replace(look, role=Role.illustrates)


def beside_both_controls(head: str) -> tuple[Look, ...]:
    """r(map, input) of a head beside both its controls."""
    pair, what = f"{head}~input", f"r of the guided {head} map and the input"
    return tuple(in_elor(what, Role.decides, (head,), look, GUIDED, pair) for look in (above_initial, above_heads))


def deletions(head: str) -> tuple[Look, ...]:
    """The loudest segments taken away, with silence and with noise in their place."""
    return tuple(
        in_elor(
            f"loudest segments replaced by {mask} before any others: the {head} logit falls more",
            Role.decides,
            (head,),
            loudest_first,
            head,
            mask,
        )
        for mask in DELETIONS
    )
