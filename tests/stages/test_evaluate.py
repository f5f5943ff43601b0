"""The stage `evaluate` scores nothing whose folds break the protocol."""

from __future__ import annotations

import pytest

from elor.tables import read_table, write_table
from tests.worlds.run import make_workspace, write_tables
from tests.worlds.stages import Workspace

pytestmark = pytest.mark.long


@pytest.mark.filterwarnings("ignore:'stages.evaluate' found in sys.modules")
@pytest.mark.parametrize("protocol", ["paper", "strict"])
def test_folds_that_break_the_protocol_stop_it(workspace: Workspace, protocol: str) -> None:
    write_tables(workspace.folder)
    workspace.set_params(folds__protocol=protocol)
    sentence = "the same speaker in train and validation"  # which strict forbids and this workspace has
    if protocol == "paper":
        path = workspace.folder / "data/folds.csv"
        folds = read_table(path)
        tested = folds["slice"] == "Ses01F_000_0"
        folds.loc[tested & (folds["fold"] == "Ses01F"), "role"] = "train"
        folds.loc[tested & (folds["fold"] == "Ses02F"), "role"] = "test"
        folds = folds[~tested | folds["fold"].isin(["Ses01F", "Ses02F"])]
        write_table(folds, path)
        sentence = "the same speaker in train and test (fold/speaker): Ses01F/Ses01F"
    before = workspace.files()
    code, said = workspace.run("evaluate")
    assert code == 1
    assert said.startswith(f"evaluate: Protocol `{protocol}` forbids what folds.csv has: {sentence}")
    assert said.endswith("; run the stage `folds` again, or name the protocol that these folds keep to.\n")
    assert workspace.files() == before


@pytest.mark.parametrize("target", ["regression", "emotion"])
def test_every_target_says_what_people_reach(workspace: Workspace, target: str) -> None:
    make_workspace(workspace.folder, target)
    found = workspace.json("metrics/agreement.json")
    if target == "emotion":
        assert found["note"].startswith("There is no human ceiling for emotions: ")
        return
    assert found["reference"] == "the mean of the other evaluators"
    for dimension in ("arousal", "valence"):
        others = found[dimension]["others"]
        assert -1 <= others["ci_low"] < others["ccc"] < others["ci_high"] <= 1
        assert workspace.json(f"metrics/{dimension}/elor.json")["baseline_mean_ccc"] <= 0.0
