"""What interventions did to the answers: changes by dose, slopes, their controls, and a verdict in words.

Everything is a mean over the slices of a speaker, then over speakers (with grouped folds, whose speakers share a
network: over the speakers of a fold, then over folds). An intervention's slope is that of the least-squares line
through a slice's changes over the doses.

Where an alteration changes the length, the slope, its p and the verdict are of the change *beyond the length control*:
slice by slice, the dose less the slice merely cut or extended to that dose's length
(`elor.explain.interventions.alterations`). Such an effect must also be seen before the control is taken off: else it
may be the control's doing.

Whatever a network answers to, it answers somehow, and the next network otherwise: that is its luck. Two things stand
against taking it for something learned, and neither grows with learning.

- **Calibrated networks** (random weights, normalisations fitted) answer the same slices. A slope must lie beyond
  the largest of any single one, either way (`reach`), not beyond their mean: luck that all folds share does not
  average out, and however they hang together, their mean varies at most as much as one network.
- **The folds' networks share most of their training slices**, and so part of their luck. Intervals and p allow for it
  as Nadeau and Bengio do ("Inference for the generalization error", Machine Learning 52, 2003): the variance of a mean
  over n of F folds is s^2 (1 / n + 1 / (F - 1)), not s^2 / n, as if any two folds' luck correlated by 1 / F.

Untrained networks' answers were once stretched to the trained networks' spread, since an untrained network answers
nearly the same to everything. But a network's answers vary the more, the more it has learned, and the control hid what
was planted: with a cue of rhythm that alone decides arousal, 1.74 classes per 100 % of the rate stood against +-2.07,
where the untrained slopes themselves had a root mean square of 0.10. In simulations of that case
(tests/explain/test_luck.py) what is planted is now found always, and of absent cues, to which all folds answer with
luck of the same size, no more than one in twenty. What is left of shared luck (more than 1 / F of it, as where there
was nothing to learn) is told by the scores: a head that answers no better than permuted labels has learned nothing,
and no claim rests on it. What is found of effects where labels were shuffled within speakers: `benchmarks.nulls`,
docs/known-truth.md.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from elor.evaluation.learned import learned
from elor.evidence.interventions import Interventions
from elor.evidence.names import EXTREMITY, Finding, Undecided, said
from elor.evidence.scores import Scores
from elor.explain.experiment import Experiment
from elor.explain.interventions.alterations import ALTERATIONS, Alteration
from elor.explain.interventions.changes import changes_by_slice, changes_by_speaker, spreads
from elor.explain.interventions.overlapping_folds import Units
from elor.explain.interventions.run import level_sd, moved_mfcc, plan, run
from elor.tables import write_table

Learned = Mapping[str, Mapping[str, float]]
"""By network and head the p of its score against permuted labels."""


def analyse(
    what: Experiment,
    network: str,
    count: int,
    untrained_networks: int,
    confidence: float,
    scores_of: Callable[[str], Scores | None],
    table: Path,
) -> Interventions:
    """The whole analysis of one network: writes the changes of every speaker as a table.

    Args:
        what: is explained.
        network: who answers.
        count, untrained_networks: how much, see `elor.explain.interventions.run.plan`.
        confidence: of all intervals.
        scores_of: the network's scores of a head, if there are any.
        table: its path.
    """
    jobs = plan(what, [network], count, untrained_networks)
    found = run(jobs, what.engine)
    write_table(changes_by_speaker(found, what.slices), table, "%.6g")
    learned = learned_p(network, {head: scores_of(head) for head in {head_of(a) for a in found["answer"].unique()}})
    return summarise(found, what.slices, confidence, learned, moved_mfcc(jobs), level_sd(jobs))


def summarise(
    found: pd.DataFrame,
    slices: pd.DataFrame,
    confidence: float = 0.95,
    learned: Learned | None = None,
    features: Mapping | None = None,
    level: float | None = None,
) -> Interventions:
    """Every intervention's effect on every answer of every network.

    Args:
        found: the rows of `elor.explain.interventions.run.run`.
        slices: slices.csv.
        confidence: of all intervals.
        learned: by which heads have not learned; nothing is said of heads that it lacks.
        features: what `elor.explain.interventions.run.moved_mfcc` found.
        level: what `elor.explain.interventions.run.level_sd` found.

    Returns:
        What metrics/interventions.json holds. With a length control a slope is beyond that control, and `altered` is
        the line of the altered slices alone. The `spread` is over the unaltered slices of a fold, root mean square over
        folds (that over all slices would count how much networks differ).
    """
    rows = found.drop_duplicates("row").set_index("row")["fold"].sort_index()
    speakers = slices["speaker"].to_numpy()[rows.index]
    units = Units(pd.DataFrame({"speaker": speakers, "fold": rows}), confidence)
    networks: dict = {}
    for (network, name), part in changes_by_slice(found).groupby(["network", "intervention"], sort=False):
        entry = _entry(part, network, name, units, (learned or {}).get(network, {}))
        networks.setdefault(network, {})[name] = entry
    spread = spreads(found).xs(-1, level="model")
    return Interventions.of(
        networks=networks,
        spread={network: some.droplevel("network").to_dict() for network, some in spread.groupby("network")},
        level_sd=level,
        settings=_settings(found, slices, units),
        features=dict(features or {}),
    )


def learned_p(network: str, scores: Mapping[str, Scores | None]) -> Learned:
    """p of a network's scores against labels permuted by utterance, as far as there are any; scores by head."""
    known = {head: one.utterance_permutation_p for head, one in scores.items() if one is not None}
    return {network: {head: p for head, p in known.items() if p is not None}}


def key(dose: float) -> str:
    """A dose as the name of a JSON entry."""
    return f"{dose:g}"


def head_of(answer: str) -> str:
    """The head that an answer comes from: `emotion` for `emotion.angry`."""
    return answer.partition(".")[0]


def judge(
    slope: Mapping, doses: Mapping[str, Mapping], sham: Mapping | None, none: float, confidence: float = 0.95
) -> tuple[Finding, str]:
    """What the numbers allow to say, and why it is undecided where it is.

    `raises` or `lowers`: the interval of the slope lies on one side of zero; no single dose moves the answer against
    it; the slope lies beyond what untrained networks `reach`; and the sham does not move the answer half as far
    as the whole range of doses. With a length control, the interval of the altered slices' own slope must lie on the
    same side of zero. `no effect found`: the interval holds zero, and no single dose has an effect. All else is
    undecided, and why. A single dose has an effect where its p, times the number of doses (Bonferroni), is small.

    Args:
        slope: per_unit, low, high, calibrated; with a length control `altered` (low, high).
        doses: per dose change and p, beyond the length control where there is one.
        sham: change, low, high; None where there is none.
        none: the dose that alters nothing; below it, a rising line means a negative change.
        confidence: one minus the level of significance of single doses.
    """
    if not np.isfinite([slope["low"], slope["high"]]).all():
        return Finding.undecided, Undecided.few
    effective = {float(d): v["change"] for d, v in doses.items() if v["p"] * len(doses) < 1 - confidence}
    ways = {bool(change * (dose - none) > 0) for dose, change in effective.items()}
    if slope["low"] <= 0 <= slope["high"]:
        if not ways:
            return Finding.nothing, ""
        return Finding.undecided, Undecided.steps if len(ways) == 1 else Undecided.ways
    if ways - {slope["per_unit"] > 0}:
        return Finding.undecided, Undecided.ways
    altered = slope.get("altered", slope)
    if not (altered["low"] > 0 if slope["per_unit"] > 0 else altered["high"] < 0):
        return Finding.undecided, Undecided.length
    low, high = slope["calibrated"]
    if not np.isfinite([low, high]).all():
        return Finding.undecided, Undecided.alike
    if low <= slope["per_unit"] <= high:
        return Finding.undecided, Undecided.untrained
    reach = slope["per_unit"] * (max(map(float, doses)) - min(map(float, doses)))
    if sham and not sham["low"] <= 0 <= sham["high"] and abs(sham["change"]) > abs(reach) / 2:
        return Finding.undecided, Undecided.processing
    return (Finding.raises if slope["per_unit"] > 0 else Finding.lowers), ""


def _entry(changes: pd.DataFrame, network: str, name: str, units: Units, learned: Mapping[str, float]) -> dict:
    """One intervention on all answers of one network; `learned` by head."""
    alteration = ALTERATIONS[name]
    entry: dict = {"unit": alteration.unit, "what": alteration.what, "heads": {}}
    for answer, part in changes.groupby("answer", sort=False):
        effect = _effect(part, alteration, units)
        if (p := learned.get(head_of(answer))) is not None:
            effect["learned_p"] = p
        text = _sentence(effect, alteration, units, f"{network}'s {_called(answer)}", name)
        kind, head = (EXTREMITY, head_of(answer)) if answer.endswith(f".{EXTREMITY}") else ("heads", answer)
        entry.setdefault(kind, {})[head] = effect | {"text": text}
    over = changes[changes["dose"].notna() & ~changes["length"]].groupby("dose")["over"].mean()
    if over.any():
        entry["over"] = {key(dose): float(share) for dose, share in over.items()}
    return entry


def _effect(changes: pd.DataFrame, alteration: Alteration, units: Units) -> dict:
    """One intervention on one answer, in numbers and a verdict."""
    altered = _by_dose(changes[~changes["length"]], alteration)
    controls = _by_dose(changes[changes["length"]], alteration)
    beyond = altered - controls if len(controls) else altered
    slopes = _slopes(beyond)
    single = [units.means(some.droplevel("model")) for model, some in slopes.groupby("model") if model >= 0]
    chance = np.concatenate(single)
    slope: dict = units.estimate(slopes[-1], "per_unit") | {"units": len(units.means(slopes[-1]))}
    slope |= {"calibrated": reach(chance), "single": [chance.min(), chance.max()] if len(chance) else [np.nan, np.nan]}
    effect: dict = {"doses": _per_dose(altered, units), "slope": slope}
    decisive = effect["doses"]
    if len(controls):
        slope["altered"] = units.estimate(_slopes(altered)[-1], "per_unit")
        effect["length_control"], decisive = _per_dose(controls, units), _per_dose(beyond, units)
    shams = changes[(changes["model"] == -1) & changes["dose"].isna()].set_index("row")["change"]
    if len(shams):
        effect["sham"] = units.estimate(shams, "change") | _counts(shams, units)
    finding, reason = judge(slope, decisive, effect.get("sham"), alteration.none, units.confidence)
    return effect | {"finding": finding, "reason": reason, "verdict": said(finding, reason)}


def _per_dose(wide: pd.DataFrame, units: Units) -> dict[str, dict]:
    """Estimates of the trained networks' changes by dose."""
    trained = wide.loc[-1]
    return {key(dose): units.estimate(trained[dose], "change") | _counts(trained[dose], units) for dose in trained}


def _by_dose(changes: pd.DataFrame, alteration: Alteration) -> pd.DataFrame:
    """Changes by model and slice (rows) at every finite dose (columns, rising), none included."""
    wide = changes[changes["dose"].notna()].pivot(index=["model", "row"], columns="dose", values="change")
    if np.isfinite(alteration.none):
        wide[alteration.none] = 0.0  # by definition: the unaltered slice
    return wide.sort_index(axis=1)


def reach(slopes: NDArray) -> list[float]:
    """How far any single untrained network goes, either way: what has learned nothing knows no direction.

    Of m of them, and one more that has learned as little, the one more goes furthest once in m + 1 times.

    Args:
        slopes: (networks,).

    Returns:
        -x and x; NaN without any slopes.
    """
    if not len(slopes):
        return [np.nan, np.nan]
    limit = float(np.abs(slopes).max())
    return [-limit, limit]


def _slopes(wide: pd.DataFrame) -> pd.Series:
    """Slope of each row's least-squares line over its columns."""
    doses = wide.columns.to_numpy(dtype=float)
    centred = doses - doses.mean()
    return wide @ pd.Series(centred / (centred**2).sum(), wide.columns)


def _counts(values: pd.Series, units: Units) -> dict[str, int]:
    return {"speakers": units.table.loc[values.index, "speaker"].nunique(), "slices": len(values)}


def _called(answer: str) -> str:
    kind, _, label = answer.partition(".")
    if label == EXTREMITY:
        return f"{EXTREMITY} of {kind}"
    return f"probability of {label}" if label else f"expected {kind}"


def _sentence(effect: Mapping, alteration: Alteration, units: Units, whose: str, name: str) -> str:
    """One line that a reader can quote."""
    slope, doses = effect["slope"], [*effect["doses"]]
    span = float(doses[-1]) - float(doses[0])
    low, high = (limit * span for limit in slope["calibrated"])
    line, alone = "the line through the doses", ""
    if "altered" in slope:
        line += ", less that through slices merely cut or extended to their lengths,"
        alone += f"; the length alone {(slope['altered']['per_unit'] - slope['per_unit']) * span:+.3f}"
    if "sham" in effect:
        alone += f"; the processing alone {effect['sham']['change']:+.3f}"
    tested = "p < 0.001" if slope["p"] < 0.001 else f"p = {slope['p']:.3f}"
    text = (
        f"{name.replace('_', ' ').capitalize()} ({alteration.what}): from {doses[0]} to {doses[-1]} "
        f"{alteration.unit} {line} moves {whose} by {slope['per_unit'] * span:+.3f} "
        f"({units.confidence:.0%} CI {slope['low'] * span:+.3f} to {slope['high'] * span:+.3f}, {tested}, "
        f"{slope['units']} {units.name}s; untrained networks {low:+.3f} to {high:+.3f}{alone}): "
        f"{effect['verdict']}"
    )
    p = effect.get("learned_p")
    unlearned = "" if learned(p) else f", but the head answers no better than permuted labels (p {p:.3f})"
    return f"{text}{unlearned}."


def _settings(found: pd.DataFrame, slices: pd.DataFrame, units: Units) -> dict:
    """What the numbers rest on."""
    rows = units.table.index
    return {
        "slices": len(rows),
        "full_slices": int((slices["samples"].to_numpy()[rows] >= slices["samples"].max()).sum()),
        "speakers": int(units.table["speaker"].nunique()),
        "unit": units.name,
        "calibrated": int(found["model"].max()) + 1,
        "confidence": units.confidence,
        "change": "of the expected label sum_k k p_k (regression: of the value; emotion: of each class' probability)",
        "extremity": "expected distance of the label from the middle, sum_k p_k |k - middle|, of ordered classes",
        "calibrated_slopes": "of networks with random weights and fitted normalisations: the largest of any one, "
        "either way",
        "p": "t over units, with Nadeau and Bengio's allowance for training slices that folds share; not corrected for "
        "the number of interventions: exploratory",
    }
