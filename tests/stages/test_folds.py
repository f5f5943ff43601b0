"""The stage `folds` stops at the guard, before anything is trained, and writes nothing."""

from __future__ import annotations

import pytest

from elor.tables import read_table, write_table
from tests.evaluation.world import make_world
from tests.stages.workspace import Workspace


@pytest.mark.parametrize("protocol", ["paper", "strict"])
def test_folds_that_break_the_protocol_are_not_written(workspace: Workspace, protocol: str) -> None:
    workspace.set_params(folds__protocol=protocol)
    slices, path = make_world().slices, workspace.folder / "data/slices.csv"
    write_table(slices, path)
    assert workspace.run("folds") == (0, "")
    assert set(read_table(workspace.folder / "data/folds.csv")["fold"]) == set(slices["speaker"])
    shared = slices["utterance"].replace("Ses02M_001", "Ses01F_001")  # one utterance of two speakers
    write_table(slices.assign(utterance=shared), path)
    before = workspace.files()
    code, said = workspace.run("folds")
    assert code == 1
    assert said.startswith(f"folds: Protocol `{protocol}` forbids what folds.csv has: the same utterance in ")
    assert "/Ses01F_001" in said
    assert said.endswith("; correct the speakers and utterances of data/slices.csv.\n")
    assert workspace.files() == before
