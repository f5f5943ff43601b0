"""What `elor explain` prints of a recording: a table of maps beside their controls, and sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from elor.explain.integrated import TOLERANCE
from elor.report.text import Block, Notes, Table, number

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
    notes = [f"Network: {found['model']['name']}."]
    if found["model"]["reason"]:
        notes.append(f"There is no untrained control: {found['model']['reason']}.")
    return [*parts, Notes("How to read it", (*notes, *READING))]


READING = (
    "r: of the map and the signal (for segments, windows and bands: and their level). Beside it the same in untrained "
    "twins of the network: where theirs include it, it says nothing about what was learned.",
    "Two classes: r of the maps of the predicted and of the second class of the same head. Where it is high, the map "
    "hardly depends on what is asked.",
    "One recording shows what this network did here; what holds in general needs many speakers (dvc repro).",
)


def _window(name: str, window: Mapping[str, Any]) -> list[Block]:
    rows = tuple(
        (
            head,
            method["title"],
            number(entry["r"], 2),
            _range(entry["untrained"]),
            number(entry.get("class_swap", {}).get("maps"), 2),
            _range(entry.get("shifted") or []),
            number(entry.get("other"), 2),
            entry["verdict"].split(" (")[0],
        )
        for method in window["methods"].values()
        for head, entry in method["heads"].items()
    )
    header = ("head", "method", "r", "untrained", "two classes", "shifted", "other sound", "verdict")
    return [Table(f"{name}: maps beside their controls", header, (rows,), labels=2), Notes(name, tuple(_said(window)))]


def _said(window: Mapping[str, Any]) -> Iterator[str]:
    """The window's sentences."""
    if window["remark"]:
        yield window["remark"]
    for head, answer in window["prediction"].items():
        if answer["label"] is None:
            yield f"{head}: {answer['logits'][0]:.3f}."
        else:
            yield f"{head}: class {answer['label']} (p = {answer['probabilities'][answer['label']]:.2f})."
    for head, where in window["strongest"].items():
        yield (
            f"{head} rests most on {where['start_s']:.2f}-{where['end_s']:.2f} s: without it the logit falls by "
            f"{where['drop']:.3f}."
        )
    for head, orders in window["erasure"].items():
        if "occlusion" in orders:
            for measure, where in (("deletion", "silence"), ("noise deletion", "noise")):
                falls = {order: orders[order][measure] for order in ("occlusion", "loudest", "random")}
                yield f"{head}, mean fall of the logit by deletion, with {where} instead: " + _listed(falls)
    for head in window["prediction"]:
        if moved := _farthest(window.get("interventions", {}), head):
            yield f"{head} is moved farthest by: {'; '.join(moved)}."
    if paths := window["integrated"]:
        errors = ", ".join(f"{head} {completeness(error)}" for head, error in paths["error"].items())
        yield f"Integrated gradients from {paths['baseline']}, completeness error: {errors}."
    for method in window["methods"].values():
        if method["refused"]:
            yield f"{method['title']} was refused: {method['refused']}"
        yield from (entry["text"] for entry in method["between"].values())


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
        dose = max(doses, key=lambda key: abs(doses[key]["change"]))
        sham = entry["heads"][head].get("sham")
        beside = f", {sham['change']:+.2f} by the processing alone" if sham else ""
        now = doses[dose]["label"]
        label = f", class {now}" if now is not None else ""
        text = f"{name.replace('_', ' ')} {dose} {entry['unit']} ({doses[dose]['change']:+.2f}{label}{beside})"
        best.append((abs(doses[dose]["change"]), text))
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
            number(entry["untrained_logit"], 2),
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


def _range(values: list[float]) -> str:
    return f"{min(values):.2f} .. {max(values):.2f}" if values else ""


def _listed(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in values.items()) + "."
