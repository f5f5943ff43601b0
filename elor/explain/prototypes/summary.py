"""The paper's Table 6 with numbers: what each label's prototype is like, with spreads, exemplars and controls."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from numpy.typing import NDArray

from elor import params
from elor.audio import SAMPLE_RATE
from elor.evaluation.intervals import NOWHERE, speaker_interval
from elor.evidence.prototypes import Prototypes
from elor.explain.exemplary_speaker import exemplary_speaker
from elor.explain.experiment import Experiment
from elor.explain.prototypes.descriptors import DESCRIPTORS
from elor.explain.prototypes.run import Found, PrototypeJob, label_names, plan, run
from elor.explain.prototypes.spectra import frequencies
from elor.explain.prototypes.trends import trends
from elor.files import replacing
from elor.tables import write_table
from elor.targets import EMOTIONS, Head, ordered

EXEMPLARS = 5
"""Slices per label that the shown network finds most typical."""

EXPLORATORY = (
    "Only the trends that metrics/claims.json names were declared beforehand. All others are exploratory: their p are "
    "not corrected for how many were tested, and no error rate is promised."
)

HEADROOM_DB = 1.0
"""Peak of every WAV below full scale: all are equally far from clipping, and none is as loud as it was found."""


def analyse(
    what: Experiment,
    speaker: str,
    search: params.Prototypes,
    amount: params.PrototypesScale,
    heads: Sequence[Head],
    confidence: float,
    folder: Path,
) -> Prototypes:
    """The whole analysis: writes signals, exemplars and descriptors into a folder.

    Args:
        what: is explained.
        speaker: who is asked for as the one whose network is shown.
        search, amount: what is sought, and how much.
        heads: of the networks.
        confidence: of the intervals over the folds' networks.
        folder: of signals and tables.
    """
    speaker = exemplary_speaker(what.slices, speaker, what.folds)
    jobs = plan(what, speaker, search, amount)
    found = run(jobs, what.engine)
    write_signals(folder, found)
    natural = exemplars(found, what.slices)
    write_table(natural, folder / "exemplars.csv", "%.5g")
    write_table(table_of(found), folder / "descriptors.csv", "%.6g")
    return summarise(jobs, found, natural, speaker, heads, confidence)


def table_of(found: Sequence[Found]) -> pd.DataFrame:
    """All searches in one table, see `Found.table`."""
    return pd.concat([one.table for one in found], ignore_index=True)


def summarise(
    jobs: Sequence[PrototypeJob],
    found: Sequence[Found],
    natural: pd.DataFrame,
    speaker: str,
    heads: Sequence[Head],
    confidence: float = 0.95,
) -> Prototypes:
    """All that metrics/prototypes.json holds. Git carries it, so no slice and no speaker but the one is named.

    Args:
        jobs, found: the searches and what they returned.
        natural: the table of `exemplars`.
        speaker: whose fold's network is shown.
        heads: of the networks; those with nominal classes (emotion) have no trends.
        confidence: of the intervals over the folds' networks.
    """
    table, shown = table_of(found), next(job for job in jobs if job.shown)
    other = jobs[-1]  # untrained, if there are any
    percentiles = f"of the logits of all {len(shown.natural)} slices; of untrained networks, of {len(other.natural)}"
    networks = table.drop_duplicates(["calibrated", "network"])["calibrated"]
    settings = {
        "network": shown.network,
        "penalty": shown.how.penalty,
        "level_dbfs": 20 * np.log10(shown.how.level),
        "restarts": shown.how.restarts,
        "steps": shown.how.steps,
        "other_restarts": other.how.restarts,
        "other_steps": other.how.steps,
        "tolerance": shown.how.tolerance,
        "percentiles": percentiles,
    }
    return Prototypes.of(
        speaker=speaker,
        settings=settings,
        networks={"folds": int((networks == 0).sum()), "calibrated": int((networks == 1).sum())},
        table=label_descriptors(table, shown.network, confidence),
        exemplars={
            str(head): {
                str(label): rows[["rank", "logit"]].to_dict("records")
                for label, rows in own.groupby("label", sort=False)
            }
            for head, own in natural.groupby("head", sort=False)
        },
        trends=trends(table, {head.name: label_names(head) for head in heads if head.ordered}),
        exploratory=EXPLORATORY,
        convergence=convergence(table, shown.network),
    )


def label_descriptors(table: pd.DataFrame, shown: str, confidence: float = 0.95) -> dict:
    """By `<mode>.<parametrisation>`, head and label what the shown network's prototypes are like.

    Returns:
        Per label: `logit` and `percentile` (among the natural logits), medians over converged restarts; the same of
        untrained networks, medians of theirs; `converged` of `restarts`, and which, `converged_best_first`, in the
        order of J: the WAV is the first. `descriptors`, each with its `median`, `low` and `high` over converged
        restarts; of the folds' networks, of which each counts by the median of its own, all `points`, their range
        (`folds`), and their `mean` with its t-interval, `ci_low` to `ci_high`; the range of `calibrated` networks'. The
        folds share training slices, so the interval tells how they differ, not what other corpora would give. None
        where undefined.
    """
    result: dict = {}
    for (mode, how, head, label), rows in table.groupby(["mode", "parametrisation", "head", "label"], sort=False):
        entry = _label(rows, shown, confidence)
        result.setdefault(f"{mode}.{how}", {}).setdefault(head, {})[str(label)] = entry
    return result


def _label(rows: pd.DataFrame, shown: str, confidence: float) -> dict:
    """One label in one search."""
    own = rows[rows["network"] == shown].sort_values("place")
    settled = own[own["converged"] == 1]
    columns = ["logit", "percentile", *DESCRIPTORS]
    medians = rows[rows["converged"] == 1].groupby(["calibrated", "network"])[columns].median().reset_index("network")
    folds, untrained = (medians[medians.index == kind] for kind in (0, 1))
    return {
        "logit": settled["logit"].median(),
        "percentile": settled["percentile"].median(),
        "calibrated_logit": untrained["logit"].median(),
        "calibrated_percentile": untrained["percentile"].median(),
        "converged": int(own["converged"].sum()),
        "restarts": len(own),
        "converged_best_first": (own["converged"] == 1).tolist(),
        "descriptors": {
            name: _spread(settled[name]) | _folds(folds[name], confidence) | {"calibrated": _range(untrained[name])}
            for name in DESCRIPTORS
        },
    }


def _spread(values: pd.Series) -> dict[str, float]:
    return {"median": values.median(), "low": values.min(), "high": values.max()}


def _folds(medians: pd.Series, confidence: float) -> dict[str, float | list[float]]:
    low, high = speaker_interval(medians, confidence) if medians.count() > 2 else NOWHERE  # of two it would say nothing
    return {
        "folds": _range(medians),
        "points": medians.dropna().tolist(),
        "mean": medians.mean(),
        "ci_low": low,
        "ci_high": high,
    }


def _range(values: pd.Series) -> list[float]:
    return [values.min(), values.max()]


def convergence(table: pd.DataFrame, shown: str) -> dict:
    """How many searches converged, by `<mode>.<parametrisation>`: in the shown, the other, and untrained networks."""
    kind = np.where(table["calibrated"] == 1, "calibrated", np.where(table["network"] == shown, "shown", "folds"))
    found: dict = {}
    for (mode, how, name), rows in table.groupby(["mode", "parametrisation", kind], sort=False):
        found.setdefault(f"{mode}.{how}", {})[str(name)] = {
            "converged": int(rows["converged"].sum()),
            "searches": len(rows),
        }
    return found


def exemplars(found: Sequence[Found], slices: pd.DataFrame) -> pd.DataFrame:
    """The slices to which the shown network gives the highest logits of each label.

    Returns:
        Columns head, label, rank, slice, logit, and rated (the class, or the value, that people gave it).
    """
    parts = []
    for (head, label), logits in found[0].natural.items():
        rated = slices[head] if ordered(head) else slices[head].map(dict(enumerate(EMOTIONS)))
        best = np.argsort(-logits, kind="stable")[:EXEMPLARS]
        part = {
            "head": head,
            "label": label,
            "rank": np.arange(1, len(best) + 1),
            "slice": slices["slice"].to_numpy()[best],
            "logit": logits[best],
            "rated": rated.to_numpy()[best],
        }
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)


def write_signals(folder: Path, found: Sequence[Found]) -> None:
    """Write signals.npz and spectra.npz (in float16 to halve them), and a WAV of each best restart.

    The spectra's levels are rounded to a sixteenth of a dB at most; their `hertz` stand among them.
    """
    signals = {name: values for one in found for name, values in one.signals.items()}
    levels = {name: values for one in found for name, values in one.spectra.items()}
    _write_arrays(folder / "signals.npz", {name: values.astype(np.float16) for name, values in signals.items()})
    small = {name: values.astype(np.float16) for name, values in levels.items()}
    _write_arrays(folder / "spectra.npz", {"hertz": frequencies()} | small)
    for name, values in signals.items():
        best = values[0].astype(np.float64)
        scale = 10 ** (-HEADROOM_DB / 20) / max(np.abs(best).max(), np.finfo(float).tiny)
        with replacing(folder / f"{name}.wav") as part:
            soundfile.write(part, np.rint(best * scale * 32_767).astype(np.int16), SAMPLE_RATE, "PCM_16", format="WAV")


def _write_arrays(path: Path, arrays: dict[str, NDArray]) -> None:
    with replacing(path) as part, part.open("wb") as stream:
        np.savez(stream, **arrays)
