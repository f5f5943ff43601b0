"""What a run has learnt from, told by its files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from elor.provenance import DEMO, Provenance, Score
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
