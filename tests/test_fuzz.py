"""Spoiled inputs over all readers, the same in every run: each is read, or refused in one sentence."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.fuzzing.judge import BROKEN, Verdict, judge
from tests.fuzzing.readers import TARGETS

pytestmark = pytest.mark.long

SEED = 15
SHARES = {"names": 0.2, "params.yaml": 0.5, "recipe": 0.5, "model files": 2.0, "ONNX metadata": 4.0}
"""Of readers that take long for an input, and of two that refuse nearly all."""

ALWAYS_REFUSED = {"names"}


@pytest.mark.parametrize("inputs", [50, pytest.param(300, marks=pytest.mark.slow)])
@pytest.mark.parametrize("title", TARGETS)
def test_whatever_was_spoiled_is_read_or_refused_in_one_sentence(
    title: str, inputs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELOR_SCRATCH", str(tmp_path / "scratch"))
    (tmp_path / "files").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    attempt = TARGETS[title](tmp_path / "files")
    count = round(inputs * SHARES.get(title, 1.0))
    verdicts = [judge(attempt, np.random.default_rng([SEED, number])) for number in range(count)]
    broken = {f"input {number}": found for number, found in enumerate(verdicts) if found.outcome in BROKEN}
    assert not broken
    counted = Counter(found.outcome for found in verdicts)
    assert counted["read"] > 0 or title in ALWAYS_REFUSED  # else nothing was tested
    assert list((tmp_path / "here").iterdir()) == []  # nothing half-written


def test_the_judge_sees_what_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(draw: np.random.Generator) -> None:
        raise KeyError("x")

    def slow(draw: np.random.Generator) -> None:
        while True:
            pass

    def waiting(draw: np.random.Generator) -> None:
        threading.Event().wait()

    monkeypatch.setattr("tests.fuzzing.judge.ALLOWED_CPU_S", 0.5)
    monkeypatch.setattr("tests.fuzzing.judge.ALLOWED_S", 5)
    draw = np.random.default_rng(0)
    assert judge(broken, draw) == Verdict("traceback", "outside KeyError: 'x'")
    assert judge(slow, draw) == judge(waiting, draw) == Verdict("hang")
    assert judge(lambda draw: None, draw) == Verdict("read")
