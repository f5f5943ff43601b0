"""What evidence is taken from, and what it presupposes: numbers in, `Evidence` out, or `Missing` with a reason.

Whatever a network does says something about emotion only if the network has learned the emotion. So each look inside a
network carries the p of that too (`within`): with labels drawn at random a network still answers to loudness or pitch
somehow, in all folds alike, and no test over speakers would notice that this has no meaning. Nor do scores compare
emotions where nobody has learned any: a network that always answers with the most frequent class has a WAR above its
UAR. So each comparison of scores carries the p that at least one of those compared has learned something (`by_any`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from elor.explain.claims.decide import LEVEL, Evidence, Missing

Tree = Mapping[str, Any]

UNDECIDED = "undecided"
"""How a verdict of the stages before begins when it is none."""

TITLES = {"elor": "ELoR", "lom": "LoM", "ftr": "FTR", "elor_ftr": "ELoR+FTR"}


@dataclass(frozen=True)
class Measured:
    """What the stages before wrote, as plain JSON values; empty where a stage had nothing to say.

    Attributes:
        saliency, prototypes, interventions: metrics/<name>.json.
        scores: by head and network, metrics/<head>/<network>.json.
        confidence: of the intervals in them.
    """

    saliency: Tree = field(default_factory=dict)
    prototypes: Tree = field(default_factory=dict)
    interventions: Tree = field(default_factory=dict)
    scores: Mapping[str, Mapping[str, Tree]] = field(default_factory=dict)
    confidence: float = 0.95


def learned(measured: Measured, network: str, head: str) -> float:
    """p of the network's score against labels permuted within speakers, by utterance (the safer of the two nulls).

    Raises:
        Missing: if the networks were not asked for this head, or there is no p.
    """
    if head not in measured.scores:
        raise Missing(f"the networks were not asked for {head}")
    return number(measured.scores, f"metrics/{head}/{network}.json", head, network, "utterance_permutation_p")


def within(
    measured: Measured, network: str, heads: Sequence[str], look: Callable[..., Evidence], *how: Any
) -> Evidence:
    """A look inside a network, which proves something only as far as the network has learned the heads.

    Args:
        measured: what the stages before wrote.
        network, heads: which.
        look: takes `measured` and `how`.
        how: its further arguments.

    Raises:
        Missing: as `learned` and `look`.
    """
    learnt = {head: learned(measured, network, head) for head in heads}
    found = look(measured, *how)
    if unknown := {head: p for head, p in learnt.items() if p > LEVEL}:
        names, p = " and ".join(unknown), max(unknown.values())
        unmet = (
            f"{TITLES[network]} answers on {names} no better than if labels were permuted within speakers "
            f"({p_text(p)}), so what moves it tells nothing about {names}"
        )
        found = replace(found, unmet=unmet)
    return replace(found, given=max(learnt.values()))


def by_any(found: Evidence, measured: Measured, networks: Sequence[str], heads: Sequence[str]) -> Evidence:
    """A comparison of scores, which proves something only if any of those compared is better than permuted labels.

    Args:
        found: what the comparison found.
        measured: says what was learned.
        networks, heads: whose scores were compared; the p of all pairs counts at their smallest, times their number
            (Bonferroni).

    Raises:
        Missing: as `learned`.
    """
    learnt = [learned(measured, network, head) for network in networks for head in heads]
    given = min(1.0, len(learnt) * min(learnt))
    names, answers = " and ".join(TITLES[network] for network in networks), " and ".join(heads)
    unmet = (
        f"{names} answer on {answers} no better than if labels were permuted within speakers (smallest p of "
        f"{len(learnt)}, times their number: {given:.3f})"
    )
    return replace(found, given=given, unmet=unmet if given > LEVEL else "")


def section(tree: Tree, *path: str) -> Any:
    """A branch, or a leaf, of the tree.

    Raises:
        Missing: if it is absent.
    """
    for key in path:
        if not isinstance(tree, Mapping) or key not in tree:
            raise Missing(f"nothing was measured for {' / '.join(path)}")
        tree = tree[key]
    return tree


def number(tree: Tree, name: str, *path: str) -> float:
    """A number of the tree.

    Raises:
        Missing: if it is absent or undefined.
    """
    value = section(tree, *path)
    if not isinstance(value, (int, float)) or not np.isfinite(value):
        raise Missing(f"{path[-1]} of {name} is undefined")
    return float(value)


def side(low: float, high: float) -> int:
    """Where an interval lies: above zero, below, or on both sides."""
    return int(low > 0) - int(high < 0)


def why(found: Tree) -> str:
    """The reason in a verdict `undecided: <reason>`."""
    return str(found["verdict"]).removeprefix(UNDECIDED).lstrip(": ")


def p_text(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p {p:.3f}"
