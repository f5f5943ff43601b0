"""The stage `folds` stops at the guard, before anything is trained, and writes nothing."""

from __future__ import annotations

import pandas as pd
import pytest

from elor.corpora.copies import COLUMNS
from elor.tables import read_table, write_table
from tests.worlds.stages import Workspace
from tests.worlds.tables import make_world

pytestmark = pytest.mark.long


@pytest.mark.parametrize("protocol", ["paper", "strict"])
def test_folds_that_break_the_protocol_are_not_written(workspace: Workspace, protocol: str) -> None:
    workspace.set_params(folds__protocol=protocol)
    slices, path = make_world().slices, workspace.folder / "data/slices.csv"
    copies = workspace.folder / "data/copies.csv"
    write_table(pd.DataFrame(columns=list(COLUMNS)), copies)
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
    write_table(slices, path)
    pair = ("Ses01F_001", "Ses01F", "Ses02M_000", "Ses02M", 0.97)
    write_table(pd.DataFrame([pair], columns=list(COLUMNS)), copies)
    code, said = workspace.run("folds")
    assert code == 1
    assert "the same recording, under two speakers" in said
    assert "Ses01F_001 (Ses01F) = Ses02M_000 (Ses02M)" in said
