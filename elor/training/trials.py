"""Trials of a search, as workers run them: what is trained, and what is kept of it.

It stands apart from `elor.training.tpe`, so that no worker loads the searching library.
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from elor.files import read_sealed, write_sealed
from elor.networks import ImpossibleShape
from elor.training.job import Diverged, Outcome, TrainingJob
from elor.training.resume import STATE
from elor.training.train import train_all_here


@dataclass(frozen=True)
class Trial:
    """One evaluation.

    Attributes:
        status: `ok`, `failed` (the loss was not finite, or the layers left nothing of the signal) or `stopped` (lay
            below the median of its forerunners).
        score: validation score of the kept epoch; NaN if failed.
        epoch: the kept one.
        scores: validation score of every epoch.
        reason: of a failure.
    """

    status: str
    score: float
    epoch: int = -1
    scores: list[float] = field(default_factory=list)
    reason: str = ""


def evaluate(jobs: Sequence[TrainingJob]) -> list[Trial]:
    """Train trials that `elor.training.train.deal` put together, and keep each result beside its checkpoint.

    A trial that has ended is only read.
    """
    ended = [_read(_path(job)) for job in jobs]
    fresh = iter(_train([job for job, trial in zip(jobs, ended, strict=True) if trial is None]))
    return [trial or next(fresh) for trial in ended]


def _train(jobs: Sequence[TrainingJob]) -> list[Trial]:
    """Train trials, together if there are several; if one of them fails, each alone, so that only that one does."""
    try:
        trials = [_of(outcome) for outcome in train_all_here(jobs)] if jobs else []
    except (Diverged, ImpossibleShape) as error:  # no lack of memory or disk: a search must not depend on the machine
        if len(jobs) > 1:
            return [trial for job in jobs for trial in _train([job])]
        trials = [Trial("failed", math.nan, reason=str(error))]
    for job, trial in zip(jobs, trials, strict=True):
        write_sealed(_path(job), asdict(trial))
        (job.scratch / STATE).unlink(missing_ok=True)  # the result is kept, so that a longer search goes on from it
    return trials


def _of(outcome: Outcome) -> Trial:
    scores = [row["score"] for row in outcome.history]
    return Trial("stopped" if outcome.stopped else "ok", outcome.score, outcome.kept, scores)


def _path(job: TrainingJob) -> Path:
    return job.scratch / "trial.json"


def _read(path: Path) -> Trial | None:
    """A trial that has ended, or None."""
    if (value := read_sealed(path)) is not None:
        return Trial(**value | {"score": math.nan if value["score"] is None else value["score"]})
    if path.exists():
        print(f"The ended trial in {path} is damaged and starts anew.", file=sys.stderr)
    return None
