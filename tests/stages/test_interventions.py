"""The stage `interventions` on toy networks: what is written for every kind of head, and that no name reaches git."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from ruamel.yaml import YAML

from elor.evidence.interventions import Interventions
from elor.evidence.model import read
from elor.tables import read_table
from tests.explain.sounds import speech
from tests.worlds.project import ROOT
from tests.worlds.slices import write_slices
from tests.worlds.stages import Workspace, alter_less

pytestmark = pytest.mark.long

SPEAKERS = ("Ann", "Bea", "Cem")
ANSWERS = {
    "classes": ["arousal", "valence", "arousal.extremity", "valence.extremity"],
    "regression": ["arousal", "valence"],
    "emotion": ["emotion.angry", "emotion.happy", "emotion.sad", "emotion.neutral"],
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Workspace]:
    """The workspace of a target after the stage, made once: six slices of three speakers, a network for each."""

    def make(target: str) -> Workspace:
        supports = (30_000, 24_000) * len(SPEAKERS)
        sounds = [np.round(speech(n / 16_000, seed) * 32_767).astype(np.int16) for seed, n in enumerate(supports)]
        with pytest.MonkeyPatch.context() as patch:
            made = Workspace(tmp_path_factory.mktemp(target) / "project", patch)
            if target != "classes":
                alter_less(patch)  # what hangs on the target is asked of every alteration alike
            write_slices(made.folder / "data", sounds, SPEAKERS, target=target)
            made.set_params(labels__target=target, explain__interventions={"networks": ["elor"]})
            made.run_all(("interventions", "elor"), ("gather",))
        return made

    return cache(make)


@pytest.mark.parametrize("target", ANSWERS)
def test_every_kind_of_head_is_in_the_table_of_speakers(ran: Callable[[str], Workspace], target: str) -> None:
    workspace = ran(target)
    table = read_table(workspace.folder / "data/effects/elor.csv")
    keys = ["fold", "speaker", "network", "head", "intervention", "dose", "length"]
    assert table.columns.tolist() == [*keys, "slices", "change", "sd", "calibrated", "language"]
    assert set(table["speaker"]) == set(SPEAKERS)
    assert (table["fold"] == table["speaker"]).all()
    assert table["head"].unique().tolist() == ANSWERS[target]
    assert table["change"].notna().all()
    assert (table["slices"] == 2).all()
    found = read(Interventions, workspace.folder / "metrics/interventions.json").tree()
    gains = found["networks"]["elor"]["gain"]
    labels = [answer for answer in ANSWERS[target] if "extremity" not in answer]
    assert list(gains["heads"]) == labels
    assert list(gains.get("extremity", {})) == (labels if target == "classes" else [])
    for head in labels:
        some = table[(table["intervention"] == "gain") & (table["head"] == head) & (table["dose"] == 12)]
        assert some["change"].mean() == pytest.approx(gains["heads"][head]["doses"]["12"]["change"], abs=1e-6)


def test_no_name_of_a_speaker_or_a_slice_reaches_git(ran: Callable[[str], Workspace]) -> None:
    workspace = ran("classes")
    ignored = (ROOT / ".gitignore").read_text().split()
    outs = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]["interventions"]["do"]["outs"]
    assert {"data/effects/${item}.csv": {"push": False}} in outs
    assert "/data/*" in ignored
    tables = [f"data/evidence/interventions/{name}.csv" for name in ("doses", "effects", "features")]
    carried = ["metrics/interventions.json", "plots/data/interventions/elor.csv", *tables]
    assert {path for path in workspace.files() if re.search("interventions|effects", path) and "cost" not in path} == {
        "data/effects/elor.csv",
        "data/effects/elor.json",
        *carried,
    }
    text = "".join((workspace.folder / path).read_text() for path in [*carried, "data/effects/elor.json"])
    assert not [name for name in SPEAKERS if name in text]
