"""Benchmarks of named cases: unknown names are refused at once, and what is not made again keeps its commit."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import choices, fresh, kills, learning, spread, truth, words
from elor.errors import UserError

pytestmark = pytest.mark.long


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (lambda: truth.measure(("presnt",)), "no presnt; choose present, reversed, "),
        (lambda: spread.measure(("nosuch",)), "no nosuch; choose planted, "),
        (lambda: spread.measure(("planted",), ("lom",)), "no lom; choose elor, ftr, elor_ftr"),
        (lambda: words.measure(("nosuch",)), "no nosuch; choose words that tell of valence, "),
        (lambda: fresh.measure(networks=("nosuch",)), "no nosuch; choose elor, lom, ftr, elor_ftr"),
        (lambda: kills.measure("nosuch"), "no nosuch; choose elor, "),
    ],
)
def test_unknown_names_are_refused(asked: Callable[[], object], sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truth, "resumed", lambda *arguments: pytest.fail("a corpus was begun"))
    with pytest.raises(UserError, match=sentence):
        asked()


@pytest.mark.parametrize("module", [spread, words])
def test_where_some_cases_are_run_again_the_others_keep_their_commit(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = []
    monkeypatch.setattr(module, "publish", lambda *arguments, adding=False: kept.append(adding))
    module.main([next(iter(module.CASES))])
    module.main()
    assert kept == [True, False]


@pytest.mark.parametrize("module", [choices, fresh, learning])
def test_runs_keep_their_commit_however_a_benchmark_is_called(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = []
    for one in (module, benchmarks):
        monkeypatch.setattr(one, "publish", lambda *arguments, adding=False: kept.append(adding))
    module.main()
    benchmarks.measure(module.__name__.rpartition(".")[-1])
    benchmarks.measure("steps")
    assert kept == [True, True, False]
