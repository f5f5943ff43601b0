"""What `elor explain` prints of a recording: a table of maps beside their controls, and sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from elor.explain.integrated import TOLERANCE
from elor.provenance import DEMO
from elor.report import sentences
from elor.report.predictions import NEVER_HEARD, SHORTEST_S, too_short
from elor.report.text import Block, Notes, Table, fine, number
from elor.targets import scale

SHOWN = 5
"""Alterations that are named, those that move the answer farthest."""


def blocks(found: Mapping[str, Any]) -> list[Block]:
    """Tables and sentences of all recordings.

    Args:
        found: what `elor explain` writes into explain.json.
    """
    parts: list[Block] = []
    for name, recording in found["recordings"].items():
        for window in recording["windows"]:
            parts += _window(f"{name}, {window['start_s']:.2f}-{window['end_s']:.2f} s", window)
    if prototypes := found.get("prototypes"):
        parts.append(_prototypes(prototypes))
    if items := _care(found):
        parts.append(Notes("Take care", items))
    return [*parts, Notes("How to read it", (f"Network: {found['model']['name']}.", *READING))]


def _care(found: Mapping[str, Any]) -> tuple[str, ...]:
    """What speaks against relying on any of it."""
    model = found["model"]
    items = [NEVER_HEARD] if model.get("corpus") == DEMO else []
    ends = {name: recording["windows"][-1]["end_s"] for name, recording in found["recordings"].items()}
    if brief := [name for name, end in ends.items() if end < SHORTEST_S]:
        items.append(too_short(brief))
    items += [] if model.get("scores") else [UNKNOWN]
    items += [_left_out(name, part) for name, one in found["recordings"].items() for part in one.get("left_out", ())]
    return (*items, *([f"There is no untrained control: {model['reason']}."] if model["reason"] else []))


def _left_out(name: str, part: Mapping[str, Any]) -> str:
    """That a stretch of a recording was not explained, and why."""
    why = (
        "it fills up to half a window, and was left out; cut the recording so that it lies within one"
        if part["sounds"]
        else "it is digital silence"
    )
    return f"{name}: {part['start_s']:.2f}-{part['end_s']:.2f} s were not explained: {why}."


UNKNOWN = (
    "No score of this network is known here. A difference from untrained twins shows that training changed it, not "
    "that it learned anything that is true of other sounds."
)


READING = (
    "r: of the map and the signal (for segments, windows and bands: and their level). Beside it the same in untrained "
    "twins of the network: where theirs include it, it says nothing about what was learned.",
    "Up to seven methods are compared with the twins, each at 5 %. In networks that had learned nothing one at least "
    "of all seven differed in 20 % of cases with five twins, in 29 % with two (docs/explain-my-network.md): a single "
    "difference is little.",
    "Untrained heads: the trained convolutions, with heads at random. Not learned: the head answers no better than "
    "permuted labels, and no difference to anything makes its maps speak of what was asked.",
    "Two classes: r of the maps of the predicted and of the second class of the same head. Where it is high, the map "
    "hardly depends on what is asked.",
    "One recording shows what this network did here; what holds in general needs many speakers (dvc repro).",
)


def opening(found: Mapping[str, Any]) -> list[Notes]:
    """What the page opens with: of every window the answer, what speaks against relying on it, and three sentences."""
    return [
        Notes(
            f"{name}, {window['start_s']:.2f}-{window['end_s']:.2f} s",
            (*_answers(window), *window.get("remarks", ()), *_care(found), *_sentences(window)),
        )
        for name, recording in found["recordings"].items()
        for window in recording["windows"]
    ]


def _sentences(window: Mapping[str, Any]) -> Iterator[str]:
    """Where the answer rests; whether what is taken away first by the map matters; which maps differ from twins."""
    heads = [head for head in window["prediction"] if _learned(window, head)]
    rests = [
        f"{head} on {where['start_s']:.2f}-{where['end_s']:.2f} s (without it the {_what(window, head)} falls by "
        f"{where['drop']:.3g})"
        for head, where in window["strongest"].items()
        if head in heads
    ]
    yield f"The answer rests most: {'; '.join(rests)}." if rests else "No part is known on which the answer rests."
    falls = {head: window["erasure"].get(head, {}) for head in heads}
    beaten = [
        f"{head} {fine(orders['occlusion']['deletion'], 2)}, at random {fine(orders['random']['deletion'], 2)}, "
        f"loudest first {fine(orders['loudest']['deletion'], 2)}"
        for head, orders in falls.items()
        if "occlusion" in orders
    ]
    if beaten:
        what = " or ".join(sorted({_what(window, head) for head in falls}))
        yield f"The {what} falls, without what occlusion ranks first: {'; '.join(beaten)}."
    entries = [
        (f"{method['title']} of {head}", entry)
        for method in window["methods"].values()
        for head, entry in method["heads"].items()
        if entry["initial"]
    ]
    apart = [name for name, entry in entries if entry["apart"]]
    yield (
        f"Of {len(entries)} maps beside untrained twins {len(apart)} differ from theirs"
        f"{': ' + ', '.join(apart) if apart else ''}; what the others show, an untrained network shows as well."
        if entries
        else "No map was compared with those of untrained twins."
    )


def _window(name: str, window: Mapping[str, Any]) -> list[Block]:
    """A table of the maps, and sentences."""
    heads = any("heads" in entry for method in window["methods"].values() for entry in method["heads"].values())
    rows = tuple(
        (
            head,
            method["title"],
            number(entry["r"], 2),
            _range(entry["initial"]),
            *((_range(entry.get("heads") or []),) if heads else ()),
            number(entry.get("class_swap", {}).get("maps"), 2),
            _range(entry.get("shifted") or []),
            number(entry.get("other"), 2),
            entry["verdict"],
        )
        for method in window["methods"].values()
        for head, entry in method["heads"].items()
    )
    columns = ("untrained", "untrained heads") if heads else ("untrained",)
    header = ("head", "method", "r", *columns, "two classes", "shifted", "other sound", "verdict")
    return [Table(f"{name}: maps beside their controls", header, (rows,), labels=2), Notes(name, tuple(_said(window)))]


def _said(window: Mapping[str, Any]) -> Iterator[str]:
    """The window's sentences."""
    yield from window.get("remarks", ())
    yield from _answers(window)
    for head, where in window["strongest"].items():
        if not _learned(window, head):
            continue
        yield (
            f"{head} rests most on {where['start_s']:.2f}-{where['end_s']:.2f} s: without it the {_what(window, head)} "
            f"falls by {where['drop']:.3g}."
        )
    for head, orders in window["erasure"].items():
        if "occlusion" in orders:
            for measure, where in (("deletion", "silence"), ("noise deletion", "noise")):
                falls = {order: orders[order][measure] for order in ("occlusion", "loudest", "random")}
                what = f"mean fall of the {_what(window, head)} by deletion"
                yield f"{head}, {what}, with {where} instead: {_listed(falls)}"
    for head in window["prediction"]:
        moved = _farthest(window.get("interventions", {}), head)
        if moved and _learned(window, head):
            yield f"{head} is moved farthest by: {'; '.join(moved)}."
    if paths := window.get("integrated"):
        errors = ", ".join(f"{head} {completeness(error)}" for head, error in paths["error"].items())
        yield f"Integrated gradients from {paths['baseline']}, completeness error: {errors}."
    for method in window["methods"].values():
        if method["refused"]:
            yield f"{method['title']} was refused: {method['refused']}"
        for head, why in method.get("left_out", {}).items():
            yield f"{method['title']} of {head} was refused: {why}"
        yield from (entry["text"] for entry in method["between"].values() if entry["r"] == entry["r"])  # not NaN


def _answers(window: Mapping[str, Any]) -> Iterator[str]:
    """What is answered, a sentence per head, and what its answers are worth."""
    for head, answer in window["prediction"].items():
        worth = sentences.worth(window.get("scores", {}).get(head))
        if answer["label"] is None:
            yield f"{head}: {fine(answer['logits'][0])}{worth}."
        else:
            label, ends = answer["label"], scale(head, len(answer["probabilities"]))
            p, logit = answer["probabilities"][label], answer["logits"][label]
            yield f"{head}: class {label}{f', from {ends}' if ends else ''} (p = {p:.2f}, logit {fine(logit)}){worth}."


def _what(window: Mapping[str, Any], head: str) -> str:
    """What falls: the logit of a class, or a value."""
    return "value" if window["prediction"][head]["label"] is None else "logit"


def _learned(window: Mapping[str, Any], head: str) -> bool:
    """False of a head that is known to have learned nothing: where it rests on anything, that is chance."""
    score = window.get("scores", {}).get(head)
    return score is None or score["learned"]


def completeness(error: float | None) -> str:
    """What the attributions of a path are short of the change that they explain, and what that means."""
    if error is None:
        return "unknown, so the map explains nothing"
    return f"{100 * error:.1f} %" + (
        " (too large: the map does not add up to the answer)" if error >= TOLERANCE else ""
    )


def _farthest(interventions: Mapping[str, Any], head: str) -> list[str]:
    """The alterations that change a head's logit most, each at its strongest dose, beside its sham."""
    best = []
    for name, entry in interventions.items():
        doses = {dose: effect for dose, effect in entry["heads"][head].items() if dose != "sham"}
        beyond = {dose: abs(effect["change"] - effect.get("length_control", 0.0)) for dose, effect in doses.items()}
        dose = max(beyond, key=lambda key: beyond[key])
        sham, length = entry["heads"][head].get("sham"), doses[dose].get("length_control")
        beside = f", {fine(sham['change'], 2, '+')} by the processing alone" if sham else ""
        beside += f", {fine(length, 2, '+')} by the length alone" if length is not None else ""
        now = doses[dose]["label"]
        label = f", class {now}" if now is not None else ""
        change = fine(doses[dose]["change"], 2, "+")
        text = f"{name.replace('_', ' ')} {dose} {entry['unit']} ({change}{label}{beside})"
        best.append((beyond[dose], text))
    return [text for _, text in sorted(best, reverse=True)[:SHOWN]]


def _prototypes(found: Mapping[str, Any]) -> Block:
    if found["refused"]:
        return Notes("Prototypes", (f"There are none: {found['refused']}",))
    rows = tuple(
        (
            kind,
            head,
            label,
            number(entry["logit"], 2),
            number(entry["initial_logit"], 2),
            f"{entry['converged']}/{entry['restarts']}",
            number(entry["descriptors"]["centroid_hz"], 0),
            number(entry["descriptors"]["crest_db"], 1),
        )
        for kind, heads in found["targets"].items()
        for head, labels in heads.items()
        for label, entry in labels.items()
    )
    header = ("parametrisation", "head", "label", "logit", "untrained", "converged", "centroid, Hz", "crest, dB")
    return Table("Prototypes: the signals that maximise each answer, at one level", header, (rows,), labels=3)


def _range(values: list[float | None]) -> str:
    known = [value for value in values if value is not None and value == value]
    return f"{min(known):.2f} .. {max(known):.2f}" if known else ""


def _listed(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {fine(value)}" for name, value in values.items()) + "."
