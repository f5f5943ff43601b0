"""The hyperparameter search: TPE by hyperopt, in rounds, every trial on disk the moment it ends.

Wieser et al. 2020, "Hyperparameter optimization": TPE (Bergstra et al. 2011) maximises the accuracy on the validation
slices of one fold. Trials are proposed in rounds of fixed size and judged together, so the outcome depends on the
seed and never on the number of workers. The first trial is always the profile's default, so that a search of few
evaluations cannot end below it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from hyperopt import STATUS_FAIL, STATUS_OK, hp, tpe
from hyperopt.base import JOB_STATE_DONE, JOB_STATE_NEW, Domain, Trials
from hyperopt.fmin import generate_trials_to_calculate

from elor.errors import UserError
from elor.params import Range, Settings
from elor.sections import check
from elor.training.trials import Trial

LISTS = ("filters", "lengths", "pools", "hidden")
RANDOM_AT_MOST = 20
"""Trials drawn at random before TPE begins (hyperopt's own default); a third of the budget if that is less, but at
least the first round."""


@dataclass(frozen=True)
class Dimension:
    """One number that the search draws: its label, hyperopt expression, and the way back to a setting."""

    label: str
    setting: str
    place: int | None
    default: float
    expression: Any
    whole: bool


def dimensions(defaults: Settings, pinned: Settings, space: dict[str, Range]) -> list[Dimension]:
    """What is searched: every value that has a range and is not pinned; one dimension per entry of a list."""
    found = []
    for name, value in defaults.given().items():
        if name not in space or name in pinned.given():
            continue
        for place, default in enumerate(value if name in LISTS else [value]):
            label = f"{name}_{place}" if name in LISTS else name
            whole = isinstance(default, int)
            expression = _expression(label, default, space[name], whole)
            found.append(Dimension(label, name, place if name in LISTS else None, default, expression, whole))
    return found


def _expression(label: str, default: float, span: Range, whole: bool) -> Any:
    """hyperopt's distribution for a range: uniform or log-uniform, quantised where the value is a whole number."""
    low, high = (default * (1 - span.around), default * (1 + span.around)) if span.around else (span.low, span.high)
    step = span.step or 1
    if whole:
        low, high = max(low, step), max(high, step)
    if span.log:
        bounds = (math.log(low), math.log(high))
        return hp.qloguniform(label, *bounds, step) if whole else hp.loguniform(label, *bounds)
    return hp.quniform(label, low, high, step) if whole else hp.uniform(label, low, high)


def settings_at(point: dict[str, float], base: Settings, searched: Sequence[Dimension]) -> Settings:
    """The settings that a point of the space stands for."""
    value = {name: list(item) if isinstance(item, list) else item for name, item in base.given().items()}
    for dimension in searched:
        number = max(1, round(point[dimension.label])) if dimension.whole else float(point[dimension.label])
        if dimension.place is None:
            value[dimension.setting] = number
        else:
            value[dimension.setting][dimension.place] = number
    return check(Settings, value, "the search")


@dataclass(frozen=True)
class Result:
    """What a search found: the best settings and the table of its trials."""

    best: Settings
    trials: pd.DataFrame


def search(
    base: Settings,
    searched: Sequence[Dimension],
    evaluations: int,
    round_size: int,
    seed: int,
    run: Callable[[list[Settings], tuple[float, ...]], list[Trial]],
    stop_losers: bool = False,
    startup: int | None = None,
) -> Result:
    """Propose, run and judge trials, round by round.

    Args:
        base: the defaults with the pinned values in their places.
        searched: the dimensions of the space.
        evaluations: how many trials in all.
        round_size: how many are proposed together.
        run: trains the settings of a round and returns their trials; its second argument is the floor that a trial
            must not fall below, by epoch (empty: no floor).
        stop_losers: end trials below the median of all trials of earlier rounds.
        startup: trials drawn at random before TPE begins; None: `RANDOM_AT_MOST`, or a third if that is less, but all
            of the first round, which has no scores to go by.

    Raises:
        UserError: if every trial failed.
    """
    if not searched or evaluations <= 1:
        return Result(base, no_trials())
    history = generate_trials_to_calculate([{d.label: d.default for d in searched}])
    domain = Domain(lambda point: 0.0, {d.label: d.expression for d in searched})
    startup = max(round_size, min(RANDOM_AT_MOST, evaluations // 3)) if startup is None else startup
    propose = partial(tpe.suggest, n_startup_jobs=startup)
    rows: list[dict[str, Any]] = []
    done: list[Trial] = []
    for number in range(math.ceil(evaluations / round_size)):
        documents = _proposals(history, domain, propose, min(round_size, evaluations - len(rows)), [seed, number])
        points = [{label: value[0] for label, value in d["misc"]["vals"].items()} for d in documents]
        proposals = [settings_at(point, base, searched) for point in points]
        trials = run(proposals, _floor(done) if stop_losers else ())
        for document, point, trial in zip(documents, points, trials, strict=True):
            document["state"] = JOB_STATE_DONE
            ok = math.isfinite(trial.score)
            document["result"] = {"status": STATUS_OK, "loss": -trial.score} if ok else {"status": STATUS_FAIL}
            row = {"trial": len(rows), "round": number, "status": trial.status, "score": trial.score}
            rows.append(row | {"epoch": trial.epoch, "epochs": len(trial.scores)} | point | {"reason": trial.reason})
        done += trials
        history.refresh()
    table = pd.DataFrame(rows)
    if table["score"].isna().all():
        raise UserError(f"All {len(table)} trials failed, the first one because: {table['reason'][0]}.")
    ended = table["score"].where(table["status"] != "stopped")  # a stopped one's score may be of an early epoch
    best = table.loc[(ended if ended.notna().any() else table["score"]).idxmax()]
    return Result(settings_at(best[[d.label for d in searched]].to_dict(), base, searched), table)


def by_value(trials: pd.DataFrame, space: dict[str, Range]) -> pd.DataFrame:
    """The trials as a plot wants them: one row per trial and hyperparameter, and the best score so far.

    Returns:
        Columns hyperparameter, value (its decimal logarithm where the range is logarithmic, and then named so),
        score, trial, best, fold. The hyperparameter `trial` shows the search in time.
    """
    columns = ["hyperparameter", "value", "score", "trial", "best", "fold"]
    rows = [pd.DataFrame(columns=columns)]
    known = {"trial", "round", "status", "score", "epoch", "epochs", "reason", "fold"}
    for _, table in trials.groupby("fold") if len(trials) else ():
        best = table["score"].cummax()
        for name in ["trial", *(column for column in table.columns if column not in known)]:
            span = space.get(name.rsplit("_", 1)[0] if name[-1].isdigit() else name)
            log = span is not None and span.log
            value = np.log10(table[name].astype(float)) if log else table[name]
            label = f"log10 {name}" if log else name
            rows.append(table.assign(hyperparameter=label, value=value, best=best)[columns])
    return pd.concat(rows[1:] or rows, ignore_index=True)


def no_trials() -> pd.DataFrame:
    """The table of a search that was not made."""
    return pd.DataFrame(columns=["trial", "round", "status", "score", "epoch", "epochs", "reason"])


def _proposals(
    history: Trials, domain: Domain, propose: Callable, count: int, seed: Sequence[int]
) -> list[dict[str, Any]]:
    """The trials of one round: the ones that wait (at first the default), filled up by TPE.

    Args:
        seed: the run's and the round's number: no round of another run draws the same.
    """
    history.refresh()
    waiting = [document for document in history._dynamic_trials if document["state"] == JOB_STATE_NEW]
    random = np.random.SeedSequence(seed).generate_state(count)
    for index in range(count - len(waiting)):  # one at a time: tpe.suggest gives a whole batch the same draw
        new = history.new_trial_ids(1)
        documents = propose(new, domain, history, int(random[index]))
        history.insert_trial_docs(documents)
        history.refresh()
        waiting += documents
    live = {document["tid"]: document for document in history._dynamic_trials}
    return [live[document["tid"]] for document in waiting]


def _floor(done: Sequence[Trial]) -> tuple[float, ...]:
    """The median, epoch by epoch, of the best score so far of all trials that went as far (median stopping rule)."""
    curves = [np.maximum.accumulate(trial.scores) for trial in done if trial.scores]
    longest = max((len(curve) for curve in curves), default=0)
    reached = [[curve[epoch] for curve in curves if len(curve) > epoch] for epoch in range(longest)]
    return tuple(float(np.median(values)) for values in reached if len(values) >= 3)
