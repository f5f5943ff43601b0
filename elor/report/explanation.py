"""What `elor explain` prints of a recording: a table of maps beside their controls, and sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from elor.explain.integrated import TOLERANCE
from elor.provenance import DEMO
from elor.report import sentences
from elor.report.exhibits import SIGNS, answered
from elor.report.predictions import NEVER_HEARD, SHORTEST_S, too_short
from elor.report.text import MISSING, Block, Notes, Table, fine, number
from elor.targets import EMOTION, EMOTIONS, scale

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
        parts.append(_prototypes(prototypes, found))
    if items := _care(found):
        parts.append(Notes("Take care", items))
    return [*parts, Notes("How to read it", (f"Network: {found['model']['name']}.", *_reading(found)))]


def _care(found: Mapping[str, Any]) -> tuple[str, ...]:
    """What speaks against relying on any of it."""
    model = found["model"]
    items = [NEVER_HEARD] if model.get("corpus") == DEMO else []
    ends = {name: recording["windows"][-1]["end_s"] for name, recording in found["recordings"].items()}
    if brief := [name for name, end in ends.items() if end < SHORTEST_S]:
        items.append(too_short(brief))
    if not model.get("scores"):
        items.append(f"{UNKNOWN} {model.get('unloaded') or CHANGED}")
    items += [_left_out(name, part) for name, one in found["recordings"].items() for part in one.get("left_out", ())]
    return (*items, *([f"There is no untrained control: {model['reason']}."] if model["reason"] else []))


def _left_out(name: str, part: Mapping[str, Any]) -> str:
    """That a stretch of a recording was not explained, and why."""
    why = (
        "it fills up to half a window, and was left out; cut the recording so that it lies within one"
        if part["sounds"]
        else "it is digital silence"
    )
    return f"{name}: {part['start_s']:.2f}-{part['end_s']:.2f} s was not explained: {why}."


UNKNOWN = "No score of this network is known here."

CHANGED = (
    "A difference from untrained twins shows that training changed it, not that it learned anything that is true of "
    "other sounds."
)


READING = {
    "r": "r: of the map and the signal (for segments, windows and bands: and their level).",
    "initial": "Untrained: the same in untrained twins of the network. Where theirs include r, an untrained network "
    "shows as much, and the map says nothing about what was learned. Where r lies outside theirs and the verdict is "
    "not distinguishable, so few twins cannot tell.",
    "several": "Up to seven methods are compared with the twins, each at 5 %. In networks that had learned nothing one "
    "at least of all seven differed in 20 % of cases with five twins, in 29 % with two (docs/explain-my-network.md): a "
    "single difference is little.",
    "heads": "Untrained heads: the trained convolutions, with heads at random.",
    "not learned": "Not learned: the head answers no better than permuted labels, and no difference to anything makes "
    "its maps speak of what was asked.",
    "class_swap": "Two classes: r of the maps of the predicted and of the second class of the same head. Where it is "
    "high, the map hardly depends on what is asked.",
    "one": "One recording shows what this network did here; what holds in general needs many speakers (dvc repro).",
}
"""What is explained below the tables, by what it explains."""


def _reading(found: Mapping[str, Any]) -> Iterator[str]:
    """Of `READING` what stands in the tables."""
    entries = [
        entry
        for recording in found["recordings"].values()
        for window in recording["windows"]
        for method in window["methods"].values()
        for entry in method["heads"].values()
    ]
    there = {"r", "one"} | {key for entry in entries for key in ("initial", "heads", "class_swap") if entry.get(key)}
    there |= {"several"} if "initial" in there else set()
    there |= {entry["verdict"] for entry in entries}
    return (text for key, text in READING.items() if key in there)


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
        f"{head} on {_span(where)} (without it the {_changes(window, head)}{'; but ' + held if held else ''})"
        for head, where in window["strongest"].items()
        if head in heads
        for held in [_held(window, head)]
    ]
    yield f"The answer rests most: {'; '.join(rests)}." if rests else "No part is known on which the answer rests."
    yield from _on_nothing(window, heads)
    falls = {head: orders for head in heads if "occlusion" in (orders := window["erasure"].get(head, {}))}
    for what, moves in (("logit", "falls"), ("value", "changes, up or down")):
        beaten = [
            f"{head} {fine(orders['occlusion']['deletion'], 2)}, at random {fine(orders['random']['deletion'], 2)}, "
            f"loudest first {fine(orders['loudest']['deletion'], 2)}"
            for head, orders in falls.items()
            if _what(window, head) == what
        ]
        if beaten:
            yield f"The {what} {moves}, without what occlusion ranks first: {'; '.join(beaten)}."
    yield _beside_twins(window, heads)


def _beside_twins(window: Mapping[str, Any], heads: Sequence[str]) -> str:
    """Which maps differ from those of untrained twins, and what may be said of the others: that an untrained network
    shows as much only where it does."""
    entries = [
        (f"{method['title']} of {head}", entry, twins)
        for method in window["methods"].values()
        for head, entry in method["heads"].items()
        if head in heads and _known([entry["r"]]) and (twins := _known(entry["initial"]))
    ]
    if not entries:
        return "No map was compared with those of untrained twins."
    apart = [name for name, entry, _ in entries if entry["apart"]]
    rest = [(entry["r"], twins) for _, entry, twins in entries if not entry["apart"]]
    alike = sum(min(twins) <= r <= max(twins) for r, twins in rest)
    text = f"Of {len(entries)} maps beside untrained twins {len(apart)} differ from theirs"
    text += f": {', '.join(apart)}" if apart else ""
    text += f"; of {alike} an untrained network shows as much" if alike else ""
    if unsure := len(rest) - alike:
        twins = max(len(twins) for _, twins in rest)
        text += f"; of {unsure} it cannot be told with {twins} twin{'s' if twins > 1 else ''}"
    return f"{text}."


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
    heads = [head for head in window["prediction"] if _learned(window, head)]
    for head, where in window["strongest"].items():
        if head in heads:
            but = f" But {held}." if (held := _held(window, head)) else ""
            yield f"{head} rests most on {_span(where)}: without it the {_changes(window, head)}.{but}"
    yield from _on_nothing(window, heads)
    for head, orders in window["erasure"].items():
        if "occlusion" in orders:
            for measure, where in (("deletion", "silence"), ("noise deletion", "noise")):
                falls = {order: orders[order][measure] for order in ("occlusion", "loudest", "random")}
                fall = "fall of the logit" if _what(window, head) == "logit" else "change of the value, up or down,"
                what = f"mean {fall} by deletion"
                yield f"{head}, {what}, with {where} instead: {_listed(falls)}"
    for head in window["prediction"]:
        moved = _farthest(window, head)
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
            said = f"{_class(window, head, label)}{f', from {ends}' if ends else ''}"
            yield f"{head}: {said} (p = {p:.2f}, logit {fine(logit)}){worth}."


def named(window: Mapping[str, Any], head: str) -> bool:
    """Whether a head's classes are the four emotions in their order: of this project's networks, whose scores are
    known; another's head of this name may have others."""
    return head == EMOTION and head in window.get("scores", {})


def _class(window: Mapping[str, Any], head: str, label: int) -> str:
    """A class in words: `class 2`, or an emotion."""
    return EMOTIONS[label] if named(window, head) else f"class {label}"


def _what(window: Mapping[str, Any], head: str) -> str:
    """What changes: the logit of a class, or a value."""
    return "value" if window["prediction"][head]["label"] is None else "logit"


def _changes(window: Mapping[str, Any], head: str) -> str:
    """What happens without the window on which a head rests most; a value may rise."""
    drop = window["strongest"][head]["drop"]
    return f"{_what(window, head)} {'rises' if drop < 0 else 'falls'} by {abs(drop):.3g}"


def _held(window: Mapping[str, Any], head: str) -> str:
    """How many windows hold the logit down by more than any lifts it, a clause; empty if none does."""
    if not (found := window.get("held_down", {}).get(head)):
        return ""
    count, of = found["windows"], found["of"]
    many = f"most windows ({count} of {of})" if 2 * count > of else f"{count} of {of} windows"
    more = " by more" if head in window["strongest"] else ""
    down = f"{many} hold{'s' if count == 1 else ''} it down{more}"
    if "start_s" not in found:  # which one is decided by chance
        return f"{down}: the logit rises by up to {found['rise']:.3g} without one of them"
    return f"{down}: without {_span(found)} the logit rises by {found['rise']:.3g}"


def _on_nothing(window: Mapping[str, Any], heads: Sequence[str]) -> Iterator[str]:
    """Of heads that rest on no window, and are held down by some, that they are."""
    for head in heads:
        if head not in window["strongest"] and (held := _held(window, head)):
            yield f"{head} rests on no window that is known: {held}."


def _span(where: Mapping[str, float]) -> str:
    return f"{where['start_s']:.2f}-{where['end_s']:.2f} s"


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


def _farthest(window: Mapping[str, Any], head: str) -> list[str]:
    """The alterations that change a head's logit, or value, most, each at its strongest dose, beside its sham."""
    best = []
    for name, entry in window.get("interventions", {}).items():
        doses = {dose: effect for dose, effect in entry["heads"][head].items() if dose != "sham"}
        beyond = {dose: abs(effect["change"] - effect.get("length_control", 0.0)) for dose, effect in doses.items()}
        dose = max(beyond, key=lambda key: beyond[key])
        sham, length = entry["heads"][head].get("sham"), doses[dose].get("length_control")
        beside = f", {fine(sham['change'], 2, '+')} by the processing alone" if sham else ""
        beside += f", {fine(length, 2, '+')} by the length alone" if length is not None else ""
        now = doses[dose]["label"]
        label = f", {_class(window, head, now)}" if now is not None else ""
        change = fine(doses[dose]["change"], 2, "+")
        text = f"{name.replace('_', ' ')} {dose} {entry['unit']} ({change}{label}{beside})"
        best.append((beyond[dose], text))
    return [text for _, text in sorted(best, reverse=True)[:SHOWN]]


def _prototypes(sought: Mapping[str, Any], found: Mapping[str, Any]) -> Block:
    """What was sought; of a head that answers with a value its low and its high end, by the value itself."""
    if sought["refused"]:
        return Notes("Prototypes", (f"There are none: {sought['refused']}",))
    window = next(iter(found["recordings"].values()))["windows"][0]
    rows = tuple(
        (
            kind,
            head,
            end,
            number(answered(end, entry["logit"]), 2),
            MISSING if (initial := entry["initial_logit"]) is None else number(answered(end, initial), 2),
            f"{entry['converged']}/{entry['restarts']}",
            number(entry["descriptors"]["centroid_hz"], 0),
            number(entry["descriptors"]["crest_db"], 1),
        )
        for kind, heads in sought["targets"].items()
        for head, labels in heads.items()
        for label, entry in labels.items()
        for end in [_end(window, head, int(label))]
    )
    what = " or ".join(dict.fromkeys(_what(window, head) for heads in sought["targets"].values() for head in heads))
    header = ("parametrisation", "head", "label", what, "untrained", "converged", "centroid, Hz", "crest, dB")
    return Table("Prototypes: the signals that maximise each answer, at one level", header, (rows,), labels=3)


def _end(window: Mapping[str, Any], head: str, label: int) -> str:
    """What a label of a head is called: a class' number or emotion, of a value its low or high end."""
    if _what(window, head) == "value":
        return tuple(SIGNS)[label]
    return EMOTIONS[label] if named(window, head) else str(label)


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None and value == value]


def _range(values: Sequence[float | None]) -> str:
    known = _known(values)
    return f"{min(known):.2f} .. {max(known):.2f}" if known else ""


def _listed(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {fine(value)}" for name, value in values.items()) + "."
