"""Ten folds together against ten apart, at toy size: networks of a few units, one epoch, threads for processes."""

from __future__ import annotations

from multiprocessing.pool import ThreadPool
from types import SimpleNamespace

import pytest

from benchmarks import folds

pytestmark = pytest.mark.long


def test_every_way_is_timed_and_set_beside_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "SIZES", {"toy": ((4,), 34, ((2, 8, 40),))})
    monkeypatch.setattr(folds.multiprocessing, "get_context", lambda how: SimpleNamespace(Pool=ThreadPool))
    found = folds.measure(repetitions=2, epochs=1)
    assert [row["processes"] for row in found["ftr"]] == [1, 2]
    rows = [*found["ftr"], *found["lom"]]
    assert all(len(times) == 2 and min(times) > 0 for row in rows for times in row["seconds"].values())
    trainings, passes = folds.tables(found)
    assert [row[:2] for row in trainings.groups[0]] == [("toy", "1"), ("toy", "2")]
    one = found["lom"][0]["seconds"]
    expected = sorted(mine / other for mine, other in zip(one["stacked"], one["one by one"], strict=True))
    assert float(passes.groups[0][0][-1]) == pytest.approx(sum(expected) / 2, abs=0.006)
