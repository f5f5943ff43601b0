"""What the saliency numbers say: every correlation beside its controls, and a verdict in words.

The decisive comparison is with untrained networks, on the slice's own samples. Each fold's own network meets untrained
networks of its own, so that the fold is the unit (`correlation.contrast`). With up to ten speakers a fold is a speaker;
in larger corpora it holds several, who share one network, trained or not: they count as one observation, in intervals,
contrasts and tests. The exemplary speaker's network is a single one on all slices, whose luck no number of speakers
averages out: it is compared with the spread of the untrained ones (`correlation.among_networks`), and what is said of
that very network (its estimates, its class swap) has speakers as units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from elor.evaluation.comparisons import sign_flip
from elor.evaluation.intervals import speaker_interval
from elor.explain.correlation import READINGS, among_networks, contrast, estimate, over_units, verdict
from elor.explain.erasure import MEASURES
from elor.explain.integrated import TOLERANCE
from elor.explain.saliency.analysis import table_of
from elor.explain.saliency.job import EXEMPLARY, OWN, Found, Job
from elor.explain.saliency.measure import FLATTENED

PAPER = {"arousal~input": 0.50, "valence~input": 0.53, "arousal~valence": 0.96}
"""Wieser et al. 2020, on saliency maps: mean r of guided backpropagation."""

Series = dict[tuple[str, str, str], pd.DataFrame]
"""Rows of one role and method by pair, model and control."""


def summarise(jobs: Sequence[Job], found: Sequence[Found], slices: pd.DataFrame, confidence: float = 0.95) -> dict:
    """Every correlation beside its controls, with intervals, p, and a verdict in words.

    Args:
        jobs, found: the jobs, and what they returned.
        slices: slices.csv.
        confidence: of all intervals.

    Returns:
        Per role (own, exemplary), method and pair: `paper` (its number), `as_the_paper` (plain mean over slices,
        padding included) and `untrained` (the same); `readings`, for every meaning of amplitude the estimate and its
        contrast with untrained networks; `controls`; `labels`; `verdict`; `text`. The pair `flattened` of the method
        `gradient` is that of two heads' gradients at the CNN's output. Besides `model_free`, `integrated`, `overlap`
        and `erasure`.
    """
    tables = {
        name: table_of(jobs, found, name, slices) for name in ("correlations", "integrals", "overlaps", "erasures")
    }
    table = tables["correlations"]
    # what counts as independent: the fold where each has a network of its own, else the speaker
    table["unit"] = table["fold"].where(table["role"] == OWN, table["speaker"])
    for reading in READINGS:  # a reading that no row has is undefined everywhere
        table[reading] = table.get(reading, pd.Series(np.nan, table.index)).astype(float)
    result: dict = {}
    for (role, method), part in table[table["role"] != ""].groupby(["role", "method"], sort=True):
        series = {key: rows for key, rows in part.groupby(["pair", "model", "control"])}
        pairs = [pair for pair, model, control in series if model == "trained" and not control]
        result.setdefault(role, {})[method] = {pair: _pair(series, role, method, pair, confidence) for pair in pairs}
    free = table[table["role"] == ""].groupby("model")
    return result | {
        "model_free": {name: _estimates(rows, confidence) for name, rows in free},
        "integrated": _integrals(tables["integrals"]),
        "overlap": _overlaps(tables["overlaps"], confidence),
        "erasure": _erasures(tables["erasures"], confidence),
    }


def _pair(series: Series, role: str, method: str, pair: str, confidence: float) -> dict:
    """One pair of one role and method: its correlation, its controls, and what follows."""
    trained = series[pair, "trained", ""]
    untrained = [rows for (p, model, _), rows in series.items() if p == pair and model.startswith("untrained")]
    decisive = "signed" if trained["signed"].notna().any() else "envelope"
    readings = {}
    for reading, value in _estimates(trained, confidence).items():
        compared = _against_untrained(trained, untrained, reading, role == EXEMPLARY, confidence)
        readings[reading] = {"trained": value, "contrast": compared}
    entry = {
        "paper": PAPER.get(pair) if method == "guided" else None,
        "as_the_paper": float(trained["padded"].mean()),
        "untrained": float(np.mean([rows["padded"].mean() for rows in untrained])),
        "readings": readings,
        "controls": {"untrained": {"readings": _estimates(pd.concat(untrained), confidence)}}
        | _controls(series, trained, pair, decisive, confidence),
        "labels": {
            str(label): {"r": float(rows["padded"].mean()), "slices": len(rows)}
            for label, rows in trained[trained["label"] >= 0].groupby("label")
        },
        "decisive": decisive,
        "verdict": readings[decisive]["contrast"]["verdict"] if decisive in readings else "undecided: r is undefined",
    }
    return entry | {"text": _sentence(method, pair, entry)}


def _against_untrained(
    trained: pd.DataFrame, untrained: Sequence[pd.DataFrame], reading: str, single: bool, confidence: float
) -> dict:
    """The contrast with untrained networks on the same slices: over speakers, or of one network among many."""
    base = trained.set_index("slice")
    controls = np.stack([rows.set_index("slice")[reading].reindex(base.index) for rows in untrained])
    if single:
        return asdict(among_networks(base[reading], controls, base["fold"], confidence=confidence))
    return asdict(contrast(base[reading], controls, base["speaker"], "untrained", confidence, base["unit"]))


def _controls(series: Series, trained: pd.DataFrame, pair: str, decisive: str, confidence: float) -> dict:
    """All controls on the same network: partly untrained ones, the runner-up class, foreign and shifted waveforms."""
    rows_of = {
        control or model: rows
        for (p, model, control), rows in series.items()
        if p == pair and (control or model.startswith("heads"))
    }
    if (swapped := _swapped(series, pair)) is not None:
        rows_of["class swap"] = swapped
    base, found = trained.set_index("slice"), {}
    for name, rows in sorted(rows_of.items()):
        control = rows.set_index("slice")[decisive].reindex(base.index)
        compared = contrast(base[decisive], control, base["speaker"], name, confidence, base["unit"])
        found[name] = {"readings": _estimates(rows, confidence), "contrast": asdict(compared)}
    return found


def _swapped(series: Series, pair: str) -> pd.DataFrame | None:
    """For two heads: the mean over both of r(map of the class, map of the runner-up) in the same head."""
    one, _, other = pair.partition("~")
    first, second = (series.get((f"{head}~{head}", "trained", "class swap")) for head in (one, other))
    if first is None or second is None:  # one of the two is the input, or a head has a single output
        return None
    mean = first.copy()
    readings = list(READINGS)
    mean[readings] = (first[readings] + second.set_index("slice").loc[first["slice"], readings].to_numpy()) / 2
    return mean


def _estimates(rows: pd.DataFrame, confidence: float) -> dict:
    """An estimate for each reading with a defined value."""
    defined = [reading for reading in READINGS if rows[reading].notna().any()]
    return {reading: asdict(estimate(rows[reading], rows["speaker"], confidence, rows["unit"])) for reading in defined}


def _integrals(table: pd.DataFrame) -> dict:
    """How complete the trained networks' integrated gradients were, per head."""
    return {
        head: {
            "maps": len(rows),
            "median_error": float(rows["error"].median()),
            "incomplete": int((rows["error"] >= TOLERANCE).sum()),
            "most_steps": int(rows["steps"].max()),
        }
        for head, rows in (table[table["model"] == "trained"].groupby("head") if len(table) else ())
    }


def _overlaps(table: pd.DataFrame, confidence: float) -> dict:
    """Jaccard index of two heads' top occlusion windows beside chance, trained and untrained, over folds."""
    found = {}
    for model, rows in table.groupby("model") if len(table) else ():
        excess = over_units(rows["overlap"] - rows["chance"], rows["speaker"], rows["fold"])
        means = {name: float(rows[name].mean()) for name in ("overlap", "chance")}
        found[model.split()[0]] = means | {"slices": len(rows), "over chance": _excess(excess, "chance", confidence)}
    return found


def _erasures(table: pd.DataFrame, confidence: float) -> dict:
    """By head, order and measure (`erasure.MEASURES`): the mean, and against the random and the loudest-first order.

    Loudest-first stands beside untrained networks too. Their logits have another scale, so what is compared is the
    share of slices (`wins`) in which it beats the random order.
    """
    found: dict = {}
    for head, part in table.groupby("head") if len(table) else ():
        for measure in MEASURES:
            whole = part.pivot(index=["model", "fold", "speaker", "slice"], columns="order", values=measure)
            wide = whole.loc["trained"]
            speakers, folds = wide.index.get_level_values("speaker"), wide.index.get_level_values("fold")
            for order in wide:
                entry: dict = {"mean": float(wide[order].mean()), "slices": len(wide)}
                for baseline in sorted({"loudest", "random"} - {order}):
                    excess = over_units(wide[order] - wide[baseline], speakers, folds)
                    entry[f"over {baseline}"] = _excess(excess, f"{baseline} order", confidence)
                found.setdefault(head, {}).setdefault(order, {})[measure] = entry
            won = (whole["loudest"] > whole["random"]).astype(float)
            own, control = won.loc["trained"], won.loc["untrained 0"].reindex(wide.index)
            entry = found[head]["loudest"][measure]
            entry |= {"wins": float(own.mean()), "untrained wins": float(control.mean())}
            entry["over untrained"] = _excess(over_units(own - control, speakers, folds), "untrained", confidence)
    return found


def _excess(differences: NDArray, against: str, confidence: float) -> dict:
    """Mean difference over units, its t-interval, the exact sign-flip p, and what that allows to say."""
    low, high = speaker_interval(differences, confidence)
    test = {"difference": float(differences.mean()), "low": low, "high": high, "p": sign_flip(differences).p}
    return test | {"verdict": verdict(low, high, against)}


def _sentence(method: str, pair: str, entry: dict) -> str:
    """One line that a reader can quote: the number as the paper computes it, the untrained one, and the verdict."""
    one, _, other = pair.partition("~")
    what = f"{one} map and {'input' if other == 'input' else f'{other} map'}"
    if pair == FLATTENED:
        what = "the two heads' logits at the flattened layer"
    paper = f" (paper {entry['paper']:.2f})" if entry["paper"] is not None else ""
    own, control = entry["as_the_paper"], entry["untrained"]
    if not np.isfinite(own):  # occlusion has windows, not samples
        own = entry["readings"].get(entry["decisive"], {}).get("trained", {}).get("r", own)
        control = entry["controls"]["untrained"]["readings"].get(entry["decisive"], {}).get("r", control)
    text = f"{method}: r of {what} is {own:.2f}{paper}, in untrained networks {control:.2f}: {entry['verdict']}"
    if heads := entry["controls"].get("heads untrained"):
        alone = heads["readings"]["padded"]["r"]
        text += f"; with trained convolutions and untrained heads {alone:.2f}: {heads['contrast']['verdict']}"
    return f"{text}."
