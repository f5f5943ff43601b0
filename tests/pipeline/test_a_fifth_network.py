"""A fifth network and a third head, added as docs/add-a-network.md and params.yaml say: from the corpus to the page."""

from __future__ import annotations

import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from elor.evidence.model import read
from elor.evidence.prototypes import Prototypes
from elor.registry import FILES, NETWORKS, VECTORS
from tests.worlds.project import MODELS, ROOT, Project
from tests.worlds.shared import share_vectors
from tests.worlds.stages import UNSEEN

NAME, TITLE = "lom_ftr", "LoM+FTR"
HEADS = ("arousal", "dominance", "valence")


def test_dvc_and_the_registry_say_the_same_of_inputs() -> None:
    said = YAML(typ="safe").load(ROOT / "dvc.yaml")["vars"]
    trained_on, tuned_on = (next(part[key] for part in said if key in part) for key in ("trained_on", "tuned_on"))
    assert list(trained_on) == list(tuned_on) == list(NETWORKS)
    for name, network in NETWORKS.items():
        files = [f"data/{FILES[one]}" for one in network.inputs]
        last = next((f"data/{one}.json" for one in network.inputs if one in VECTORS), files[0])
        assert trained_on[name] == {"one": files[0], "two": files[-1], "three": last}
        parents = [f"data/tuning/{parent}.yaml" for parent in network.parents] or files
        assert tuned_on[name] == {"one": parents[0], "two": parents[-1], "three": last}


def add(project: Project) -> None:
    """The three edits: the registry, the values in params.yaml, the stages in dvc.yaml."""
    registry = project.folder / "elor" / "registry.py"
    line = '    "elor_ftr": Network('
    text = registry.read_text()
    registry.write_text(text.replace(line, f'    "{NAME}": Network("{TITLE}", ("mfcc", "is10")),\n{line}', 1))
    yaml = YAML()
    params, pipeline = (yaml.load(project.folder / name) for name in ("params.yaml", "dvc.yaml"))
    params["networks"][NAME] = deepcopy(params["networks"]["lom"])
    for scale in params["scale"].values():
        scale["networks"][NAME] = deepcopy(scale["networks"]["lom"])
    for part in pipeline["vars"]:
        next(iter(part.values()))[NAME] = {"one": "data/mfcc.npy", "two": "data/is10.npy", "three": "data/is10.json"}
    yaml.dump(params, project.folder / "params.yaml")
    yaml.dump(pipeline, project.folder / "dvc.yaml")


@pytest.mark.long
@pytest.mark.parametrize("explained", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_fifth_network_and_a_third_head_reach_the_page(tmp_path: Path, explained: bool) -> None:
    project = Project(tmp_path / "project")
    share_vectors(tmp_path / "scratch")
    project.set_params(
        labels__dimensions=["dominance", "valence", "arousal"],
        folds__most=3,
        explain__interventions__networks=["lom"],
        explain__prototypes__parametrisations=["time"],
        **{f"scale__demo__networks__{net}__evaluations": 0 for net, one in NETWORKS.items() if not one.parents},
    )
    add(project)
    project.commit("a fifth network")
    assert f"train {NAME}" in project.repro_here("report", leave_out=() if explained else UNSEEN)
    keys = {f"{head}.{net}" for head in HEADS for net in (*MODELS, NAME)}
    assert set(project.json("metrics/uar.json")) == set(project.json("metrics/war.json")) == keys
    slices = pd.read_csv(project.folder / "data/slices.csv")
    ratings = pd.read_csv(project.folder / "data/ratings.csv").query("rater == 'E-2'").set_index("utterance")
    assert (slices["dominance"] == slices["utterance"].map(ratings["dominance"]) - 1).all()
    check_scores(project, slices)
    check_page(project)
    if explained:
        check_maps(project)


def check_scores(project: Project, slices: pd.DataFrame) -> None:
    """What the fifth network reaches, against what its predictions say."""
    found = pd.read_csv(project.folder / f"data/predictions/{NAME}.csv").set_index("slice").reindex(slices["slice"])
    right = [found[head].to_numpy() == slices[head].to_numpy() for head in HEADS]
    for head, hits in zip(HEADS, right, strict=True):
        scores = project.json(f"metrics/{head}/{NAME}.json")
        assert scores["war"] == pytest.approx(hits.mean(), abs=1e-4)
        assert scores["joint_war"] == pytest.approx(np.all(right, axis=0).mean(), abs=1e-4)  # of 125 combinations
    assert "why" in project.json(f"metrics/emotion/{NAME}.json")
    people = project.json("metrics/agreement.json")
    assert {"kappa", "ratings"} <= set(people["dominance"]["others"])


def check_maps(project: Project) -> None:
    """All three heads are explained, the paper's two compared as it does."""
    pairs = set(project.json("metrics/saliency.json")["own"]["guided"])
    assert {f"{head}~input" for head in HEADS} | {"arousal~dominance", "arousal~valence"} <= pairs
    assert set(read(Prototypes, project.folder / "metrics/prototypes.json").table["paper.time"]) == set(HEADS)


def check_page(project: Project) -> None:
    """All three heads hear what is altered, and the page and the terminal show both newcomers."""
    assert set(project.json("metrics/interventions.json")["networks"]["lom"]["gain"]["heads"]) == set(HEADS)
    page = (project.folder / "plots/report.html").read_text()
    assert TITLE in page
    assert "UAR of dominance" in page
    command = [sys.executable, "-c", "from elor.commands import app; app()", "results"]  # the project's own elor
    said = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=True).stdout
    assert TITLE in said
    assert "dominance" in said
