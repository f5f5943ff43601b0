"""Folds trained together: the numbers of `loop`, whoever trains beside them, stops, or is killed."""

import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from elor.engine import Engine
from elor.targets import Head
from elor.training import loop, resume, together
from elor.training.job import Diverged, Outcome, TrainingJob
from elor.training.train import deal, place, run
from tests.worlds import toy

pytestmark = pytest.mark.long

FOLDS = ("S00", "S01", "S02")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """As in a worker: what is compared bit for bit must be summed in the same order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def jobs(files: dict[str, Path], slices: pd.DataFrame):
    def make(network: str = "ftr", **changes: object) -> list[TrainingJob]:
        own = {name: changes.pop(name) for name in ("epochs", "patience", "how", "heads", "slices") if name in changes}
        task = toy.task(network, files, own.pop("slices", slices), **own)
        made = place([task.job(fold, toy.settings(network, **changes)) for fold in FOLDS], Engine("cpu"))
        # folds of 16, 14 and 13 slices: last minibatches of 8, 6 and 5
        return [replace(job, train=job.train[: len(job.train) - cut]) for job, cut in zip(made, (0, 2, 3), strict=True)]

    return make


def forget(jobs: Sequence[TrainingJob]) -> None:
    for job in jobs:
        shutil.rmtree(job.scratch, ignore_errors=True)


def afresh(train, jobs: Sequence[TrainingJob]) -> list[Outcome]:
    forget(jobs)
    return train(jobs)


def alone(jobs: Sequence[TrainingJob]) -> list[Outcome]:
    return [loop.train(job) for job in jobs]


def same(some: Sequence[Outcome], others: Sequence[Outcome]) -> None:
    for one, other in zip(some, others, strict=True):
        assert (one.history, one.audit, one.kept) == (other.history, other.audit, other.kept)
        assert one.tensors.keys() == other.tensors.keys()
        for name, tensor in one.tensors.items():
            assert torch.equal(tensor, other.tensors[name]), name
        for name, values in one.predictions.items():
            np.testing.assert_array_equal(values, other.predictions[name])


def close(some: Sequence[Outcome], others: Sequence[Outcome]) -> None:
    """Equal within 1e-5, rounding accumulated over some epochs; whatever is counted is equal."""
    for one, other in zip(some, others, strict=True):
        assert (one.kept, one.stopped) == (other.kept, other.stopped)
        for rows, expected in ((one.history, other.history), (one.audit, other.audit)):
            pd.testing.assert_frame_equal(pd.DataFrame(rows), pd.DataFrame(expected), rtol=1e-5, atol=1e-6)
        assert one.tensors.keys() == other.tensors.keys()
        for name, tensor in one.tensors.items():
            torch.testing.assert_close(tensor, other.tensors[name], rtol=1e-5, atol=1e-5)
        for name, values in one.predictions.items():
            np.testing.assert_allclose(values, other.predictions[name], atol=1e-5)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("hidden", [[6, 5], [70], [7, 6, 5]])
def test_it_is_the_experiment_of_the_loop(jobs, dropout: float, hidden: list[int]) -> None:
    made = jobs(dropout=dropout, hidden=hidden, epochs=6)
    close(afresh(together.train_together, made), afresh(alone, made))


@pytest.mark.parametrize(
    "how",
    [
        {"penalty": "squared"},
        {"penalty": "global"},
        {"reduction": "sum"},
        {"augment": "all"},
        {"standardize": False},
        {"update": "joint"},
        {"schedule": "cosine"},
        {"balance": True},
        {"select": "uar"},
        {"keep": "last"},
    ],
    ids=lambda how: next(iter(how)),
)
def test_so_it_is_with_other_options(jobs, how: dict[str, object]) -> None:
    made = jobs(how=toy.TRAIN.model_copy(update=how), epochs=4, alpha=0.01)
    close(afresh(together.train_together, made), afresh(alone, made))


def test_so_it_is_with_other_targets(jobs, slices: pd.DataFrame) -> None:
    names = ("valence", "arousal")
    shares = slices.assign(**{f"{n}_p{k}": np.where(slices[n] == k, 0.8, 0.1) for n in names for k in range(3)})
    shares = shares.assign(**{f"{n}_deviation": 0.2 + 0.3 * (slices[n] == 1) for n in names})
    for kind in ((None, False), (3, True)):
        made = jobs(heads=tuple(Head(name, *kind) for name in names), slices=shares, epochs=4)
        close(afresh(together.train_together, made), afresh(alone, made))
    of_two_mlps = jobs(heads=tuple(Head(name, None, spread=True) for name in names), slices=shares)
    assert not any(map(together.stackable, of_two_mlps))


def test_large_layers_take_the_same_steps_as_small_ones(jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    made = jobs(epochs=4)
    small = afresh(together.train_together, made)
    monkeypatch.setattr(together, "LARGE", 0)
    close(afresh(together.train_together, made), small)


@pytest.mark.parametrize("hidden", [[6, 5], [64, 33]])
def test_a_fold_does_not_depend_on_the_folds_beside_it(jobs, hidden: list[int]) -> None:
    made = jobs(hidden=hidden, epochs=5)
    whole = afresh(together.train_together, made)
    for hand in ([0], [1], [2], [0, 2], [2, 1]):
        some = [made[index] for index in hand]
        same(afresh(together.train_together, some), [whole[index] for index in hand])


def test_trials_of_one_shape_share_a_stack_and_no_number(jobs) -> None:
    own = [{}, {"learning_rate": 0.2, "alpha": 0.1}, {"momentum": 0.5, "dropout": 0.6}, {"learning_rate": 0.01}]
    made = [jobs(epochs=5, how=toy.TRAIN.model_copy(update={"schedule": "cosine"}), **one)[0] for one in own]
    whole = afresh(together.train_together, made)
    close(whole, afresh(alone, made))
    for index in range(len(made)):
        same(afresh(together.train_together, [made[index]]), [whole[index]])


def test_folds_that_lag_keep_their_own_learning_rate(jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    made = jobs(epochs=6, how=toy.TRAIN.model_copy(update={"schedule": "cosine"}))
    whole = afresh(together.train_together, made)
    forget(made)
    monkeypatch.setattr(together, "KEEP_SHARE", float("inf"))
    real = loop.Trainer.keep

    def dies(self: loop.Trainer) -> None:
        real(self)
        if self.job.fold == FOLDS[0] and self.state.epoch == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop.Trainer, "keep", dies)
        with pytest.raises(KeyboardInterrupt):
            together.train_together(made[:1])
    same(together.train_together(made), whole)


def test_a_fold_that_stops_leaves_the_others_as_they_are(jobs) -> None:
    made = jobs(epochs=30, patience=2, learning_rate=0.2)
    whole = afresh(together.train_together, made)
    lengths = [len(outcome.history) for outcome in whole]
    assert len(set(lengths)) > 1, "the toy folds should stop at different epochs"
    assert lengths == [min(30, outcome.kept + 3) for outcome in whole]
    same([afresh(together.train_together, [job])[0] for job in made], whole)


@pytest.mark.parametrize("keeps", range(1, 12, 2))
def test_an_interruption_between_any_two_checkpoints_changes_nothing(
    jobs, keeps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = jobs(epochs=4)
    whole = afresh(together.train_together, made)
    forget(made)
    monkeypatch.setattr(together, "KEEP_SHARE", float("inf"))  # after every epoch
    real, calls = loop.Trainer.keep, []

    def dies(self: loop.Trainer) -> None:
        calls.append(1)
        if len(calls) > keeps:
            raise KeyboardInterrupt
        real(self)

    with monkeypatch.context() as patch:
        patch.setattr(loop.Trainer, "keep", dies)
        with pytest.raises(KeyboardInterrupt):
            together.train_together(made)
    assert sum(resume.epochs_done(job.scratch) for job in made) == keeps
    same(together.train_together(made), whole)


def test_a_kill_changes_nothing(jobs) -> None:
    made = jobs(epochs=150, patience=150)
    whole = afresh(together.train_together, made)
    forget(made)
    # no fork: that of a process with threads, as tests side by side have them, may hang
    worker = multiprocessing.get_context("forkserver").Process(target=together.train_together, args=(made,))
    worker.start()
    while not all(resume.epochs_done(job.scratch) for job in made):
        assert worker.is_alive(), "it ended before every fold had an epoch"
        time.sleep(0.005)
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    assert any(resume.epochs_done(job.scratch) < 150 for job in made), "it was done before it was killed"
    same(together.train_together(made), whole)


def test_a_loss_that_is_not_finite_names_the_fold(jobs) -> None:
    made = jobs()
    spoilt = {name: values.astype(np.float32) for name, values in made[1].targets.items()}
    spoilt["arousal"][made[1].train[0]] = np.nan
    values = [{name: target.astype(np.float32) for name, target in job.targets.items()} for job in made]
    heads = tuple(Head(head.name, None) for head in toy.HEADS)
    values[1] = spoilt
    made = [
        replace(job, architecture=replace(job.architecture, heads=heads), targets=targets, truth=targets)
        for job, targets in zip(made, values, strict=True)
    ]
    with pytest.raises(Diverged, match=r"ftr, fold S01: in epoch 0 the loss is .*nan"):
        together.train_together(made)


def test_jobs_are_dealt_to_all_workers_and_only_like_ones_share(jobs) -> None:
    made = jobs()
    assert deal(made, workers=1) == [[0, 1, 2]]
    assert deal(made, workers=2) == [[0, 2], [1]]
    assert deal(made, workers=8) == [[0], [1], [2]]
    slower = replace(made[1], options=replace(made[1].options, alpha=0.5, learning_rate=0.001))
    assert deal([made[0], slower, made[2]], workers=1) == [[0, 1, 2]]
    other = replace(made[1], options=replace(made[1].options, batch=4))
    assert deal([made[0], other, made[2]], workers=1) == [[0, 2], [1]]
    assert deal(jobs("lom"), workers=1) == [[0], [1], [2]]


def test_the_engine_returns_the_same_outcomes_for_any_number_of_workers(jobs) -> None:
    made = jobs()
    one = afresh(lambda some: run(some, Engine("cpu", workers=1), "one"), made)
    two = afresh(lambda some: run(some, Engine("cpu", workers=2), "two"), made)
    same(one, two)
    same(one, afresh(together.train_together, made))


@pytest.mark.parametrize(("network", "precision"), [("lom", "float32"), ("elor_ftr", "float32"), ("ftr", "bfloat16")])
def test_only_small_float32_networks_are_stackable(jobs, network: str, precision: str) -> None:
    assert together.stackable(jobs("ftr")[0])
    assert not together.stackable(jobs(network, how=toy.TRAIN.model_copy(update={"precision": precision}))[0])
