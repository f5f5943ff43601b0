"""The stage `interventions` on toy networks: what is written for every kind of head, and that no name reaches git."""

from __future__ import annotations

import re
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from elor.networks import Architecture, MultiHeadNetwork
from elor.tables import read_table
from elor.targets import Target
from elor.training import checkpoint
from tests.explain.sounds import speech
from tests.pipeline.project import ROOT
from tests.stages.workspace import Workspace

SPEAKERS = ("Ann", "Bea", "Cem")
ANSWERS = {
    "classes": ["arousal", "valence", "arousal.extremity", "valence.extremity"],
    "regression": ["arousal", "valence"],
    "emotion": ["emotion.angry", "emotion.happy", "emotion.sad", "emotion.neutral"],
}


def prepare(workspace: Workspace, target: str) -> None:
    """Six slices of three speakers, their folds, and an (untrained) network for each."""
    data, supports = workspace.folder / "data", (30_000, 24_000) * len(SPEAKERS)
    sounds = [np.pad(speech(n / 16_000, seed), (0, 96_000 - n)) for seed, n in enumerate(supports)]
    np.save(data / "slices.npy", np.round(np.stack(sounds) * 32_767).astype(np.int16))
    speakers = np.repeat(SPEAKERS, 2)
    names = [f"{speaker}_take_{number}" for number, speaker in enumerate(speakers)]
    pd.DataFrame({"slice": names, "speaker": speakers, "samples": supports}).to_csv(data / "slices.csv", index=False)
    pd.DataFrame({"fold": speakers, "slice": names, "role": "test"}).to_csv(data / "folds.csv", index=False)
    shape = Architecture("elor", Target(target, 5).heads, (2, 3, 4), (96, 12, 8), (120, 8, 8), 8, (8,), 0.5, True)
    for fold in SPEAKERS:
        path = data / "models" / "elor" / f"{fold}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        notes = {"architecture": asdict(shape), "fold": fold}
        checkpoint.save(path, MultiHeadNetwork(shape).state_dict(), notes)
    workspace.set_params(labels__target=target, explain__interventions={"networks": ["elor"]})


@pytest.mark.parametrize("target", ANSWERS)
def test_every_kind_of_head_is_in_the_table_of_speakers(workspace: Workspace, target: str) -> None:
    prepare(workspace, target)
    workspace.run_all(("interventions", "elor"), ("gather",))
    table = read_table(workspace.folder / "data/effects/elor.csv")
    keys = ["fold", "speaker", "network", "head", "intervention", "dose", "length"]
    assert table.columns.tolist() == [*keys, "slices", "change", "sd", "untrained"]
    assert set(table["speaker"]) == set(SPEAKERS)
    assert (table["fold"] == table["speaker"]).all()
    assert table["head"].unique().tolist() == ANSWERS[target]
    assert table["change"].notna().all()
    assert (table["slices"] == 2).all()
    gains = workspace.json("metrics/interventions.json")["networks"]["elor"]["gain"]
    labels = [answer for answer in ANSWERS[target] if "extremity" not in answer]
    assert list(gains["heads"]) == labels
    assert list(gains.get("extremity", {})) == (labels if target == "classes" else [])
    for head in labels:
        some = table[(table["intervention"] == "gain") & (table["head"] == head) & (table["dose"] == 12)]
        assert some["change"].mean() == pytest.approx(gains["heads"][head]["doses"]["12"]["change"], abs=1e-6)


def test_no_name_of_a_speaker_or_a_slice_reaches_git(workspace: Workspace) -> None:
    prepare(workspace, "classes")
    workspace.run_all(("interventions", "elor"), ("gather",))
    ignored = (ROOT / ".gitignore").read_text().split()
    outs = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]["interventions"]["do"]["outs"]
    assert {"data/effects/${item}.csv": {"push": False}} in outs
    assert "/data/*" in ignored
    carried = ["metrics/interventions.json", "plots/data/interventions/elor.csv"]
    assert {path for path in workspace.files() if re.search("interventions|effects", path) and "cost" not in path} == {
        "data/effects/elor.csv",
        "data/effects/elor.json",
        *carried,
    }
    text = "".join((workspace.folder / path).read_text() for path in [*carried, "data/effects/elor.json"])
    assert not [name for name in SPEAKERS if name in text]
