"""What interventions did to the answers: changes by dose, slopes, their controls, and a verdict in words.

Everything is a mean over the slices of a speaker, then over speakers (with grouped folds, whose speakers share a
network: over the speakers of a fold, then over folds), with a t-interval and the exact sign-flip test over these units.
An intervention's slope is that of the least-squares line through a slice's changes over the doses.

An untrained network answers nearly the same to everything, so that its slopes are small for no good reason. Therefore
its answers are stretched until they vary as much over unaltered slices as the trained networks' do. The mean slope of
each set of untrained networks, one network per fold, then shows what sensitivity without learning amounts to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from elor.evaluation.comparisons import sign_flip
from elor.evaluation.intervals import speaker_interval
from elor.explain.alterations import ALTERATIONS, Alteration

RAISES, LOWERS, NOTHING = "raises", "lowers", "no effect found"
BOTH_WAYS = "undecided: doses move it both ways"

ROUNDING = 6
"""Decimals of a change: what lies below is the rounding of float32, which can have a direction too."""


@dataclass(frozen=True)
class Units:
    """The slices' speakers and folds, and the units over which means are taken.

    Attributes:
        table: speaker and fold by row number of the slice.
        confidence: of all intervals.
    """

    table: pd.DataFrame
    confidence: float

    @property
    def name(self) -> str:
        """What a unit is: `speaker` where every fold tests one, else `fold`."""
        return "fold" if (self.table.groupby("fold")["speaker"].nunique() > 1).any() else "speaker"

    def means(self, values: pd.Series) -> NDArray:
        """Means over a speaker's slices, then over a fold's speakers: (units,).

        Args:
            values: by row number; NaN is left out.
        """
        where = self.table.loc[values.index]
        speakers = values.groupby([where["fold"], where["speaker"]]).mean()
        return speakers.groupby(level="fold").mean().dropna().to_numpy()

    def estimate(self, values: pd.Series, name: str) -> dict:
        """The mean over units as `name`, its interval `low` and `high`, and the sign-flip `p`."""
        means = self.means(values)
        low, high = speaker_interval(means, self.confidence)
        if not len(means):
            return {name: np.nan, "low": np.nan, "high": np.nan, "p": np.nan}
        return {name: float(means.mean()), "low": low, "high": high, "p": sign_flip(means).p}


def summarise(found: pd.DataFrame, slices: pd.DataFrame, confidence: float = 0.95) -> dict:
    """Every intervention's effect on every answer of every network.

    Args:
        found: the rows of `elor.explain.interventions.run`.
        slices: slices.csv.
        confidence: of all intervals.

    Returns:
        `networks`: by network and intervention its `unit`, `what`, `over` (share of samples beyond full scale by dose,
        where there are any) and `heads`. By head (answer) `doses` (change, low, high, p, speakers, slices), `sham` (the
        same, where the intervention has one), `slope` (per_unit, low, high, p, untrained: the range over the sets of
        untrained networks), `verdict` and `text`. `settings`: what all of it rests on.
    """
    rows = found.drop_duplicates("row").set_index("row")["fold"].sort_index()
    speakers = slices["speaker"].to_numpy()[rows.index]
    units = Units(pd.DataFrame({"speaker": speakers, "fold": rows}), confidence)
    changes = _changes(found, units)
    networks: dict = {}
    for (network, name), part in changes.groupby(["network", "intervention"], sort=False):
        alteration = ALTERATIONS[name]
        heads = {
            answer: _effect(some, alteration, units, f"{network}'s {_called(answer)}", name)
            for answer, some in part.groupby("answer", sort=False)
        }
        entry = {"unit": alteration.unit, "what": alteration.what, "heads": heads}
        over = part[part["dose"].notna()].groupby("dose")["over"].mean()
        if over.any():
            entry["over"] = {key(dose): float(share) for dose, share in over.items()}
        networks.setdefault(network, {})[name] = entry
    return {"networks": networks, "settings": _settings(found, slices, units)}


def curves(summary: Mapping, network: str) -> pd.DataFrame:
    """The changes by dose of one network, for a plot: intervention, unit, head, dose, change, low, high."""
    rows = [
        {"intervention": name, "unit": entry["unit"], "head": head, "dose": dose}
        | {column: effect["doses"][dose][column] for column in ("change", "low", "high")}
        for name, entry in summary["networks"][network].items()
        for head, effect in entry["heads"].items()
        for dose in effect["doses"]
    ]
    return pd.DataFrame(rows)


def key(dose: float) -> str:
    """A dose as the name of a JSON entry."""
    return f"{dose:g}"


def verdict(
    slope: Mapping, doses: Mapping[str, Mapping], sham: Mapping | None, none: float, confidence: float = 0.95
) -> str:
    """What the numbers allow to say.

    `raises` or `lowers`: the interval of the slope lies on one side of zero; no single dose moves the answer against
    it; the slope lies beyond those of all sets of untrained networks; and the sham does not move the answer half as far
    as the whole range of doses. `no effect found`: the interval holds zero, and no single dose has an effect. All else
    is undecided, and why. A single dose has an effect where its p, times the number of doses (Bonferroni), is small.

    Args:
        slope: per_unit, low, high, untrained.
        doses: per dose change and p.
        sham: change, low, high; None where there is none.
        none: the dose that alters nothing; below it, a rising line means a negative change.
        confidence: one minus the level of significance of single doses.
    """
    if not np.isfinite([slope["low"], slope["high"]]).all():
        return "undecided: fewer than two speakers with such slices"
    effective = {float(d): v["change"] for d, v in doses.items() if v["p"] * len(doses) < 1 - confidence}
    ways = {bool(change * (dose - none) > 0) for dose, change in effective.items()}
    if slope["low"] <= 0 <= slope["high"]:
        if not ways:
            return NOTHING
        return "undecided: single doses move it, but not in step with the dose" if len(ways) == 1 else BOTH_WAYS
    if ways - {slope["per_unit"] > 0}:
        return BOTH_WAYS
    low, high = slope["untrained"]
    if not np.isfinite([low, high]).all():
        return "undecided: untrained networks answer all slices alike"
    if low <= slope["per_unit"] <= high:
        return "undecided: untrained networks do as much"
    reach = slope["per_unit"] * (max(map(float, doses)) - min(map(float, doses)))
    if sham and not sham["low"] <= 0 <= sham["high"] and abs(sham["change"]) > abs(reach) / 2:
        return "undecided: the processing alone moves it as far"
    return RAISES if slope["per_unit"] > 0 else LOWERS


def _changes(found: pd.DataFrame, units: Units) -> pd.DataFrame:
    """Answers minus those to the unaltered slice, untrained networks' stretched to the trained ones' spread."""
    asked = ["network", "model", "answer"]
    plain = found[found["intervention"] == ""].set_index([*asked, "row"])["value"]
    folds = units.table["fold"].reindex(plain.index.get_level_values("row")).to_numpy()
    spread = np.sqrt(plain.groupby([*asked, folds]).var().groupby(asked).mean())
    trained = spread.xs(-1, level="model").reindex(spread.index.droplevel("model")).to_numpy()
    stretch = pd.Series(trained, spread.index) / spread.where(spread > 0)
    altered = found[found["intervention"] != ""].copy()
    base = plain.reindex(pd.MultiIndex.from_frame(altered[[*asked, "row"]])).to_numpy()
    factor = stretch.reindex(pd.MultiIndex.from_frame(altered[asked])).to_numpy()
    moved = (altered["value"] - base) * np.where(altered["model"] == -1, 1.0, factor)
    altered["change"] = moved.round(ROUNDING)
    return altered


def _effect(changes: pd.DataFrame, alteration: Alteration, units: Units, whose: str, name: str) -> dict:
    """One intervention on one answer."""
    trained = changes[changes["model"] == -1]
    wide = _by_dose(trained, alteration)
    doses = {key(dose): units.estimate(wide[dose], "change") | _counts(wide[dose], units) for dose in wide}
    shams = trained[trained["dose"].isna()].set_index("row")["change"]
    sham = units.estimate(shams, "change") | _counts(shams, units) if len(shams) else None
    untrained = [
        units.estimate(_slopes(_by_dose(rows, alteration)), "slope")["slope"]
        for _, rows in changes[changes["model"] >= 0].groupby("model")
    ]
    slope = units.estimate(_slopes(wide), "per_unit") | {"untrained": [min(untrained), max(untrained)]}
    said = verdict(slope, doses, sham, alteration.none, units.confidence)
    effect: dict = {"doses": doses, "slope": slope, "verdict": said}
    if sham:
        effect["sham"] = sham
    return effect | {"text": _sentence(effect, alteration, units, whose, name, wide.columns)}


def _by_dose(changes: pd.DataFrame, alteration: Alteration) -> pd.DataFrame:
    """Changes of every slice (rows) at every finite dose (columns, rising), none included."""
    wide = changes[changes["dose"].notna()].pivot(index="row", columns="dose", values="change")
    if np.isfinite(alteration.none):
        wide[alteration.none] = 0.0  # by definition: the unaltered slice
    return wide.sort_index(axis=1)


def _slopes(wide: pd.DataFrame) -> pd.Series:
    """Slope of each row's least-squares line over its columns."""
    doses = wide.columns.to_numpy(dtype=float)
    centred = doses - doses.mean()
    return wide @ pd.Series(centred / (centred**2).sum(), wide.columns)


def _counts(values: pd.Series, units: Units) -> dict[str, int]:
    return {"speakers": units.table.loc[values.index, "speaker"].nunique(), "slices": len(values)}


def _called(answer: str) -> str:
    kind, _, label = answer.partition(".")
    return f"probability of {label}" if label else f"expected {kind}"


def _sentence(effect: dict, alteration: Alteration, units: Units, whose: str, name: str, doses: pd.Index) -> str:
    """One line that a reader can quote."""
    slope, sham = effect["slope"], effect.get("sham")
    span = doses[-1] - doses[0]
    low, high = (limit * span for limit in sorted(slope["untrained"]))
    count = len(units.means(pd.Series(0.0, units.table.index)))
    text = (
        f"{name.replace('_', ' ').capitalize()} ({alteration.what}): from {key(doses[0])} to {key(doses[-1])} "
        f"{alteration.unit} the line through the doses moves {whose} by {slope['per_unit'] * span:+.3f} "
        f"({units.confidence:.0%} CI {slope['low'] * span:+.3f} to {slope['high'] * span:+.3f}, p = {slope['p']:.3f}, "
        f"{count} {units.name}s; untrained networks {low:+.3f} to {high:+.3f}"
    )
    alone = f"; the processing alone {sham['change']:+.3f}" if sham else ""
    return f"{text}{alone}): {effect['verdict']}."


def _settings(found: pd.DataFrame, slices: pd.DataFrame, units: Units) -> dict:
    """What the numbers rest on."""
    rows = units.table.index
    return {
        "slices": len(rows),
        "full_slices": int((slices["samples"].to_numpy()[rows] >= slices["samples"].max()).sum()),
        "speakers": int(units.table["speaker"].nunique()),
        "unit": units.name,
        "untrained": int(found["model"].max()) + 1,
        "confidence": units.confidence,
        "change": "of the expected label sum_k k p_k (regression: of the value; emotion: of each class' probability)",
        "untrained_slopes": "of answers stretched to the trained networks' spread over unaltered slices",
        "p": "sign-flip over units, not corrected for the number of interventions: exploratory",
    }
