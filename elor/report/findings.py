"""What a run found, read once from the files that its stages wrote; figures and the page draw from nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from elor import registry
from elor.audio import FULL_SCALE, SAMPLE_RATE
from elor.corpora.faults import plural
from elor.evidence.across import Across
from elor.evidence.claims import Claims
from elor.evidence.interventions import Interventions
from elor.evidence.model import read_if_there
from elor.evidence.prototypes import Prototypes
from elor.evidence.saliency import Saliency
from elor.evidence.words import Words
from elor.explain.correlation import pearson
from elor.explain.occlusion import segment_at, starts
from elor.report.downsample import spread
from elor.report.exhibits import Exemplar, Prototype, exemplars, prototypes
from elor.report.results import Results
from elor.tables import read_table
from elor.targets import EMOTIONS, ordered

METHODS = {name: method.shown for name, method in registry.METHODS.items() if method.shown}
"""The methods with a map in time, the paper's own first."""

REGIONS = 5
"""Regions that are named of one answer."""

READING = {"occlusion": "envelope"}
"""The reading of r that belongs to a method; `signed` for all others."""


@dataclass(frozen=True)
class Correlation:
    """r of one map with its waveform, on the slice's own samples, and the same r of its controls.

    Attributes:
        r: of the trained network; NaN where undefined.
        controls: mean r by control (initial, class swap, other waveform, ..); empty where none was measured.
        basis: what the untrained mean is of: `5 networks, this slice`.
        note: what else stands beside the map: the completeness error of integrated gradients.
    """

    r: float
    controls: dict[str, float] = field(default_factory=dict)
    basis: str = ""
    note: str = ""

    def sentence(self) -> str:
        """`r = 0.39; untrained networks 0.29 (mean of 5, this slice)`, as a title holds it."""
        r = f"r = {self.r:.2f}" if np.isfinite(self.r) else "r is undefined"
        note = f"; {self.note}" if self.note else ""
        if "initial" not in self.controls:
            return f"{r}; no untrained network was measured{note}"
        return f"{r}; untrained networks {self.controls['initial']:.2f} ({self.basis}){note}"


@dataclass(frozen=True)
class Shown:
    """One signal with its maps.

    Attributes:
        name: of the slice or the recording.
        signal: (samples,) in -1..1, with its padding.
        support: samples before the padding.
        targets: by head the class that its maps explain (0 where a head answers with a value).
        maps: by method and head (samples,), for every method of `METHODS` that there is.
        drops: by head the occlusion windows, (windows,).
        stft: by head the integrated gradients by frame and frequency, (frames, bins).
        correlations: by method and head.
        rated: by head the label; empty where there is none.
        valued: the heads that answer with a value, not with classes.
        named: the heads whose classes have the names of `elor.targets.EMOTIONS`.
        rate: samples per second.
    """

    name: str
    signal: NDArray
    support: int
    targets: dict[str, int]
    maps: dict[str, dict[str, NDArray]]
    drops: dict[str, NDArray]
    stft: dict[str, NDArray]
    correlations: dict[str, dict[str, Correlation]]
    rated: dict[str, float] = field(default_factory=dict)
    valued: frozenset[str] = frozenset()
    rate: int = SAMPLE_RATE
    named: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        name: str,
        signal: NDArray,
        support: int,
        heads: Sequence[str],
        arrays: Mapping[str, NDArray],
        measured: Mapping[tuple[str, str], Correlation] | None = None,
        rated: Mapping[str, float] | None = None,
        valued: Iterable[str] = (),
        rate: int = SAMPLE_RATE,
        named: Iterable[str] = (),
    ) -> Shown:
        """Take the arrays as `elor.explain.saliency.run.write_maps` keeps them, heads first.

        Args:
            name, signal, support, rated, valued, rate, named: as above.
            heads: in the network's order.
            arrays: guided, gradient, integrated, occlusion, stft, target; those that there are, NaN of a head
                without.
            measured: by method and head the correlations that are known; the r of all others is computed here.
        """
        by_head = {
            key: {head: one for head, one in zip(heads, values, strict=True) if not np.isnan(one).all()}
            for key, values in arrays.items()
        }
        drops = by_head.get("occlusion", {})
        maps = {key: by_head[key] for key in METHODS if key in by_head}
        if drops:
            hop = segment_at(rate)
            maps["occlusion"] = {head: spread(values, len(signal), 2 * hop, hop) for head, values in drops.items()}
        known = dict(measured or {})
        for method, head in ((method, head) for method, by in maps.items() for head in by):
            windows = drops[head] if method == "occlusion" else None
            known.setdefault((method, head), Correlation(_r(maps[method][head], windows, signal, support, rate)))
        found = {method: {head: known[method, head] for head in by} for method, by in maps.items()}
        targets = {head: int(value) for head, value in by_head["target"].items()}
        stft = by_head.get("stft", {})
        rest = (dict(rated or {}), frozenset(valued), rate, frozenset(named))
        return cls(name, signal, support, targets, maps, drops, stft, found, *rest)

    def regions(self, head: str) -> list[tuple[float, float, float]]:
        """Where occlusion found that a head's answer rests: begin and end in seconds, and the logit's largest fall; of
        a value the largest change, below 0 where it rises.

        Stretches of windows whose fall is half of the largest or more, the `REGIONS` strongest, the strongest first.
        """
        drops, size = self.drops.get(head, np.zeros(0)), self.carried(head)
        found, hop = [], segment_at(self.rate)
        inside = [begin for begin in starts(len(self.signal), 2 * hop, hop) if begin < self.support][: len(drops)]
        strong = [k for k in range(len(inside)) if 0 < size[: len(inside)].max() <= 2 * size[k]]
        for _, group in groupby(enumerate(strong), key=lambda item: (item[1] - item[0], drops[item[1]] > 0)):
            places = [k for _, k in group]
            end, most = min(inside[places[-1]] + 2 * hop, self.support), places[int(size[places].argmax())]
            found.append((inside[places[0]] / self.rate, end / self.rate, float(drops[most])))
        return sorted(found, key=lambda one: -abs(one[2]))[:REGIONS]

    def carried(self, head: str) -> NDArray:
        """How much of a head's answer each occlusion window carries, (windows,): a class' falls, a value's changes."""
        drops = self.drops.get(head, np.zeros(0))
        return np.abs(drops) if head in self.valued else drops

    def unit(self, method: str, head: str) -> str:
        """Of a map's values: `logit per unit`, where they are derivatives by the amplitude (1 is full scale), `logit`
        where they are changes of it; or the same of a value."""
        return f"{self.output(head)}{' per unit' if registry.METHODS[method].rate else ''}"

    def output(self, head: str) -> str:
        """What a head's maps explain: `logit`, or `value`."""
        return "value" if head in self.valued else "logit"

    def colours(self, head: str) -> str:
        """What the colours of a signed map mean."""
        if head in self.valued:
            return "orange raises the value, blue lowers it"
        return "orange speaks for the class, blue against it"

    def target_text(self, head: str) -> str:
        """Which class of which head a map explains, and how people rated: `arousal, class 3 predicted (rated 4)`, or
        `emotion, sad predicted (rated angry)`."""
        rated, named = self.rated.get(head), head in self.named
        there = rated is not None and np.isfinite(rated)
        said = f" (rated {EMOTIONS[int(rated)] if named else f'{rated:g}'})" if there else ""
        if head in self.valued:
            return f"{head}, the value{said}"
        predicted = EMOTIONS[self.targets[head]] if named else f"class {self.targets[head]}"
        return f"{head}, {predicted} predicted{said}"


@dataclass(frozen=True)
class Findings:
    """Everything that figures and the page show.

    Attributes:
        results: scores, comparisons, agreement, protocol, corpus.
        saliency, claims, prototypes, interventions: the metrics of these names; empty, or None, where there are none.
        words: metrics/words.json, which says why where nobody read what was said.
        shown: the exemplary slices with their maps.
        curves: by network, plots/data/curves.
        folds, breakdown, reliability: plots/data/scores.
        confusion: by dimension and network the counts (rated, predicted).
        fig5: by mode and parametrisation (a dot between) the prototypes of every label.
        exemplars: the slices that come closest to them.
        across: the metrics of this name.
    """

    results: Results
    saliency: Saliency
    claims: Claims | None
    prototypes: Prototypes
    interventions: Interventions
    words: Words
    shown: list[Shown]
    curves: dict[str, pd.DataFrame]
    folds: pd.DataFrame
    breakdown: pd.DataFrame
    reliability: pd.DataFrame
    confusion: dict[str, dict[str, NDArray]]
    fig5: dict[str, list[Prototype]]
    exemplars: list[Exemplar]
    across: Across | None = None

    @classmethod
    def read(cls, metrics: Path, data: Path, plots: Path, heads: Sequence[str]) -> Findings:
        """Read the folders of these names; what the analysis did not write stays empty.

        Args:
            metrics, data, plots: `metrics`, `data` and `plots/data` of a run.
            heads: in the networks' order.

        Raises:
            UserError: if the scores are absent.
        """
        results = Results.read(metrics)
        scores, confusion = plots / "scores", plots / "scores" / "confusion"
        saliency = read_if_there(Saliency, metrics / "saliency.json") or Saliency()
        prototyped = read_if_there(Prototypes, metrics / "prototypes.json") or Prototypes(speaker="")
        return cls(
            results=results,
            saliency=saliency,
            claims=read_if_there(Claims, metrics / "claims.json"),
            prototypes=prototyped,
            interventions=read_if_there(Interventions, metrics / "interventions.json") or Interventions(),
            words=read_if_there(Words, metrics / "words.json") or Words(why="the stage words has not run"),
            shown=_shown(data, heads, saliency, () if results.headline == "uar" else heads),
            curves={
                network: read_table(plots / "curves" / f"{network}.csv")
                for network in next(iter(results.scores.values()))
                if (plots / "curves" / f"{network}.csv").is_file()
            },
            folds=_table(scores / "folds.csv"),
            breakdown=_table(scores / "breakdown.csv"),
            reliability=_table(scores / "reliability.csv"),
            confusion={
                dimension: {
                    network: _counts(confusion / dimension / f"{network}.csv", values)
                    for network, values in networks.items()
                    if (confusion / dimension / f"{network}.csv").is_file()
                }
                for dimension, networks in results.scores.items()
            },
            fig5=prototypes(data / "prototypes", prototyped.table),
            exemplars=exemplars(data),
            across=read_if_there(Across, metrics / "across.json"),
        )


def _shown(data: Path, heads: Sequence[str], saliency: Saliency, valued: Sequence[str]) -> list[Shown]:
    """The exemplary slices of data/saliency, by name."""
    paths = sorted((data / "saliency").glob("*.npz"))
    if not paths:
        return []
    slices = read_table(data / "slices.csv")
    rows = {name: row for row, name in enumerate(slices["slice"])}
    audio = np.load(data / "slices.npy", mmap_mode="r")
    table = read_table(data / "saliency" / "correlations.csv")
    found = []
    for path in paths:
        row, arrays = rows[path.stem], arrays_of(path)
        signal, support = np.asarray(audio[row], dtype=np.float32) / FULL_SCALE, int(slices["samples"][row])
        own = table[(table["slice"] == path.stem) & (table["role"] == "own")]
        measured = {}
        for method, head in ((method, head) for method in METHODS if method in arrays for head in heads):
            values = arrays[method][list(heads).index(head)]
            r = _r(values, values if method == "occlusion" else None, signal, support)
            known = _correlation(r, method, head, own, saliency)
            measured[method, head] = (
                replace(known, note=_completeness(saliency, head)) if method == "integrated" else known
            )
        rated = {head: float(slices[head][row]) for head in heads if head in slices}
        named = [head for head in heads if not ordered(head)]
        found.append(Shown.of(path.stem, signal, support, heads, arrays, measured, rated, valued, named=named))
    return found


def _completeness(saliency: Saliency, head: str) -> str:
    """How far integrated gradients fall short of the change that they explain, over the sample of slices."""
    known = saliency.integrated.get(head)
    if known is None:
        return ""
    median = "undefined" if known.median_error is None else f"{100 * known.median_error:.1f} %"
    error = f"completeness error {median}"
    return f"{error} (median of {plural(known.maps, 'map')}, {known.incomplete} of them incomplete)"


def _correlation(r: float, method: str, head: str, own: pd.DataFrame, saliency: Saliency) -> Correlation:
    """r beside the controls of the same slice; where the slice is not in the sample, of the whole sample."""
    reading, pair = READING.get(method, "signed"), f"{head}~input"
    some = own[(own["method"] == method) & (own["pair"] == pair)].dropna(subset=[reading])
    if len(some):
        names = some["control"].astype(object).fillna("").astype(str)
        names = names.where(names != "", some["model"].str.replace(r"^initial \d+$", "initial", regex=True))
        means = some[reading].groupby(names).mean().drop("trained", errors="ignore")
        count = int((names == "initial").sum())
        basis = f"mean of {count}, this slice" if count > 1 else "one network, this slice"
        return Correlation(r, {str(name): float(value) for name, value in means.items()}, basis)
    measured = saliency.own.get(method, {}).get(pair)
    entries = {} if measured is None else {name: one.readings.get(reading) for name, one in measured.controls.items()}
    known = {name: one.r for name, one in entries.items() if one is not None and one.r is not None}
    untrained = entries.get("initial")
    count = 0 if untrained is None else untrained.slices
    return Correlation(r, known, f"mean over {count} other slices")


def _r(values: NDArray, drops: NDArray | None, signal: NDArray, support: int, rate: int = SAMPLE_RATE) -> float:
    """r of map and waveform, or of occlusion windows and their level, on the signal's own samples."""
    if drops is None:
        return float(pearson(values[:support], signal[:support]))
    hop = segment_at(rate)
    begins = [begin for begin in starts(len(signal), 2 * hop, hop) if begin < support]
    level = [np.sqrt(np.mean(signal[begin : begin + 2 * hop] ** 2)) for begin in begins]
    return float(pearson(drops[: len(begins)], level))


def _counts(path: Path, scores: Mapping[str, Any]) -> NDArray:
    """How often each rated class was predicted as each: (classes, classes)."""
    table = read_table(path)
    classes = 1 + max(
        *(int(key.removeprefix("recall_")) for key in scores if key.startswith("recall_")),
        int(table.to_numpy().max(initial=0)),
    )
    counts = np.zeros((classes, classes), dtype=int)
    np.add.at(counts, (table["actual"].to_numpy(), table["predicted"].to_numpy()), 1)
    return counts


def arrays_of(path: Path) -> dict[str, NDArray]:
    """The arrays of an .npz file by name."""
    with np.load(path) as arrays:
        return dict(arrays)


def _table(path: Path) -> pd.DataFrame:
    return read_table(path) if path.is_file() else pd.DataFrame()
