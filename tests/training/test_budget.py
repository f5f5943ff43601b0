"""The projection of a training's time, and the refusal of one that is too long."""

import time

import pytest

from elor.errors import UserError
from elor.training import budget
from elor.training.engine import Engine
from elor.training.loop import Trainer
from tests.training import world


def test_the_projection_is_the_time_of_a_step_times_the_steps(files, slices, monkeypatch: pytest.MonkeyPatch) -> None:
    job = world.task("ftr", files, slices, epochs=50).job("S00", world.settings("ftr"))
    monkeypatch.setattr(Trainer, "step", lambda self, rows, turns: time.sleep(0.04))
    per_slice = 0.04 / budget.SAMPLE
    expected = 50 * len(job.train) * per_slice / 3600
    assert budget.hours(job, 1, Engine("cpu", 1)) == pytest.approx(expected, rel=0.2)
    assert budget.hours(job, 7, Engine("cpu", 2)) == pytest.approx(4 * expected, rel=0.2)


def test_too_long_a_training_is_refused_with_the_hours_and_the_ways_out(files, slices) -> None:
    job = world.task("lom", files, slices, epochs=50).job("S00", world.settings("lom"))
    budget.check(job, 3, Engine("cpu", 1), most=24, what="train lom")
    with pytest.raises(
        UserError, match=r"train lom would take up to .* \(3 trainings of up to 50 epochs, 1 at a time on cpu"
    ):
        budget.check(job, 3, Engine("cpu", 1), most=1e-9, what="train lom")
    budget.check(job, 3, Engine(address="tcp://anywhere:1"), most=1e-9, what="train lom")
