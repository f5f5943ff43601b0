"""What was predicted of recordings, as people and programs read it: a table for the terminal, CSV rows, JSON."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from elor.corpora.faults import plural
from elor.ensemble import WINDOW_S, Ensemble, Prediction, expected, folds_of, label
from elor.provenance import DEMO
from elor.report import html
from elor.report.results import title
from elor.report.sentences import worthless
from elor.report.text import MISSING, Block, Notes, Row, Table, number
from elor.targets import Head, scale

NOT_THE_RATERS = (
    "How far raters lie apart was learned, but is not among these answers: they are the means. +- in the table, and "
    "`spread` in JSON and CSV, say how far the networks lie apart."
)

Found = Mapping[str, Prediction]
"""Predictions by recording."""


SHORTEST_S = 0.5
"""Seconds below which an answer is not to be relied on: hardly a word is shorter."""

NEVER_HEARD = (
    "These networks have never heard a person: they learnt from the demonstration corpus, invented speech with planted "
    "emotion. What they say of a real voice shows that the machinery works, and nothing else."
)


def blocks(found: Found, ensemble: Ensemble, windows: bool = False) -> list[Block]:
    """The table of the terminal, with a row per recording or, if `windows`, per window; and how to read it."""
    titles = tuple(name for head in ensemble.heads for name in _titles(head, len(ensemble.folds)))
    short = _short(found)
    items = _care(found, short, ensemble)
    care = [Notes("Take care", items)] if items else []
    if windows:
        groups = tuple(tuple(_window_rows(short[name], prediction)) for name, prediction in found.items())
        return [Table(caption(ensemble), ("recording", "from s", "to s", *titles), groups), *care, _reading(ensemble)]
    rows = tuple((short[name], _seconds(found[name].seconds), *_cells(found[name])) for name in found)
    return [Table(caption(ensemble), ("recording", "seconds", *titles), (rows,)), *care, _reading(ensemble)]


def as_html(prediction: Prediction) -> str:
    """One recording, for a notebook: a row for the whole, and one per window."""
    titles = tuple(name for head in prediction.heads for name in _titles(head, len(prediction.folds)))
    whole = ("whole", _seconds(0.0), _seconds(prediction.seconds), *_cells(prediction))
    groups = ((whole,), tuple(_window_rows("window", prediction)))
    caption = f"Answers of {plural(len(prediction.folds), 'network')}"
    return html.blocks(Table(caption, ("", "from s", "to s", *titles), groups))


def _care(found: Found, short: Mapping[str, str], ensemble: Ensemble) -> tuple[str, ...]:
    """What speaks against relying on the answers: what the networks have heard, how well they answer, what is short."""
    known, items = ensemble.provenance, []
    if known.corpus == DEMO:
        items.append(NEVER_HEARD)
    for head in (head.name for head in ensemble.heads if known.at_chance(head.name)):
        items.append(f"{worthless(head, known.scores[head].p)}, so its answers mean nothing.")
    if not known.corpus or not known.scores:
        items.append("What these networks learnt from, or how well they answer, is not known here.")
    if any(head.spread for head in ensemble.heads):
        items.append(NOT_THE_RATERS)
    if brief := [short[name] for name, one in found.items() if one.seconds < SHORTEST_S]:
        items.append(too_short(brief, ", the rest of the window is silence"))
    return tuple(items)


def too_short(names: Sequence[str], besides: str = "") -> str:
    """What is to be said of recordings below `SHORTEST_S`."""
    return f"Too short to judge, less than {SHORTEST_S:g} s of sound{besides}: {', '.join(names)}."


def caption(ensemble: Ensemble) -> str:
    """Who predicted: `ELoR, mean of 10 networks`."""
    names, folds = ensemble.folds, folds_of(ensemble.folds)
    who = f"mean of {len(names)} networks" if len(names) > 1 else f"network of fold {names[0]}"
    who += f" of fold {folds[0]}" if len(names) > len(folds) == 1 else ""
    return f"{title(ensemble.network)}, {who}"


def table(found: Found) -> pd.DataFrame:
    """A row per recording and window; labels and probabilities are named as in the pipeline's data/predictions/.

    Columns: recording; slice and utterance, as `elor score` knows them, where all windows are the slices of the
    pipeline; window, start_s, end_s; `<head>` and `<head>_p<k>`, or `<head>_value`; `<head>_spread`, how far the
    networks (not the raters) lie apart.
    """
    rows, sliced = [], all(_on_slices(prediction) for prediction in found.values())
    for (name, prediction), utterance in zip(found.items(), _utterances(list(found)), strict=True):
        for index, (start, end) in enumerate(zip(prediction.starts, prediction.ends, strict=True)):
            row: dict[str, Any] = {"recording": name}
            row |= {"slice": f"{utterance}_{index}", "utterance": utterance} if sliced else {}
            row |= {"window": index, "start_s": start, "end_s": end}
            for head in prediction.heads:
                row |= _columns(head, prediction.windows(head.name)[index])
                row[f"{head.name}_spread"] = prediction.spread(head.name, index)
            rows.append(row)
    return pd.DataFrame(rows)


def _on_slices(prediction: Prediction) -> bool:
    """Whether windows follow each other as the slices of the pipeline do."""
    return bool((prediction.starts == WINDOW_S * np.arange(len(prediction.starts))).all())


def _utterances(names: list[str]) -> list[str]:
    """What a manifest calls the recordings: the files' names, or their paths where these are not unique."""
    paths = [Path(name).with_suffix("") for name in names]
    stems = Counter(path.name for path in paths)
    return [path.name if stems[path.name] == 1 else str(path).lstrip("./").replace("/", "-") for path in paths]


def as_json(found: Found, failed: Mapping[str, str], ensemble: Ensemble) -> dict[str, Any]:
    """Everything as plain values.

    Keys: network, folds (see `Ensemble`), about (corpus, scores by head, classes), care (what speaks against relying on
    the answers), heads (names of the classes; null for values), recordings (recording, seconds, one answer per head,
    note, and windows: start_s, end_s, silent, one answer per head) and failed (recording, reason). An answer has label,
    expected, spread and probabilities, or value and spread: `spread` is how far the networks lie apart.
    """
    return {
        "network": ensemble.network,
        "folds": list(ensemble.folds),
        "about": ensemble.provenance.tree(),
        "care": list(_care(found, {name: name for name in found}, ensemble)),
        "heads": {head.name: list(head.labels) or None for head in ensemble.heads},
        "recordings": [_recording(name, prediction) for name, prediction in found.items()],
        "failed": [{"recording": name, "reason": reason} for name, reason in failed.items()],
    }


def _recording(name: str, prediction: Prediction) -> dict[str, Any]:
    spans = enumerate(zip(prediction.starts, prediction.ends, prediction.silent, strict=True))
    windows = [
        {"start_s": start, "end_s": end, "silent": silent} | _answers(prediction, index)
        for index, (start, end, silent) in spans
    ]
    first = {"recording": name, "seconds": prediction.seconds, "note": prediction.note}
    return {**first, **_answers(prediction), "windows": windows}


def _answers(prediction: Prediction, window: int | None = None) -> dict[str, dict[str, Any]]:
    answers = {}
    for head in prediction.heads:
        answer = prediction.by_fold(head.name, window).mean(axis=0)
        spread = {"spread": prediction.spread(head.name, window)}
        if head.valued:
            answers[head.name] = {"value": answer[0]} | spread
        else:
            first = {"label": _class(answer), "expected": expected(head.name, answer)}
            answers[head.name] = first | spread | {"probabilities": answer}
    return answers


def _columns(head: Head, answer: np.ndarray) -> dict[str, Any]:
    if head.valued:
        return {head.column: answer[0]}
    best = _class(answer)
    return {head.column: "" if best is None else best} | dict(zip(head.share_columns, answer, strict=True))


def _class(answer: np.ndarray) -> int | None:
    """The number of the likeliest class; None where there was silence."""
    return None if np.isnan(answer).any() else int(answer.argmax())


def _short(found: Found) -> dict[str, str]:
    """Names that fit a terminal: those of the files, if they tell the recordings apart."""
    short = {name: Path(name).name for name in found}
    return short if len(set(short.values())) == len(short) else {name: name for name in found}


def _titles(head: Head, folds: int) -> Row:
    if not head.ordered:
        return head.name, "p"
    spread = ("+-",) if folds > 1 else ()
    return (head.name, *spread) if head.valued else (head.name, "p", "expected", *spread)


def _window_rows(name: str, prediction: Prediction) -> Iterator[Row]:
    for index, (start, end) in enumerate(zip(prediction.starts, prediction.ends, strict=True)):
        yield (name, _seconds(start), _seconds(end), *_cells(prediction, index))


def _seconds(value: float) -> str:
    """To a tenth; what lasts less than a second to a hundredth."""
    return number(value, 2 if 0 < value < 1 else 1)


def _cells(prediction: Prediction, window: int | None = None) -> Iterator[str]:
    """What stands below `_titles`."""
    for head in prediction.heads:
        answer = prediction.by_fold(head.name, window).mean(axis=0)
        if not head.valued:
            yield label(head.name, answer) or MISSING
            yield number(float(answer.max()), 2)
        if head.ordered:
            yield number(expected(head.name, answer), 2)
            if len(prediction.folds) > 1:
                yield number(prediction.spread(head.name, window), 2)


def _reading(ensemble: Ensemble) -> Notes:
    items = []
    if any(not head.valued for head in ensemble.heads):
        items.append(
            "p: mean probability of the likeliest class over windows and networks; not its chance to be right."
        )
    if any(head.ordered and not head.valued for head in ensemble.heads):
        items.append("Classes count from 0, the lowest; expected: their mean, weighted by probability.")
    counts = {head.name: head.classes or ensemble.provenance.classes for head in ensemble.heads}
    scales = [f"{name} from {ends}" for name, count in counts.items() if count and (ends := scale(name, count))]
    items += [f"{'; '.join(scales)}."] if scales else []
    folds = folds_of(ensemble.folds)
    if len(ensemble.folds) > 1 and ensemble.heads[0].ordered:
        each = ", each trained without another fold" if len(folds) == len(ensemble.folds) else ""
        items.append(f"+-: standard deviation over the networks{each}.")
    if len(folds) > 1:
        items.append("A voice of the training corpus needs --fold: only the network of its fold has not trained on it.")
    return Notes("How to read it", tuple(items))
