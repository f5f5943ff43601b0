"""The benchmark of prototypes at toy size: it measures what it says, and its tables say it."""

from __future__ import annotations

import pytest

from benchmarks import prototypes as benchmark
from elor.engine import Engine
from elor.report.text import Format, render

pytestmark = pytest.mark.long


def test_a_small_run_fills_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    searched = []

    def run(self: Engine, function, jobs) -> list:
        searched.extend(jobs)
        return [function(*job) for job in jobs]

    monkeypatch.setattr(Engine, "run", run)
    monkeypatch.setattr(benchmark, "TIMED_STEPS", 2)
    measured = benchmark.measure(steps=2, restarts=1, rounds=1)
    assert {how for how, *_ in searched} == {"time", "fourier"}
    assert sum(len(targets) for _, targets, *_ in searched) == 2 * measured["labels"] == 20
    assert set(measured["step_ms"]) == set(benchmark.VARIANTS)
    assert all(ms > 0 for times in measured["step_ms"].values() for ms in times.values())
    text = render(benchmark.tables(measured), Format.markdown)
    assert "10 labels, 1 restarts, 2 parametrisations, 2 steps" in text
    assert "PyTorch's backward pass" in text
