"""Where jobs run: order, threads, workers that die, and a real Dask cluster that gives the same bytes."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import torch

from elor import arithmetic
from elor.engine import ANALYSIS, LARGE, SMALL, Engine, _pool, available_cores
from elor.errors import UserError
from elor.params import NETWORKS, load
from elor.training.loop import train
from elor.training.train import place
from stages.experiment import experiment
from stages.task import engine_of
from tests.training.errands import die_always, die_once, fail, square
from tests.training.test_loop import same
from tests.worlds import toy

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]


def threads() -> int:
    return torch.get_num_threads()


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_the_order_of_the_jobs_however_many_workers(workers: int) -> None:
    looked: list[int] = []
    results = Engine("cpu", workers).run(square, [(n,) for n in range(7)], lambda: looked.append(1))
    assert results == [n**2 for n in range(7)]
    assert looked


def test_progress_counts_the_work_of_finished_jobs(capsys: pytest.CaptureFixture) -> None:
    told: list[int] = []
    assert Engine("cpu", 2).run(
        square, [(3,), (5,), (4,)], finished=lambda index, result: told.append((index, result))
    ) == [9, 25, 16]
    assert sorted(told) == [(0, 9), (1, 25), (2, 16)]
    assert Engine("cpu", 2).track(square, [(3,), (5,)], "squares", [30, 12], "stone") == [9, 25]
    assert "squares: 42/42 stones, done" in capsys.readouterr().err


def test_no_jobs_give_no_results() -> None:
    assert Engine("cpu").run(square, []) == []


def test_a_worker_has_one_thread() -> None:
    assert Engine("cpu", 2).run(threads, [(), ()]) == [1, 1]


def test_an_error_of_a_job_is_raised_as_it_is() -> None:
    with pytest.raises(ValueError, match="no such thing"):
        Engine("cpu", 2).run(fail, [("no such thing",)])


def test_a_killed_worker_costs_nothing(tmp_path: Path) -> None:
    work = [(str(tmp_path / "died"), n) for n in range(4)]
    assert Engine("cpu", 2).run(die_once, work) == [0, 1, 2, 3]


def test_workers_that_always_die_end_in_advice() -> None:
    with pytest.raises(UserError, match="killed three times in a row"):
        Engine("cpu", 1).run(die_always, [()])


def test_workers_leave_when_their_master_is_killed(tmp_path: Path) -> None:
    code = "from elor.engine import Engine\nfrom tests.training.errands import linger\n"
    code += f"if __name__ == '__main__': Engine('cpu', 2).run(linger, [({str(tmp_path)!r},)] * 2)"
    (tmp_path / "master.py").write_text(code)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    master = subprocess.Popen([sys.executable, tmp_path / "master.py"], env=environment)
    wait_until(lambda: len(list(tmp_path.glob("*.pid"))) == 2)
    workers = [int(path.stem) for path in tmp_path.glob("*.pid")]
    assert all(psutil.pid_exists(pid) for pid in workers)
    master.kill()
    master.wait()
    wait_until(lambda: not any(psutil.pid_exists(pid) for pid in workers))


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def test_devices_and_workers() -> None:
    assert Engine("cpu").devices() == ["cpu"]
    assert Engine("cpu").count() == available_cores()
    assert Engine("cpu", workers=7).count() == 7
    if not torch.cuda.is_available():
        assert Engine("auto").devices() == ["cpu"]
        with pytest.raises(UserError, match="shows no GPU"):
            Engine("cuda").devices()


def test_gpus_are_dealt_out_in_turn(monkeypatch: pytest.MonkeyPatch, files, slices: pd.DataFrame) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert Engine("auto").count() == 4
    with pytest.raises(UserError, match=r"cuda:77, but this machine shows cuda:0 to cuda:1"):
        Engine("cuda:77").devices()
    assert Engine("cuda:1").devices() == ["cuda:1"]
    task = toy.task("ftr", files, slices)
    placed = place([task.job(fold, toy.settings("ftr")) for fold in task.fold_names()], Engine("auto"))
    assert [job.device for job in placed] == ["cuda:0", "cuda:1", "cuda:0"]


@pytest.mark.parametrize(("cores", "found"), [(1, (2, 2, 2)), (6, (2, 6, 6)), (64, (2, 8, 16))])
def test_small_jobs_share_a_gpu_as_far_as_each_has_a_core(
    cores: int, found: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elor.engine.available_cores", lambda: cores)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert tuple(Engine("cuda", per_gpu=kind).count() for kind in (LARGE, SMALL, ANALYSIS)) == found
    assert Engine("cuda", workers=3, per_gpu=SMALL).count() == 3
    assert Engine("cpu", per_gpu=SMALL).count() == cores


def test_each_kind_of_job_shares_a_gpu_in_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    params = load(ROOT / "params.yaml")
    kinds = {name: engine_of(name, params).per_gpu for name in NETWORKS}
    assert kinds == {"elor": LARGE, "lom": SMALL, "ftr": SMALL, "elor_ftr": LARGE, "elor_txt": LARGE}
    monkeypatch.setattr("stages.experiment.read_table", lambda path: pd.DataFrame())
    assert experiment(params).engine.per_gpu == ANALYSIS


@pytest.mark.skipif(not torch.backends.cuda.is_built(), reason="this PyTorch knows no GPU")
@pytest.mark.parametrize("module", ["elor.training.train", "elor.explain.saliency.measure"])
def test_a_worker_may_wake_a_gpu(module: str) -> None:
    """Had the server that it forks from asked for GPUs, CUDA would refuse to begin in it."""
    with _pool(1, module) as pool:
        assert not pool.submit(torch._C._cuda_isInBadFork).result()


def test_an_address_that_does_not_answer_is_named() -> None:
    with pytest.raises(UserError, match=r"No Dask scheduler answers at engine\.address tcp://127\.0\.0\.1:9"):
        Engine(address="tcp://127.0.0.1:9").run(square, [(1,)])


def test_a_cluster_whose_workers_keep_dying_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")

    class Dead:
        def done(self) -> bool:
            return True

        def result(self) -> None:
            raise distributed.KilledWorker("square", None, 3)

    class Client(nullcontext):
        def submit(self, *arguments: object, **options: object) -> Dead:
            return Dead()

    monkeypatch.setattr(distributed, "Client", lambda address, timeout: Client())
    with pytest.raises(UserError, match="Workers of the cluster died again and again"):
        Engine(address="tcp://anywhere:1").run(square, [(1,)])


@contextmanager
def dask_cluster(folder: Path, count: int, path: str = str(ROOT)) -> Iterator[tuple[str, list[subprocess.Popen]]]:
    """The address of a real scheduler, and its worker processes, which import from `path`."""
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    address_file = folder / "scheduler.json"

    def start(kind: str, *options: str) -> subprocess.Popen:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--scheduler-file", str(address_file)]
        return subprocess.Popen([*command, *options, "--no-dashboard"], env=environment, stderr=subprocess.DEVNULL)

    scheduler = start("scheduler", "--port", "0", "--host", "127.0.0.1")
    workers = [start("worker", "--nthreads", "1", "--no-nanny", "--local-directory", str(folder)) for _ in range(count)]
    try:
        deadline = time.monotonic() + 60
        while not address_file.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        yield json.loads(address_file.read_text())["address"], workers
    finally:
        for process in [*workers, scheduler]:
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path: Path):
    """A real scheduler with two worker processes, of which one is killed in the middle by the test."""
    with dask_cluster(tmp_path, 2) as found:
        yield found


def test_a_dask_worker_of_other_versions_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arithmetic, "_noted", {})
    other = tmp_path / "other/numpy-0.1.dist-info/METADATA"
    other.parent.mkdir(parents=True)
    other.write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 0.1\n")
    with dask_cluster(tmp_path, 1, f"{tmp_path / 'other'}{os.pathsep}{ROOT}") as (address, _):
        assert Engine("cpu", address=address).run(square, [(3,)]) == [9]
    named = rf"the worker tcp://\S+ \(.*\): it has numpy 0\.1, here it is {re.escape(np.__version__)}"
    assert [doubt for doubt in arithmetic.doubts() if re.fullmatch(named, doubt)]


def test_dask_with_a_killed_worker_gives_the_same_bytes(
    cluster, files, slices: pd.DataFrame, tmp_path, monkeypatch
) -> None:
    address, workers = cluster
    task = toy.task("lom", files, slices, epochs=50, patience=50)
    settings = toy.settings("lom", filters=[8, 8])

    told: list[int] = []

    def trained(engine: Engine, folder: str, watch=None) -> list:
        monkeypatch.setenv("ELOR_SCRATCH", str(tmp_path / folder))
        made = place([task.job(fold, settings) for fold in task.fold_names()], Engine("cpu"))
        work = [(job,) for job in made]
        return engine.run(train, work, watch or (lambda: None), lambda index, result: told.append(index)), made

    local, _ = trained(Engine("cpu", 2), "local")
    killed = []

    def kill_one() -> None:
        begun = [path for path in (tmp_path / "dask").rglob("progress") if path.read_text() not in ("", "50")]
        if begun and not killed:
            workers[0].kill()
            killed.append(begun)

    remote, _ = trained(Engine("cpu", address=address), "dask", kill_one)
    assert killed, "the run was over before a worker could be killed"
    for one, other in zip(local, remote, strict=True):
        same(one, other)
    count = len(local)
    assert sorted(told[:count]) == sorted(told[count:]) == list(range(count))
