"""The projection of a training's time, and the refusal of one that is too long."""

import itertools

import numpy as np
import pytest
import torch

from elor.engine import LARGE, SMALL, Engine
from elor.errors import UserError
from elor.training import budget
from elor.training.loop import Trainer
from tests.worlds import toy


def test_the_projection_is_the_time_of_a_step_times_the_steps(files, slices, monkeypatch: pytest.MonkeyPatch) -> None:
    job = toy.task("ftr", files, slices, epochs=50).job("S00", toy.settings("ftr"))
    clock = itertools.count(step=0.02)  # looked at before and after a step
    monkeypatch.setattr(Trainer, "step", lambda self, rows, turns: next(clock))
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    per_slice = 0.04 / job.options.batch
    expected = 50 * len(job.train) * per_slice / 3600
    assert budget.hours(job, [1], Engine("cpu", 1)) == pytest.approx(expected)
    assert budget.hours(job, [7], Engine("cpu", 2)) == pytest.approx(4 * expected)
    assert budget.hours(job, budget.rounds(7, 3), Engine("cpu", 4)) == pytest.approx(3 * expected)


def test_a_search_runs_a_round_at_a_time() -> None:
    assert budget.rounds(20, 8) == [8, 8, 4]
    assert budget.rounds(8, 8) == [8]
    assert budget.rounds(3, 8) == [3]
    assert budget.rounds(0, 8) == []


def test_the_clock_runs_on_warm_steps_between_two_waits(files, slices, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a device whose work is done only when it is waited for, as on a GPU: a whole minibatch is measured there."""
    made, told, clock = toy.task("elor", files, slices).job("S00", toy.settings("elor")), [], [0.0]
    queued = []

    def step(self: Trainer, rows: np.ndarray, turns: object) -> None:
        queued.append(10.0 if len(told) < budget.WARM_UP else 0.5)  # the first ones load libraries
        told.append(len(rows))

    def settle(device: torch.device) -> None:
        clock[0] += sum(queued)
        queued.clear()

    monkeypatch.setattr(Trainer, "step", step)
    monkeypatch.setattr(budget, "settle", settle)
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    for device, size in (("meta", made.options.batch), ("cpu", budget.SAMPLE)):
        told.clear()
        assert budget.seconds_per_slice(made, device) == pytest.approx(0.5 / size)
        assert set(told) == {size}


def test_large_networks_that_share_a_gpu_are_not_counted_as_faster(files, slices, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(budget, "seconds_per_slice", lambda job, device: 1.0)
    monkeypatch.setattr("elor.engine.available_cores", lambda: 16)
    job = toy.task("lom", files, slices, epochs=1).job("S00", toy.settings("lom"))
    one = len(job.train) / 3600
    assert budget.hours(job, [8], Engine("cuda", per_gpu=LARGE)) == pytest.approx(8 * one)
    assert budget.hours(job, [8], Engine("cuda", per_gpu=SMALL)) == pytest.approx(one)


def test_too_long_a_training_is_refused_with_the_hours_and_the_ways_out(files, slices) -> None:
    job = toy.task("lom", files, slices, epochs=50).job("S00", toy.settings("lom"))
    budget.check(job, [3], Engine("cpu", 1), most=24, what="train lom")
    with pytest.raises(
        UserError, match=r"train lom would take up to .* \(3 trainings of up to 50 epochs, 1 at a time on cpu"
    ):
        budget.check(job, [3], Engine("cpu", 1), most=1e-9, what="train lom")
    budget.check(job, [3], Engine(address="tcp://anywhere:1"), most=1e-9, what="train lom")
