"""What the charts show, as plain lists and mappings: matplotlib and the page's script draw the same numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from elor.evidence.interventions import Intervention
from elor.evidence.prototypes import Descriptor, Prototypes
from elor.evidence.saliency import Estimate, Saliency
from elor.report.findings import METHODS, READING, Findings
from elor.report.results import GUESSES, SCORE_TITLES, Results, title

MEL_TICKS = (100, 500, 1_000, 2_000, 4_000)
"""Hz that a mel axis is marked at."""

Mark = dict[str, Any]
"""One point: `value`, `low`, `high` (None where there is no interval), and what else its chart needs."""

READINGS = {
    "signed": "r(S, x), the slice's own samples",
    "padded": "r(S, x), padding included (the paper's)",
    "padded magnitude": "r(|S|, |x|), padding included",
    "magnitude": "r(|S|, |x|)",
    "envelope": "r of 25-ms levels",
    "level": "Spearman's r of 25-ms levels",
}

ROLES = {
    "own": "each fold's own network on its test slices",
    "exemplary": "the exemplary speaker's network on all slices (the paper's way)",
}

DESCRIPTOR_NAMES = {
    "centroid_hz": ("spectral centroid", "Hz"),
    "bandwidth_hz": ("bandwidth", "Hz"),
    "rolloff_hz": ("85 % roll-off", "Hz"),
    "share_above_2k": ("energy above 2 kHz", "share"),
    "pauses": ("pauses", "count"),
    "pause_total_s": ("pauses in total", "s"),
    "pause_mean_s": ("mean pause", "s"),
    "pause_irregularity": ("irregularity of pauses", "ratio"),
    "pause_trend": ("trend of pauses", "octaves"),
    "peak": ("peak", "full scale"),
    "crest_db": ("crest factor", "dB"),
    "kurtosis": ("kurtosis", "ratio"),
    "rms_dbfs": ("level", "dBFS"),
    "lufs": ("loudness", "LUFS"),
    "periodic_s": ("periodic in all", "s"),
    "longest_periodic_s": ("longest periodic run", "s"),
    "hnr_db": ("harmonics to noise", "dB"),
}


def scores(found: Results) -> dict[str, list[Mark]]:
    """By dimension the networks' headline scores with intervals, then guesses and people where there are any."""
    key, result = found.headline, {}
    for dimension, networks in found.scores.items():
        rows = [_scored(title(net), key, values, "network") | {"network": net} for net, values in networks.items()]
        first = next(iter(networks.values()))
        for guess, name in GUESSES.items():
            if (value := first.get(f"baseline_{guess}_{key}")) is not None:
                rows.append({"name": name, "value": value, "low": None, "high": None, "kind": "guess"})
        if dimension in found.people:
            rows.append(_scored("other evaluators", key, found.people[dimension], "people"))
        result[dimension] = rows
    return result


def speakers(found: Findings) -> dict[str, list[dict[str, Any]]]:
    """By dimension a row per speaker: its name, and per network the score and the number of slices."""
    table, key = found.breakdown, found.results.headline
    if table.empty or key not in table:
        return {}
    some, result = table[table["factor"] == "speaker"], {}
    for dimension, part in some.groupby("dimension", sort=True):
        rows = []
        for speaker, by_network in part.groupby("group", sort=True):
            values = {str(row["network"]): _number(row[key]) for _, row in by_network.iterrows()}
            rows.append({"speaker": str(speaker), "slices": int(by_network["slices"].iloc[0]), "values": values})
        result[str(dimension)] = rows
    return result


def curves(tables: Mapping[str, pd.DataFrame]) -> dict[str, list[dict[str, Any]]]:
    """By network a line per fold: `points` (epoch, validation score) and the epoch that was kept."""
    result = {}
    for network, table in tables.items():
        lines = []
        for fold, rows in table.groupby("fold", sort=True):
            points = [[int(epoch), _number(score)] for epoch, score in zip(rows["epoch"], rows["score"], strict=True)]
            kept = rows.loc[rows["selected"] == 1, "epoch"]
            lines.append({"name": str(fold), "points": points, "kept": int(kept.iloc[0]) if len(kept) else None})
        result[network] = lines
    return result


def controls(saliency: Saliency, role: str, reading: str) -> list[dict[str, Any]]:
    """A row per pair and method: r of the trained network, and that of every control, each with its interval.

    A method keeps the reading it has (occlusion has windows, not samples) and says which.

    Returns:
        Rows with pair, what (the pair in words), method, reading, verdict, paper (its number or None) and marks: name,
        value, low, high, n.
    """
    rows = []
    by_method = saliency.role(role)
    pairs = list(dict.fromkeys(pair for method in METHODS for pair in by_method.get(method, {})))
    for pair, method in ((pair, method) for pair in pairs for method in METHODS):
        entry = by_method.get(method, {}).get(pair)
        if entry is None:
            continue
        own = reading if reading in entry.readings else READING.get(method, entry.decisive)
        if own not in entry.readings:
            continue
        marks = [_correlated("trained", entry.readings[own].trained)]
        for name, control in entry.controls.items():
            if own in control.readings:
                marks.append(_correlated(name, control.readings[own]))
        verdict = entry.readings[own].contrast.verdict
        paper = entry.paper if own in ("padded", "signed") else None
        row = {"pair": pair, "what": _what(pair), "method": method, "reading": own, "verdict": verdict}
        rows.append(row | {"paper": paper, "marks": marks})
    return rows


def bands(saliency: Saliency) -> dict[str, list[dict[str, Any]]]:
    """By head a point per mel band: its middle (`mel`, and `hertz`), its share in the fall of the logit without bands
    (`value`, with `low` and `high`), and that in untrained networks (`untrained`)."""
    found = {}
    for head, entry in saliency.bands.items():
        edges = mel(entry.edges_hz)
        middles = (edges[:-1] + edges[1:]) / 2
        names = {"value": "trained", "low": "low", "high": "high", "untrained": "untrained"}
        found[head] = [
            {"mel": float(middle), "hertz": float(hertz(middle))}
            | {name: getattr(entry, key)[band] for name, key in names.items()}
            for band, middle in enumerate(middles)
        ]
    return found


def mel(frequencies: ArrayLike) -> NDArray:
    """Hz on the mel scale."""
    return 2595 * np.log10(1 + np.asarray(frequencies, dtype=float) / 700)


def hertz(mels: ArrayLike) -> NDArray:
    """The inverse of `mel`."""
    return 700 * (10 ** (np.asarray(mels, dtype=float) / 2595) - 1)


def sampled(saliency: Saliency) -> int:
    """Slices that deletion, insertion and band occlusion were measured on; 0 if that is not said."""
    entries = (entry for orders in saliency.erasure.values() for by in orders.values() for entry in by.values())
    return max((entry.slices for entry in entries), default=0)


def _what(pair: str) -> str:
    """What is correlated, in words; a pair without two sides is the two heads at the flattened layer."""
    one, _, other = pair.partition("~")
    if not other:
        return f"the heads' gradients, {one} layer"
    return f"{one} map, {'waveform' if other == 'input' else f'{other} map'}"


def doses(network: Mapping[str, Intervention]) -> list[dict[str, Any]]:
    """Of one network in metrics/interventions.json a panel per intervention: name, unit, and by head its points.

    Doses that are no numbers stand in their order.
    """
    panels = []
    for name, entry in network.items():
        lines = []
        for head, measured in entry.heads.items():
            points = [
                {"dose": _dose(dose, place), "value": point.change, "low": point.low, "high": point.high}
                for place, (dose, point) in enumerate(measured.doses.items())
            ]
            points = sorted((point for point in points if point["value"] is not None), key=lambda p: p["dose"])
            counts = [(point.speakers, point.slices) for point in measured.doses.values()]
            lines.append({"head": head, "points": points, "counts": counts, "verdict": measured.verdict})
        panels.append({"name": name.replace("_", " "), "unit": entry.unit, "what": entry.what, "lines": lines})
    return panels


def descriptors(found: Prototypes, key: str) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """By descriptor and head the labels of the prototypes of one `mode.parametrisation`: fold points and their mean.

    A point is a fold's network: the median over its converged restarts. Untrained networks are left out.

    Args:
        found: metrics/prototypes.json.
        key: which prototypes.

    Returns:
        {descriptor: {head: [{label, value, low, high, folds: [value]}]}}, every label of a head; `value` is the mean
        of the folds with its t-interval, None where nothing converged or the descriptor is undefined. Descriptors
        without a value are left out.
    """
    heads = found.table.get(key, {})
    result = {}
    for name in DESCRIPTOR_NAMES:
        rows = {
            head: [_described(label, entry.descriptors[name]) for label, entry in labels.items()]
            for head, labels in heads.items()
        }
        if any(row["folds"] for some in rows.values() for row in some):
            result[name] = rows
    return result


def _described(label: str, entry: Descriptor) -> dict[str, Any]:
    kept = {"value": entry.mean, "low": entry.ci_low, "high": entry.ci_high, "folds": list(entry.points)}
    return {"label": label} | kept


def ways(prototypes: Prototypes) -> list[str]:
    """Each `mode.parametrisation` that metrics/prototypes.json has, the paper's own first."""
    return sorted(prototypes.table, key=lambda key: (key != "paper.time", key))


def way(key: str) -> str:
    """`mode.parametrisation` in words: `the paper's objective, searched over samples`."""
    mode, parametrisation = key.split(".")
    modes = {"paper": "the paper's objective", "level": "at the level of speech"}
    searched = {"time": "searched over samples", "fourier": "searched over a 1/f spectrum"}
    return f"{modes.get(mode, mode)}, {searched.get(parametrisation, parametrisation)}"


def score_title(found: Results) -> str:
    """UAR, or CCC where the heads answer with values."""
    return SCORE_TITLES[found.headline]


def _scored(name: str, key: str, values: Mapping[str, Any], kind: str) -> Mark:
    return {"name": name, "value": values[key], "low": values["ci_low"], "high": values["ci_high"], "kind": kind}


def _correlated(name: str, estimate: Estimate) -> Mark:
    kept = {"value": estimate.r, "low": estimate.low, "high": estimate.high}
    return {"name": name, **kept, "slices": estimate.slices, "speakers": estimate.speakers}


def _dose(text: str, place: int) -> float:
    try:
        return float(text)
    except ValueError:
        return float(place)


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(f"{value:.6g}")
