"""The real pipeline at toy scale: once, twice, varied, and killed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dvc.repo import Repo

import elor
from tests.worlds.dvc import Here
from tests.worlds.project import MODELS, NETWORKS, Project
from tests.worlds.stages import LESS

pytestmark = pytest.mark.long

TOY = LESS | {"folds__most": 5, **{f"scale__demo__networks__{net}__evaluations": 1 for net in ("elor", "lom")}}
"""Half the folds, no search by sound, and one way to explain: each stage does its work all the same."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The toy project after its first run."""
    made = Project(tmp_path_factory.mktemp("toy") / "project", **TOY)
    ran = made.repro(quick=True)
    assert {"corpus", "tune@elor", "train@elor_ftr", "evaluate"} <= set(ran)
    made.commit("first run")
    return made


@pytest.fixture(scope="module")
def here(project: Project) -> Iterator[Here]:
    """Its stages in this process, where they have run in processes of their own before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ELOR_SCRATCH", project.environment["ELOR_SCRATCH"])
        yield Here(project.folder, patch)


JUDGING = {"evaluate", "claims", "across", "figures", "report"}
"""What looks at all networks."""

JOINT = (*(f"metrics/{name}.json" for name in ("uar", "war", "comparisons", "protocol")), "plots/data/scores/")
"""Files in which `evaluate` sets all networks side by side."""


def test_every_promised_file_has_its_columns(project: Project) -> None:
    data = project.folder / "data"
    columns = {
        "utterances.csv": "utterance file session dialogue scenario speaker gender samples emotion valence arousal",
        "targets.csv": "utterance valence arousal",
        "copies.csv": "utterance speaker other other_speaker likeness",
        "ratings.csv": "utterance rater kind valence arousal dominance",
        "slices.csv": "slice utterance part samples speaker",
        "folds.csv": "fold slice role",
        "predictions/elor.csv": "slice utterance fold speaker valence arousal valence_p0 arousal_p4",
        "tuning/ftr_trials.csv": "trial round status score epoch learning_rate",
        "corpus/index.csv": "path size digest",
        "corpus/truth.csv": "utterance speaker",
        "corpus/segments.csv": "utterance kind start end",
    }
    for name, wanted in columns.items():
        found = pd.read_csv(data / name, nrows=1).columns
        assert set(wanted.split()) <= set(found), name
    slices = pd.read_csv(data / "slices.csv")
    shapes = {"slices": (96000,), "mfcc": (26, 599), "is10": (1582,)}
    for name, shape in shapes.items():
        array = np.load(data / f"{name}.npy", mmap_mode="r")
        assert array.shape == (len(slices), *shape)
        assert array.dtype == (np.int16 if name == "slices" else np.float32)
    assert len((data / "is10_names.txt").read_text().split()) == 1582
    for network in NETWORKS:
        assert len(list((data / "models" / network).glob("*.safetensors"))) == TOY["folds__most"]
        assert sorted(pd.read_csv(data / "predictions" / f"{network}.csv")["slice"]) == sorted(slices["slice"])
        assert len(pd.read_csv(project.folder / "plots" / "data" / "curves" / f"{network}.csv")) >= TOY["folds__most"]


def test_headline_has_ten_keys_and_every_stage_its_cost(project: Project) -> None:
    assert set(project.json("metrics/uar.json")) == {f"{d}.{n}" for d in ("arousal", "valence") for n in MODELS}
    for stage in Repo(str(project.folder)).index.stages:
        cost = project.json(f"metrics/cost/{stage.name}.json")
        assert cost["seconds"] >= 0
        assert cost["peak_mb"] > 1


def test_a_second_run_does_nothing(here: Here) -> None:
    assert here.dvc("repro") == []


def test_stages_read_no_file_that_they_do_not_declare(project: Project) -> None:
    stages = {stage.cmd.removeprefix("python -m "): stage for stage in Repo(str(project.folder)).index.stages}
    undeclared = set()
    for line in (project.folder.parent / "opened.txt").read_text().splitlines():
        name, path = line.split("\t")
        if name not in stages or not path.startswith(("data/", "metrics/", "plots/", "requirements")):
            continue
        known = [*stages[name].deps, *stages[name].outs]
        covered = any(path == item.def_path or path.startswith(f"{item.def_path}/") for item in known)
        if not covered and not Path(path).name.startswith("."):
            undeclared.add(line)
    recipe = {f"stages.{stage}\tdata/demo.yaml" for stage in ("sources", "corpus", "claims")}  # params.yaml names it
    assert not undeclared - recipe, sorted(undeclared)


def test_one_networks_value_reruns_that_network_and_its_heir(project: Project, here: Here) -> None:
    before, files = project.predictions(), project.outputs()
    project.set_params(networks__ftr__alpha=0.01)
    ran = here.dvc("repro", "evaluate")
    assert set(ran) - {"train@elor_ftr"} == {"tune@ftr", "train@ftr", "tune@elor_ftr", "evaluate"}
    assert set(project.repro("--dry")) == JUDGING - {"evaluate"}
    after = project.predictions()
    assert before["elor"] == after["elor"]
    assert before["ftr"] != after["ftr"]
    assert "pinned" in (project.folder / "data" / "tuning" / "ftr.yaml").read_text()
    found = json.loads(project.dvc("metrics", "diff", "--all", "--json"))
    assert set(found) == {"metrics/uar.json", "metrics/war.json"}
    assert "valence.ftr" in found["metrics/uar.json"]
    moved = {key for scores in found.values() for key, score in scores.items() if score["diff"]}
    assert {key.split(".")[1] for key in moved} <= {"ftr", "elor_ftr"}
    changed = {name for name, digest in project.outputs().items() if files.get(name) != digest}
    assert not [name for name in changed if "ftr" not in name and not name.startswith(JOINT)]
    confusion = "plots/data/scores/confusion/"
    assert not [name for name in changed if name.startswith(confusion) and "ftr" not in name]
    assert "networks.ftr.alpha" in project.dvc("params", "diff")
    project.set_params(networks__ftr__alpha=None)
    assert set(here.dvc("repro")) <= JUDGING  # everything that learns comes back from the run cache
    assert project.predictions() == before
    assert project.outputs() == files


def test_a_new_network_value_of_elor_leaves_ftr_and_lom_alone(project: Project) -> None:
    project.set_params(networks__elor__momentum=0.5)
    plan = project.dvc("repro", "--dry")
    assert "'tune@elor'" in plan
    assert not re.search(r"Running stage '(tune|train)@(ftr|lom)'", plan)
    project.set_params(networks__elor__momentum=None)


def test_a_killed_run_elsewhere_goes_on_and_ends_with_the_same_bytes(project: Project, tmp_path: Path) -> None:
    """In another folder, with another scratch folder, another time zone and another order of sets.

    What was killed is run by processes, the rest in one.
    """
    twin = Project(tmp_path / "deeper" / "project", **TOY)
    twin.environment |= {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7"}
    shutil.copytree(project.folder / ".dvc" / "cache", twin.folder / ".dvc" / "cache")
    for entry in (twin.folder / ".dvc" / "cache" / "runs").glob("*/*"):
        if not any("stages.tune" in path.read_text() for path in entry.iterdir()):
            shutil.rmtree(entry)  # searches from the cache, everything else anew
    kills = 0
    while kills < 2:
        run = twin.start("repro", "train@elor", "train@ftr", quick=True)
        wait_for_progress(twin.folder.parent / "scratch", run, after=kills)
        if run.poll() is not None:
            break
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        kills += 1
    assert kills >= 1, "the run was over before it could be killed"
    twin.run_module("tests.worlds.dvc", "repro")
    assert twin.outputs() == project.outputs()
    found = elor.compare_runs(project.folder, twin.folder)
    assert found.same
    assert (found.params, found.inputs) == ([], [])
    assert found.numbers > 1_000
    for network in NETWORKS:
        assert list((twin.folder / "data" / "models" / network).glob("*.safetensors"))


def wait_for_progress(scratch: Path, run: subprocess.Popen, after: int) -> None:
    """Wait until more epochs are on disk than before, or the run is over."""
    deadline = time.monotonic() + 120
    while run.poll() is None and time.monotonic() < deadline:
        done = sum(int(path.read_text() or 0) for path in (scratch / "train").rglob("progress") if path.exists())
        if done > 2 + 3 * after:  # of five folds' ten
            return
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param(
            {"corpus__path": "no/such/corpus"},
            "no/such/corpus does not exist",
            marks=pytest.mark.slow,
            id="first",
        ),
        pytest.param({"labels__rater": "E-9"}, "E-9 rated nothing in this corpus", id="later"),
    ],
)
def test_a_mistake_is_one_sentence_and_loses_nothing(project: Project, here: Here, change: dict, sentence: str) -> None:
    """In the first stage and in a later one; tests/stages/test_bad_input.py makes all mistakes, without DVC."""
    before = project.predictions()
    project.set_params(**change)
    output = project.dvc("repro", "labels", code=255)
    assert sentence in output
    assert "Traceback" not in output
    assert project.predictions() == before
    project.git("checkout", "-q", "--", "params.yaml")
    here.dvc("repro", "labels")


def test_results_are_printed(project: Project) -> None:
    elor = Path(sys.executable).parent / "elor"
    output = subprocess.run([elor, "results"], cwd=project.folder, capture_output=True, text=True, check=True).stdout
    for network in ("ELoR", "LoM", "FTR", "ELoR+FTR"):
        assert network in output
    assert "majority" in output.lower()
