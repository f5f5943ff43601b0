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
from pathlib import Path

import numpy as np
import pandas as pd

from elor.evaluation.intervals import bootstrap, percentile_coverage
from elor.evaluation.units import over_units
from elor.evidence.names import Control
from elor.evidence.saliency import Saliency
from elor.explain.correlation import READINGS, among_networks, contrast, estimate, fisher, tested
from elor.explain.exemplary_speaker import exemplary_speaker
from elor.explain.experiment import Experiment
from elor.explain.saliency import slow_summary
from elor.explain.saliency.job import EXEMPLARY, OWN, SaliencyJob
from elor.explain.saliency.measure import FLATTENED
from elor.explain.saliency.run import plan, run, table_of, write_maps
from elor.explain.windows import Found
from elor.params import ExplainScale
from elor.tables import write_table

PAPER = {"arousal~input": 0.50, "valence~input": 0.53, "arousal~valence": 0.96}
"""Wieser et al. 2020, on saliency maps: mean r of guided backpropagation."""

DRAWS = 2_000
"""Bootstrap samples of the intervals that stand beside the t-intervals."""

EXPLORATORY = (
    "Every p here is of one test alone, uncorrected: exploratory. What was declared beforehand, and is corrected over "
    "all claims together, stands in claims.json."
)

Series = dict[tuple[str, str, str], pd.DataFrame]
"""Rows of one role and method by pair, model and control."""


def analyse(what: Experiment, speaker: str, amount: ExplainScale, confidence: float, folder: Path) -> Saliency:
    """The whole analysis: writes the exemplary maps and the correlations of every slice into a folder.

    Args:
        what: is explained.
        speaker: who is asked for as the exemplary one.
        amount: how much.
        confidence: of all intervals.
        folder: of `<slice>.npz` and correlations.csv.
    """
    jobs = plan(what, exemplary_speaker(what.slices, speaker, what.folds), amount)
    found = run(jobs, what.engine)
    write_maps(folder, found, what.slices)
    write_table(table_of(jobs, found, "correlations", what.slices), folder / "correlations.csv", "%.5g")
    return summarise(jobs, found, what.slices, confidence)


def summarise(
    jobs: Sequence[SaliencyJob], found: Sequence[Found], slices: pd.DataFrame, confidence: float = 0.95
) -> Saliency:
    """Every correlation beside its controls, with intervals, p, and a verdict in words.

    Args:
        jobs, found: the jobs, and what they returned.
        slices: slices.csv.
        confidence: of all intervals.

    Returns:
        What metrics/saliency.json holds. The pair `flattened` of the method `gradient` is that of the gradients of
        arousal and valence at the CNN's output.
    """
    names = ("correlations", "integrals", "masks", "bands", "overlaps", "erasures")
    tables = {name: table_of(jobs, found, name, slices) for name in names}
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
    return Saliency.of(
        result,
        model_free={name: _estimates(rows, confidence) for name, rows in free},
        integrated=slow_summary.integrals(tables["integrals"]),
        masks=slow_summary.masks(tables["masks"], confidence),
        bands=slow_summary.bands(tables["bands"], confidence),
        overlap=slow_summary.overlaps(tables["overlaps"], confidence),
        erasure=slow_summary.erasures(tables["erasures"], confidence),
        exploratory=EXPLORATORY,
    )


def _pair(series: Series, role: str, method: str, pair: str, confidence: float) -> dict:
    """One pair of one role and method: its correlation, its controls, and what follows."""
    trained = series[pair, "trained", ""]
    untrained = [rows for (p, model, _), rows in series.items() if p == pair and model.startswith("initial")]
    fresh = pd.concat(untrained)
    both = {"trained": trained, "initial": fresh}
    decisive = "signed" if trained["signed"].notna().any() else "envelope"
    readings = {}
    for reading, value in _estimates(trained, confidence).items():
        compared = _against_untrained(trained, untrained, reading, role == EXEMPLARY, confidence)
        readings[reading] = {"trained": value, "contrast": compared}
    entry = {
        "paper": PAPER.get(pair) if method == "guided" else None,
        "as_the_paper": float(trained["padded"].mean()),
        "initial": float(np.mean([rows["padded"].mean() for rows in untrained])),
        "readings": readings,
        "bootstrap": _bootstrap(trained, decisive, confidence),
        "controls": {"initial": {"readings": _estimates(fresh, confidence)}}
        | _controls(series, trained, pair, decisive, confidence),
        "labels": _labels(trained, fresh, confidence),
        "padding": {name: float(rows["beyond"].mean()) for name, rows in both.items() if rows["beyond"].notna().any()},
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
        return among_networks(base[reading], controls, base["fold"], confidence=confidence)
    return contrast(base[reading], controls, base["speaker"], Control.initial, confidence, base["unit"])


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
    if (shifted := rows_of.pop("shifted", None)) is not None:
        found["shifted"] = _shifted(base["signed"], shifted.set_index("slice"), confidence)
    for name, rows in sorted(rows_of.items()):
        control = rows.set_index("slice")[decisive].reindex(base.index)
        compared = contrast(base[decisive], control, base["speaker"], name, confidence, base["unit"])
        found[name] = {"readings": _estimates(rows, confidence), "contrast": compared}
    return found


def _shifted(r: pd.Series, reach: pd.DataFrame, confidence: float) -> dict:
    """What r with the signal shifted spreads over, mean of the slices' middle 95 %; and how many r lie outside.

    By chance one in twenty would.
    """
    r, known = r.reindex(reach.index), reach[["low", "high"]].mean()
    outside = ((r < reach["low"]) | (r > reach["high"])).astype(float)
    excess = over_units(outside - 0.05, reach["speaker"], reach["unit"])
    spread = {"r": float(known.mean()), "low": float(known["low"]), "high": float(known["high"])}
    counts = {"speakers": reach["speaker"].nunique(), "slices": len(reach), "undefined": len(r) - int(r.notna().sum())}
    return {
        "readings": {"signed": spread | counts},
        "outside": float(outside.mean()),
        "over chance": tested(excess, "shifted maps", confidence),
    }


def _labels(trained: pd.DataFrame, untrained: pd.DataFrame, confidence: float) -> dict:
    """As the paper computes it, by the class that the trained network predicts, beside untrained ones on these slices.

    A pair of two heads has no single class, and no entries.
    """
    found = {}
    for label, rows in trained[trained["label"] >= 0].groupby("label"):
        known = estimate(rows["padded"], rows["speaker"], confidence, rows["unit"])
        control = untrained[untrained["slice"].isin(rows["slice"])]["padded"].mean()
        means = {"r": float(rows["padded"].mean()), "slices": len(rows), "initial": float(control)}
        found[str(label)] = means | {name: known[name] for name in ("low", "high")}
    return found


def _bootstrap(trained: pd.DataFrame, reading: str, confidence: float) -> dict:
    """The percentile interval over units with its coverage, and the bootstrap-t one, which mends it."""
    z = over_units(fisher(trained[reading]), trained["speaker"], trained["unit"])
    tallies = np.stack([z, np.ones_like(z)], axis=1)
    rng = np.random.default_rng(0)
    percentile, studentised = bootstrap(tallies, lambda total: total[..., 0] / total[..., 1], rng, confidence, DRAWS)
    covers = percentile_coverage(len(z), confidence) if len(z) > 1 else float("nan")
    return {
        "percentile": np.tanh(percentile).tolist(),
        "percentile_covers": covers,
        "bootstrap_t": np.tanh(studentised).tolist(),
    }


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
    return {reading: estimate(rows[reading], rows["speaker"], confidence, rows["unit"]) for reading in defined}


def _sentence(method: str, pair: str, entry: dict) -> str:
    """One line that a reader can quote: the number as the paper computes it, its controls', and their verdicts."""
    one, _, other = pair.partition("~")
    what = f"{one} map and {'input' if other == 'input' else f'{other} map'}"
    if pair == FLATTENED:
        what = "the two heads' gradients at the flattened layer"
    paper = f" (paper {entry['paper']:.2f})" if entry["paper"] is not None else ""
    own, control = entry["as_the_paper"], entry["initial"]
    if not np.isfinite(own):  # occlusion has windows, not samples
        own = entry["readings"].get(entry["decisive"], {}).get("trained", {}).get("r", own)
        control = entry["controls"]["initial"]["readings"].get(entry["decisive"], {}).get("r", control)
    beside = f"in {Control.initial.words} {control:.2f}"
    text = f"{method}: r of {what} is {own:.2f}{paper}, {beside}: {entry['verdict']}"
    if heads := entry["controls"].get("heads"):
        alone = heads["readings"].get("padded", heads["readings"].get(entry["decisive"], {})).get("r", float("nan"))
        text += f"; with {Control.heads.words} {alone:.2f}: {heads['contrast']['verdict']}"
    return f"{text}."
