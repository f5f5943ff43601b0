"""The benchmark of a corpus of full size, with a corpus of 35 turns."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from benchmarks import scale
from tests.worlds.stages import stage_here

pytestmark = pytest.mark.long


def test_a_corpus_is_made_once_and_its_first_slices_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELOR_SCRATCH", str(tmp_path))
    monkeypatch.setattr(scale, "run_stage", stage_here)
    workspace = scale.prepared(35)
    for stage in ("labels", "slices"):
        stage_here(workspace, stage)
    found, slices = scale.is10(workspace, 2), len(pd.read_csv(workspace / "data" / "slices.csv"))
    assert found["slices"] == 2 < slices
    assert 0 < found["slice_seconds"] < found["projected_seconds"]
    assert found["peak_mb"] > 0
    monkeypatch.setattr(scale, "run_stage", lambda *arguments: pytest.fail("a corpus that was there was made again"))
    assert scale.prepared(35) == workspace
