"""What each method's maps may say of one window: r beside its controls, and the verdict that these allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from elor.evidence.names import Control
from elor.explain.any_network.subjects import Subject
from elor.explain.correlation import READINGS, among_networks, pearson
from elor.explain.doubts import shortened
from elor.explain.maps import SAMPLES, Maps
from elor.registry import METHODS

COMPARED = tuple(method for method in METHODS if method != "stft")
AGAINST = (*SAMPLES, "segments", "occlusion")
"""Methods whose maps are compared with the sound at all, and with another or a shifted one."""

BACKWARD = ("guided", "gradient", "segments")
"""Methods of one pass back, which cost little: without `Effort.thorough` the controls take no others."""

GRADIENTS = (*BACKWARD, "integrated", "frequency", "stft")
"""Methods that rest on the gradient."""

LEFT_OUT = "undecided: beside untrained twins by --thorough alone"
NO_CONTROL = "undecided: there is no untrained control"
NO_TWIN = "undecided: no untrained twin allows this method"
NOT_LEARNED = "not learned"


class Rows:
    """The rows of one window, to be looked up."""

    def __init__(
        self,
        rows: Sequence[Mapping[str, Any]],
        own: Maps,
        swapped: Maps,
        subject: Subject,
        checked: Sequence[str],
    ) -> None:
        """`checked`: the methods that the controls take."""
        self.own, self.swapped, self.subject, self.checked = own, swapped, subject, checked
        self._rows = {(r["method"], r["pair"], r["model"], r["control"]): r for r in rows}
        self._models = list(dict.fromkeys(r["model"] for r in rows))

    def row(self, method: str, pair: str, control: str = "", model: str = "trained") -> Mapping[str, Any] | None:
        """What was measured, if it was."""
        return self._rows.get((method, pair, model, control))

    def r(self, method: str, pair: str, control: str = "", model: str = "trained") -> float | None:
        """The correlation that belongs to the method; None if none was measured."""
        found = self.row(method, pair, control, model)
        return None if found is None else found["signed" if method in SAMPLES else "envelope"]

    def of(self, kind: str, method: str, pair: str) -> list[float]:
        """The same of all controls of a kind."""
        found = (self.r(method, pair, model=name) for name in self._models if name.split()[0] == kind)
        return [value for value in found if value is not None]

    def swap(self, method: str, head: str) -> float | None:
        """r of the maps of two classes of one head."""
        other = self.swapped.values.get(method, {}).get(head)
        return None if other is None else pearson(*(m[0].cpu().numpy() for m in (self.own.values[method][head], other)))


def of_method(method: str, rows: Rows, heads: Sequence[str]) -> dict[str, Any]:
    """One method's entry in the summary."""
    refused = rows.own.refused.get(method, {})
    entry: dict[str, Any] = {"title": METHODS[method].title, "refused": None, "heads": {}, "between": {}}
    reasons = {head: shortened(why, 400) for head, why in refused.items()}
    entry["left_out"] = reasons if method in rows.own.values else {}
    if reasons and method not in rows.own.values:
        entry["refused"] = "; ".join(dict.fromkeys(reasons.values()))
    if method in COMPARED and (shown := [head for head in heads if head in rows.own.values.get(method, {})]):
        entry["heads"] = {head: _head(method, head, rows) for head in shown}
        pairs = (pair for pair in combinations(shown, 2) if rows.row(method, "~".join(pair)))
        entry["between"] = {"~".join(pair): _pair(method, pair, rows) for pair in pairs}
    return entry


def _head(method: str, head: str, rows: Rows) -> dict[str, Any]:
    """r of a head's map with the signal, and its controls."""
    pair = f"{head}~input"
    entry = _against(method, pair, (head,), rows)
    if method in SAMPLES:
        entry["readings"] = {reading: rows.row(method, pair)[reading] for reading in READINGS}
    if (maps := rows.swap(method, head)) is not None:
        entry["class_swap"] = {"r": rows.r(method, pair, "class swap"), "maps": maps}
    if shifted := rows.row(method, pair, "shifted"):
        entry["shifted"] = (shifted["low"], shifted["high"])
    elif method in AGAINST:
        entry["shifted"] = None
    if (other := rows.r(method, pair, "other waveform")) is not None:
        entry["other"] = other
    return entry | {"text": _sentence(f"{METHODS[method].title}: r of the {head} map and the signal", entry)}


def _pair(method: str, heads: tuple[str, str], rows: Rows) -> dict[str, Any]:
    """r of two heads' maps, beside untrained twins and beside two classes of one head."""
    entry = _against(method, "~".join(heads), heads, rows)
    swaps = [value for head in heads if (value := rows.swap(method, head)) is not None]
    entry["class_swap"] = float(np.mean(swaps)) if swaps else None
    return entry | {"text": _sentence(f"{METHODS[method].title}: r of the {heads[0]} and the {heads[1]} map", entry)}


def _against(method: str, pair: str, heads: Sequence[str], rows: Rows) -> dict[str, Any]:
    """r, the prediction interval of untrained twins, and the verdict that it allows; and with untrained heads only."""
    r, subject = rows.r(method, pair), rows.subject
    entry: dict[str, Any] = {"r": r, "initial": rows.of(Control.initial, method, pair), "contrast": None}
    if alone := rows.of(Control.heads, method, pair):
        entry["heads"] = alone
    compared = None
    if entry["initial"]:
        compared = among_networks([r], [[value] for value in entry["initial"]], ["twin"], "untrained twins")
    entry["contrast"] = compared
    ignorant = [head for head in heads if head in subject.scores and subject.scores[head].learned is False]
    reason, apart = "", False
    if ignorant:
        verdict, reason = NOT_LEARNED, ", ".join(ignorant)
    elif compared is None and subject.twin and method not in rows.checked:
        verdict = LEFT_OUT
    elif compared is None and subject.twin:
        verdict = NO_TWIN
    elif compared is None:
        verdict, reason = NO_CONTROL, subject.reason
    elif np.isnan(r):
        verdict = "undecided: r is undefined"
    else:
        verdict, apart = compared["verdict"], compared["low"] > 0 or compared["high"] < 0
    return entry | {"verdict": verdict, "reason": reason, "apart": apart}


def _sentence(what: str, entry: Mapping[str, Any]) -> str:
    beside = "".join(
        f", {where} {min(values):.2f} to {max(values):.2f}"
        for where, values in (
            ("in untrained twins", entry["initial"]),
            ("with untrained heads", entry.get("heads", [])),
        )
        if values
    )
    why = f" ({entry['reason']})" if entry["reason"] else ""
    return f"{what} is {entry['r']:.2f}{beside}: {entry['verdict']}{why}."
