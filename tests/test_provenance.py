"""What a run has learnt from, told by its files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from elor.provenance import DEMO, Provenance, Score, project_of
from elor.sections import read_yaml

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("path", "corpus"),
    [
        ("data/demo.yaml", DEMO),
        (["data/demo.yaml", "data/other.yaml"], DEMO),
        (["data/demo.yaml", "table.csv"], "several"),
        ([3], ""),
    ],
)
def test_recipes_are_invented_be_it_one_or_a_list(tmp_path: Path, path: object, corpus: str) -> None:
    params = read_yaml(ROOT / "params.yaml")
    params["corpus"]["path"] = path
    YAML().dump(params, tmp_path / "params.yaml")
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "corpus.json").write_text(json.dumps({"source": "several"}))
    assert Provenance.of_run(tmp_path / "data" / "models", "elor").corpus == corpus


def test_a_run_without_parameters_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "metrics").mkdir()
    assert Provenance.of_run(tmp_path / "data" / "models", "elor") == Provenance()


def test_a_run_is_found_around_its_networks_also_where_these_lie_behind_a_link(tmp_path: Path) -> None:
    for name in ("run", "other"):
        (tmp_path / name / "metrics").mkdir(parents=True)
        (tmp_path / name / "data").mkdir()
    disk, others = tmp_path / "disk" / "a" / "b" / "models", tmp_path / "other" / "data" / "models"
    for target, project in ((disk, "run"), (others, "other")):  # of one's own on another disk; of another run
        target.mkdir(parents=True)
        link = tmp_path / "run" / "data" / f"models-{project}"
        link.symlink_to(target)
        assert project_of(link) == tmp_path / project
    (others / "elor.safetensors").touch()
    assert project_of(others / "elor.safetensors") is None


@pytest.mark.parametrize(("said", "classes"), [(9, 9), (None, None), (1, None), ("9", None), (True, None)])
def test_the_scale_of_values_is_told_by_a_run_and_by_its_export(
    tmp_path: Path, said: object, classes: int | None
) -> None:
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "corpus.json").write_text(json.dumps({"source": "several", "labels": {"classes": said}}))
    found = Provenance.of_run(tmp_path / "data" / "models", "elor")
    assert found == Provenance(classes=classes)
    assert Provenance.of_notes(found.tree()) == found
    assert Provenance.of_notes({"corpus": "demo", "scores": {}, "classes": said}) == Provenance("demo", {}, classes)


@pytest.mark.parametrize("corpus", ["demo", "iemocap", "manifest", "several", ""])
def test_an_export_warns_of_chance_whatever_it_has_heard(corpus: str) -> None:
    run = Provenance(corpus, {"arousal": Score(0.2, 0.0, 0.4, False)})
    told = Provenance.of_notes(run.tree())
    assert told == run
    assert told.at_chance("arousal")
    assert Provenance.of_notes(run.tree() | {"corpus": "else"}) == Provenance("", run.scores)
