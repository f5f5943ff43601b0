"""What the page's charts draw: a flat table per chart, whose columns are those that its description names.

The charts that `dvc plots` draws, too, take the same columns as its tables in plots/data/; `rev`, which tells revisions
apart there, says here which network, or that it is this run.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from elor.audio import SAMPLE_RATE
from elor.evidence.names import Control
from elor.evidence.prototypes import Label, Prototypes
from elor.evidence.saliency import Saliency
from elor.explain.occlusion import hertz, mel
from elor.explain.prototypes.descriptors import DESCRIPTORS, SEARCHED
from elor.files import plain
from elor.report import across, erasure, first_screen
from elor.report.downsample import columns
from elor.report.findings import METHODS, READING, Findings
from elor.report.results import Results, title
from elor.report.score_tables import GUESSES, PEOPLE
from elor.report.spectra import floor
from elor.targets import EMOTIONS, ordered

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

COMPARED = {
    "trained": "trained networks",
    Control.initial: "untrained networks",
    Control.shifted: "shifted waveform",
    Control.class_swap: "runner-up class",
    Control.heads: "random heads",
    Control.other_waveform: "another waveform",
    "paper": "the paper",
}
"""What stands beside each other in the figure of the controls, in words as short as its legend's."""

DESCRIPTOR_NAMES = {name: (one.title, one.axis or one.unit) for name, one in DESCRIPTORS.items()}
"""What each descriptor is called, and what its axis says."""

MARKS = {"networks": "network", "people": "people", "guesses": "guess"}
"""What a row of scores is; a mark means the same in every chart of the page (elor/report/templates/charts.js)."""

MOST_GROUPS = 30
"""Groups of a factor, other than speakers, that the page shows."""

OUTLINE = 150
"""Stretches of a prototype's waveform."""

BANDS = np.geomspace(62.5, 8_000.0, 64)
"""Hz, at which the page draws spectra."""

Rows = Iterator[dict[str, Any]]


def tables(found: Findings) -> dict[str, dict[str, Any]]:
    """Every chart's table by its name, as names of columns and rows."""
    made = {
        "answer": pd.DataFrame(first_screen.answers(found.saliency)),
        "scores": pd.DataFrame(scores(found.results)),
        "groups": groups(found),
        "confusion": pd.DataFrame(confusion(found)),
        "reliability": reliability(found),
        "curves": curves(found),
        "controls": pd.DataFrame(row for role in ROLES for row in _controls(found.saliency, role)),
        "erasure": pd.DataFrame(erasure.curves(found.saliency, found.results.output)),
        "bands": pd.DataFrame(bands(found.saliency)),
        "prototypes": pd.DataFrame(prototypes(found)),
        "descriptors": pd.DataFrame(descriptors(found.prototypes)),
        "interventions": pd.DataFrame(interventions(found)),
        "transfer": pd.DataFrame(across.rows(found)),
    }
    return {
        name: {"columns": list(one), "rows": plain(one.to_numpy(object).tolist(), 5, significant=True)}
        for name, one in made.items()
    }


def scores(found: Results) -> Rows:
    """The networks' headline scores with intervals, then guesses and people where there are any."""
    key = found.headline
    for dimension, networks in found.scores.items():
        people = {PEOPLE: found.people[dimension]} if dimension in found.people else {}
        first = next(iter(networks.values()))
        chance = first.get("baseline_uniform_uar") if key == "uar" else 0.0
        guesses = {name: first.get(f"baseline_{guess}_{key}") for guess, name in GUESSES.items()}
        for kind, entries in (("networks", networks), ("people", people)):
            for name, one in entries.items():
                numbers = {"value": one[key], "low": one["ci_low"], "high": one["ci_high"]}
                known = {"dimension": dimension, "row": title(name), "series": kind, "chance": chance}
                yield known | {"kind": MARKS[kind]} | numbers
        for name, value in guesses.items():
            if value is not None:
                numbers = {"value": value, "low": None, "high": None}
                known = {"dimension": dimension, "row": name, "series": "guesses", "chance": chance}
                yield known | {"kind": MARKS["guesses"]} | numbers


def groups(found: Findings) -> pd.DataFrame:
    """A row per dimension, factor, group and network: its score with its interval, slices, speakers and classes."""
    table, key = found.breakdown, found.results.headline
    names = {key: "value", "ci_low": "low", "ci_high": "high"}
    kept = ["dimension", "factor", "group", "slices", "speakers", "classes", "network", *names.values()]
    if table.empty or key not in table:
        return pd.DataFrame(columns=kept)
    some = _fewer(table)[0].rename(columns=names).reindex(columns=kept)
    some = some[some["dimension"].isin(found.results.scores)].astype({"group": str})
    some = some.sort_values(["dimension", "factor", "group"], kind="stable")
    row = some["group"] + " (" + some["slices"].astype(str) + ")"
    chance = 1 / some["classes"].astype(float) if key == "uar" else 0.0
    known = {"row": row, "series": some["network"].map(title), "kind": "network", "chance": chance}
    return some.assign(**known).reset_index(drop=True)


def crowded(found: Findings) -> dict[str, int]:
    """By factor that the page leaves out, as it has too many groups, how many."""
    return {} if found.breakdown.empty else _fewer(found.breakdown)[1]


def _fewer(table: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """The rows of factors with few groups, and of speakers; and how many groups the other factors have."""
    count = table.astype({"group": str}).groupby("factor")["group"].nunique()
    many = count[(count > MOST_GROUPS) & (count.index != "speaker")]
    return table[~table["factor"].isin(many.index)], {str(factor): int(groups) for factor, groups in many.items()}


def confusion(found: Findings) -> Rows:
    """How often each rated class was predicted as each, by dimension and network."""
    for dimension, networks in found.confusion.items():
        for network, counts in networks.items():
            for (actual, predicted), count in np.ndenumerate(counts):
                if count:
                    names = (label if ordered(dimension) else EMOTIONS[label] for label in (actual, predicted))
                    place = dict(zip(("actual", "predicted"), names, strict=True)) | {"count": int(count)}
                    yield {"dimension": dimension, "rev": title(network)} | place


def reliability(found: Findings) -> pd.DataFrame:
    """plots/data/scores/reliability.csv: the bins of confidence that hold slices."""
    if found.reliability.empty:
        return pd.DataFrame(columns=["network", "dimension", "count"])
    some = found.reliability[found.reliability["count"] > 0]
    return some.assign(network=some["network"].map(title), rev="this run").reset_index(drop=True)


def curves(found: Findings) -> pd.DataFrame:
    """plots/data/curves of all networks."""
    tables = [table.assign(network=network, rev=title(network)) for network, table in found.curves.items()]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["network"])


def controls(saliency: Saliency, role: str, reading: str) -> Rows:
    """A row per pair, method and control: its r with its interval, the trained network's first.

    A method of one reading keeps it (occlusion has windows, not samples); a pair without the reading is left out.

    Yields:
        pair, what (the pair in words), method, reading (that is drawn), name (of the control, or `trained`), estimate;
        `paper` has a number alone.
    """
    by_method = saliency.role(role)
    pairs = list(dict.fromkeys(pair for method in METHODS for pair in by_method.get(method, {})))
    for pair, method in ((pair, method) for pair in pairs for method in METHODS):
        entry = by_method.get(method, {}).get(pair)
        if entry is None:
            continue
        own = READING.get(method, reading)
        if own not in entry.readings:
            continue
        known = {"pair": pair, "what": _what(pair), "method": method, "reading": own}
        yield known | {"name": "trained", "estimate": entry.readings[own].trained}
        for name, control in entry.controls.items():
            if own in control.readings:
                yield known | {"name": name, "estimate": control.readings[own]}
        if entry.paper is not None and own in ("padded", "signed"):
            yield known | {"name": "paper", "estimate": None, "value": entry.paper}


def _controls(saliency: Saliency, role: str) -> Rows:
    for reading in READINGS:
        for row in controls(saliency, role, reading):
            one = row["estimate"]
            numbers = (row["value"], None, None) if one is None else (one.r, one.low, one.high)
            name = f"{row['what']}: {METHODS[row['method']]}{'' if row['reading'] == reading else ', 25-ms levels'}"
            kind = {"trained": "network", "paper": "paper"}.get(row["name"], "control")
            known = {"role": role, "reading": reading, "row": name, "series": compared(row["name"]), "kind": kind}
            yield known | _numbers(*numbers) | {"chance": 0.0}


def compared(name: str) -> str:
    """A control in short words; `heads cnn.2 cnn.1`: the last two convolutions are random, too."""
    heads, *layers = name.split()
    if heads == Control.heads and layers:
        return f"random heads, last {f'{len(layers)} layers' if len(layers) > 1 else 'layer'}"
    return COMPARED.get(name, name)


def bands(saliency: Saliency) -> Rows:
    """By head a point per mel band, at its middle: its share in the fall of the logit, or the value, without
    bands."""
    for head, entry in saliency.bands.items():
        edges = mel(entry.edges_hz)
        for band, middle in enumerate(hertz((edges[:-1] + edges[1:]) / 2)):
            known = {"head": head, "hertz": float(middle)}
            shares = _numbers(entry.trained[band], entry.low[band], entry.high[band])
            yield known | {"networks": "trained"} | shares
            yield known | {"networks": "initial"} | _numbers(entry.initial[band])


def sampled(saliency: Saliency) -> int:
    """Slices that deletion, insertion and band occlusion were measured on; 0 if that is not said."""
    entries = (entry for orders in saliency.erasure.values() for by in orders.values() for entry in by.values())
    return max((entry.slices for entry in entries), default=0)


def interventions(found: Findings) -> Rows:
    """How far each dose moves the answers. Doses that are no numbers stand in their order."""
    for network, entries in found.interventions.networks.items():
        for name, entry in entries.items():
            for head, measured in entry.heads.items():
                known = {
                    "network": network,
                    "rev": title(network),
                    "intervention": name,
                    "unit": entry.unit,
                    "head": head,
                }
                for place, (dose, point) in enumerate(measured.doses.items()):
                    if point.change is not None:
                        numbers = {"change": point.change, "low": point.low, "high": point.high}
                        yield known | {"dose": _dose(dose, place)} | numbers


def prototypes(found: Findings) -> Rows:
    """Every label's prototype: the best restart's outline, in thousandths of the highest peak that its way has, and the
    spectra of all restarts at equal steps of octaves, the best first; `floor`, the lowest level that its way shows."""
    for way_, some in found.fig5.items():
        peak = max((np.abs(one.signal).max() for one in some), default=0.0) or 1.0
        levels = [[np.interp(BANDS, one.hertz, row).round(1).tolist() for row in one.spectra] for one in some]
        for one, spectra in zip(some, levels, strict=True):
            outline = np.rint(1000 * columns(one.signal, OUTLINE) / peak).astype(int)
            known = {"way": way_, "panel": f"{one.head} {one.label}", "head": one.head}
            known |= {"seconds": len(one.signal) / SAMPLE_RATE, "peak": float(peak), "floor": floor(levels)}
            known |= {"low": outline[:, 0].tolist(), "high": outline[:, 1].tolist()}
            yield known | {"lowest": BANDS[0], "highest": BANDS[-1], "converged": one.converged, "spectra": spectra}


def descriptors(found: Prototypes) -> Rows:
    """By way, descriptor, head and label a row for the mean over the folds' networks (`value`, with its t-interval;
    None where nothing converged or the descriptor is undefined), and one for each of them (`fold`: the median of its
    converged restarts).

    Untrained networks are left out, and descriptors without a value in one way.
    """
    for key, heads in found.table.items():
        entries = [(head, label, entry) for head, labels in heads.items() for label, entry in labels.items()]
        for name, (words, unit) in DESCRIPTOR_NAMES.items():
            if not has_values(heads, name):
                continue
            for head, label, entry in entries:
                one = entry.descriptors[name]
                known = {"way": key, "descriptor": f"{words} ({unit})", "head": head, "label": label}
                yield known | _numbers(one.mean, one.ci_low, one.ci_high) | {"fold": None}
                for fold in one.points:
                    yield known | _numbers(None) | {"fold": fold}


def has_values(heads: Mapping[str, Mapping[str, Label]], name: str) -> bool:
    """Whether any label's prototypes have a value of a descriptor."""
    return any(entry.descriptors[name].points for labels in heads.values() for entry in labels.values())


def ways(prototypes: Prototypes) -> list[str]:
    """Each `mode.parametrisation` that metrics/prototypes.json has, the paper's own first."""
    return sorted(prototypes.table, key=lambda key: (key != "paper.time", key))


def way(key: str) -> str:
    """`mode.parametrisation` in words: `the paper's objective, searched over samples`."""
    mode, parametrisation = key.split(".")
    modes = {"paper": "the paper's objective", "level": "at the level of speech"}
    return f"{modes.get(mode, mode)}, {SEARCHED.get(parametrisation, parametrisation)}"


def _what(pair: str) -> str:
    """What is correlated, in words; a pair without two sides is the two heads at the flattened layer."""
    one, _, other = pair.partition("~")
    if not other:
        return f"the heads' gradients, {one} layer"
    return f"{one} map, {'waveform' if other == 'input' else f'{other} map'}"


def _numbers(value: float | None, low: float | None = None, high: float | None = None) -> dict[str, float | None]:
    return {"value": value, "low": low, "high": high}


def _dose(text: str, place: int) -> float:
    try:
        return float(text)
    except ValueError:
        return float(place)
