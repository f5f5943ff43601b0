"""The benchmark of a GPU, rehearsed on the CPU with toys: every part runs, none stops the others, and all are told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

from benchmarks import gpu, gpuparts, gpuwork, publish
from benchmarks.gpu import PARTS, Part
from benchmarks.measure import ROOT
from elor.fastconv import cost_model
from elor.params import load
from elor.report.text import Format, render

pytestmark = pytest.mark.long

QUICK = ("ceilings", "equality", "layers", "kernels", "resume")
"""Parts that take seconds on a CPU; `python -m benchmarks.gpu --small --device cpu` rehearses all of them."""

BARE = """
import sys
ABSENT = {"dvc", "opensmile", "typer", "psutil", "matplotlib", "distributed", "captum"}
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in ABSENT or name.split(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}")
sys.meta_path.insert(0, Absent())
from benchmarks import gpu
import tests.cuda.test_cuda, elor.explain.saliency.measure, elor.training.tpe
gpu.main(["--small", "--device", "cpu", "--out", sys.argv[1], "--only", "ceilings"])
"""
"""It has no git either: the folder of programs is empty."""


@pytest.mark.slow
def test_a_machine_with_pytorch_and_little_else_can_run_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BARE, str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, env=os.environ | {"PATH": ""}, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    record = json.loads((tmp_path / "gpu.json").read_text())
    assert record["machine"]["commit"] == "unknown"
    assert record["measured"]["ceilings"]["launch"] > 0
    assert set(record["machine"]["packages"]) >= {"torch", "numpy"}


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return gpu.measure(tmp_path_factory.mktemp("gpu"), "cpu", minutes=5, small=True, only=QUICK)


def test_the_parts_measure_what_they_say(record: dict) -> None:
    found = record["measured"]
    assert not [name for name in QUICK if "error" in found[name]]
    for way, errors in found["equality"]["ways"].items():
        assert errors["gradient"] < 1e-4, way
    assert found["resume"] == found["resume"] | {"same": True, "killed": True}
    for row in found["layers"]["layers"]:
        assert row["fastest"] == min(row["seconds"], key=row["seconds"].__getitem__)
        assert row["chosen"] in gpuparts.WAYS
    for row in found["kernels"]["launched"].values():
        assert row["launches"] > 50
        assert 0 < row["top"][0]["ms"] / 1e3 < row["step"] * 10
    shown = render(gpu.tables(found), Format.markdown)
    assert "| ftr |" in shown[shown.index("Kernels of a step") :]
    assert "- a rehearsal with toys: no figure here says anything about a card" in shown
    assert found["projection"]["skipped"] == "no step was measured"


def fails(setup: gpuparts.Setup) -> dict:
    raise RuntimeError("CUBLAS_STATUS_ALLOC_FAILED")


def hangs(setup: gpuparts.Setup) -> dict:
    """Waits for a child that waits for its own, which fills a pipe that nobody reads, and never ends."""
    command = f"yes & echo $! > {setup.folder.parent / 'child'}; wait"
    return {"ended": subprocess.Popen(["sh", "-c", command], stdout=subprocess.PIPE).wait()}


def dies(setup: gpuparts.Setup) -> dict:
    os._exit(3)


def dies_late(setup: gpuparts.Setup) -> dict:
    setup.keep({"rates": {"lom": {"1": 10.0}}})
    os._exit(3)


def looks(setup: gpuparts.Setup) -> dict:
    server = psutil.Process().parent()
    imported = any("libtorch" in one.path for one in server.memory_maps())
    return {"spoiled": torch._C._cuda_isInBadFork(), "imported": imported}


def test_a_part_that_hangs_is_given_up_with_all_that_it_started(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(gpu, "GRACE_S", 1.0)
    (tmp_path / "folder").mkdir()
    began = time.monotonic()
    setup = gpuparts.Setup("cpu", True, tmp_path / "folder", load(ROOT / "params.yaml"), began + 10)
    assert gpu.apart(hangs, setup) == {"error": "given up after 11 s"}
    assert time.monotonic() - began < 25
    child = int((tmp_path / "child").read_text())
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() - began < 30, "the child lives on"
        time.sleep(0.05)


def test_a_part_that_dies_is_told(tmp_path: Path) -> None:
    setup = gpuparts.Setup("cpu", True, tmp_path, load(ROOT / "params.yaml"), time.monotonic() + 60)
    assert gpu.apart(dies, setup) == {"error": "it died, code 3"}
    found = {"packing": gpu.apart(dies_late, setup)}
    text = render(gpu.tables(found), Format.markdown)
    assert "| lom | 1 | 10.0 |" in text
    assert "- packing: it did not come to its end" in text


@pytest.mark.skipif(not torch.backends.cuda.is_built(), reason="this PyTorch knows no GPU")
def test_a_part_may_wake_a_gpu_and_has_its_whole_time(tmp_path: Path) -> None:
    setup = gpuparts.Setup("cpu", True, tmp_path, load(ROOT / "params.yaml"), time.monotonic() + 60)
    found = gpu.apart(looks, setup)
    assert not found["spoiled"]
    assert found["imported"], "by the server, so that the part's time is its own"


def test_tests_are_counted_one_by_one_even_if_their_time_is_up() -> None:
    said = """
tests/cuda/test_cuda.py::test_a[elor-classes] PASSED                      [ 25%]
tests/cuda/test_cuda.py::test_b[the first one] FAILED                     [ 50%]
tests/cuda/test_cuda.py::test_c SKIPPED (needs a CUDA device)             [ 75%]
tests/cuda/test_cuda.py::test_d
ERROR the tests ran out of time
"""
    found = gpuparts.outcomes(said)
    assert (found["passed"], found["skipped_tests"]) == (1, 1)
    assert found["failed"] == ["tests/cuda/test_cuda.py::test_b[the first one]", "the tests ran out of time"]
    assert "test_d" in "".join(found["said"])


def test_without_a_gpu_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(SystemExit, match="--device is cuda, but this machine shows no GPU; use auto or cpu"):
        gpu.main(["--out", str(tmp_path / "nothing")])
    assert not (tmp_path / "nothing").exists()


def test_what_goes_wrong_in_one_part_is_told_and_stops_no_other(tmp_path: Path, monkeypatch) -> None:
    parts = {"tests": Part(fails, 10), "ceilings": PARTS["ceilings"], "steps": Part(gpuparts.steps, 0)}
    monkeypatch.setattr(gpu, "PARTS", parts)
    found = gpu.measure(tmp_path, "cpu", minutes=5, small=True, only=())["measured"]
    assert found["tests"]["error"] == "RuntimeError: CUBLAS_STATUS_ALLOC_FAILED"
    assert found["steps"] == {"skipped": "no time was left"}
    assert found["ceilings"]["float32"] > 0
    assert json.loads((tmp_path / "gpu.json").read_text())["measured"]["tests"]["error"]
    text = render(gpu.tables(found), Format.markdown)
    assert "- tests: RuntimeError: CUBLAS_STATUS_ALLOC_FAILED" in text
    assert "- steps: no time was left" in text


def test_a_step_is_measured_in_every_variant_and_the_way_is_put_back(tmp_path: Path) -> None:
    before = cost_model.frames, cost_model.ROWS
    setup = gpuparts.Setup("cpu", True, tmp_path, load(ROOT / "params.yaml"), time.monotonic() + 60)
    for name, (way, how) in gpuparts.VARIANTS.items():
        with gpuparts.only_way(way):
            found = gpuparts.variant(setup, "lom", setup.settings("lom"), **how)
        assert found["step"] > 0, name
    assert (cost_model.frames, cost_model.ROWS) == before


def test_hours_follow_from_steps_draws_and_sharing(tmp_path: Path) -> None:
    setup = gpuparts.Setup("cpu", False, tmp_path, load(ROOT / "params.yaml"), time.monotonic() + 60)
    ways = {"blocks, chosen": {"step": 0.032, "predict": 0.0}}
    found = {"steps": {"cases": [{"network": "lom", "size": "paper", "ways": ways}]}}
    alone = gpuwork.projected(found, setup)["networks"][0]
    scale = setup.params.scales["paper"].networks["lom"]
    train = 8_681 * 0.9 * (1 - setup.params.folds.validation)
    assert alone["hours"]["folds"] == pytest.approx(10 * scale.epochs * train * 0.001 / 3600)
    found["packing"] = {"rates": {"lom": {"1": 10.0, "8": 40.0}}}
    found["drawn"] = {"networks": {"lom": [{"batch": 64, "step": 0.192}, {"batch": 8, "error": "no memory"}]}}
    shared = gpuwork.projected(found, setup)["networks"][0]
    assert shared["hours"]["folds"] == pytest.approx(alone["hours"]["folds"] / 4)
    assert shared["hours"]["search"] == pytest.approx(alone["hours"]["search"] / 4 * 3)
    assert "whole experiment" in render(gpu.tables({"projection": {"networks": [shared]}}), Format.markdown)


def test_by_its_data_sheet_a_card_does_the_papers_experiment_in_half_a_day(tmp_path: Path) -> None:
    setup = gpuparts.Setup("cpu", False, tmp_path, load(ROOT / "params.yaml"), 0.0)
    assumed = gpuwork.estimated(setup, shapes=50)
    (elor,) = [case["ways"]["blocks, chosen"] for case in assumed["steps"]["cases"] if case["network"] == "elor"]
    assert 0.016 < elor["step"] < 0.029  # read off the same data sheet by hand
    rows = {row["network"]: row for row in gpuwork.projected(assumed, setup)["networks"]}
    assert rows["ftr"]["hours"]["folds"] == pytest.approx(
        10 * 100 * 8_681 * 0.9 * 0.8 / 32 * 107e-5 / 4 / 3600, rel=0.1
    )
    assert sum(row["likely"] for row in rows.values()) < 12


def test_results_from_elsewhere_get_a_place_of_their_own(record: dict, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(publish, "RESULTS", tmp_path)
    monkeypatch.setattr(publish, "PAGES", (tmp_path / "page.md",))
    (tmp_path / "page.md").write_text("<!-- bench:gpu -->\n<!-- /bench:gpu -->")
    (tmp_path / "away.json").write_text(json.dumps(record))
    gpu.main(["--tables", str(tmp_path / "away.json")])
    assert json.loads((tmp_path / "gpu.json").read_text())["benchmark"] == "gpu"
    assert "| blocks, spectral |" in (tmp_path / "page.md").read_text()
    assert str(ROOT) not in (tmp_path / "gpu.json").read_text()
