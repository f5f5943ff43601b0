"""The stages `figures` and `report`, fed with an invented run."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.report.world import World
from tests.worlds.project import NETWORKS, ROOT
from tests.worlds.stages import Workspace

pytestmark = pytest.mark.long


@pytest.fixture
def run(workspace: Workspace) -> Workspace:
    """A workspace in which everything but figures and report has run."""
    World(workspace.folder)
    for network in NETWORKS:
        path = workspace.folder / "data" / "tuning" / f"{network}.yaml"
        path.parent.mkdir(exist_ok=True)
        YAML().dump({"network": network, "values": {"dropout": 0.4375}}, path)
    return workspace


def test_the_report_says_how_it_was_made_and_not_what_it_cost(run: Workspace) -> None:
    run.run_all(("report",))
    text = (run.folder / "plots" / "report.html").read_text()
    for part in ("0.4375", "torch==2.11.0", "data/demo.yaml", "synthetic speech"):
        assert part in text, part
    first = run.files()["plots/report.html"]
    cost = run.folder / "metrics" / "cost" / "train@elor.json"
    cost.write_text('{"seconds": 12.3, "cpu_seconds": 24.5, "peak_mb": 481.0, "cores": 2}')
    run.run_all(("report",))
    assert run.files()["plots/report.html"] == first


def test_the_report_of_an_outside_corpus_says_that_it_stays_at_home(run: Workspace) -> None:
    run.set_params(corpus__path="release")
    run.run_all(("report",))
    assert "keep it on this machine" in (run.folder / "plots" / "report.html").read_text()


def test_without_scores_one_sentence_says_what_to_do(run: Workspace) -> None:
    (run.folder / "metrics" / "uar.json").unlink()
    for stage in ("figures", "report"):
        code, said = run.run(stage)
        assert code == 1
        assert "uar.json does not exist: run dvc repro" in said
    assert not list((run.folder / "plots").glob("*.html"))


def test_sound_and_waveforms_stay_out_of_git_and_remotes() -> None:
    ignored = (ROOT / ".gitignore").read_text().split()
    stages = YAML(typ="safe").load(Path(ROOT / "dvc.yaml"))["stages"]
    for stage in ("figures", "report"):
        for out in stages[stage]["outs"]:
            ((path, options),) = out.items()
            assert options == {"push": False}
            assert f"/{path}" in ignored or f"/{path}/" in ignored
