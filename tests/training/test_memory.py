"""The memory of a training, estimated without taking it, against what a process really takes."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from elor.engine import Engine
from elor.errors import UserError
from elor.networks import Architecture
from elor.params import load
from elor.training import memory
from elor.training.task import architecture
from tests.worlds import toy

pytestmark = pytest.mark.long

LARGE = Architecture("elor", toy.HEADS, (24, 16, 16), (40, 20, 30), (4, 10, 20), 1, (64,), 0.5, True)
BATCH = 16

REAL = """
import re, torch
from elor.fastconv import cost_model
from elor.networks import MultiHeadNetwork
from tests.training.test_memory import BATCH, LARGE
cost_model.whole_batch = lambda device: True
small = MultiHeadNetwork(LARGE)
small.head("arousal", torch.randn(1, 1, 96_000)).sum().backward()
def peak():  # and not ru_maxrss, which a process inherits from the one that started it
    with open("/proc/self/status") as status:
        return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", status.read())[1])
before = peak()
network = MultiHeadNetwork(LARGE)
network.head("arousal", torch.randn(BATCH, 1, 96_000)).sum().backward()
print(peak() - before)
"""


@pytest.mark.slow
def test_the_estimate_is_what_a_process_takes() -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MALLOC_MMAP_THRESHOLD_": "65536"}
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", REAL], cwd=root, env=environment, capture_output=True, text=True)
    real = int(ended.stdout)
    assert real > 200e6
    assert 0.7 * real < memory.needed(LARGE, BATCH) < 1.5 * real


def test_it_grows_with_the_batch_and_knows_the_weights() -> None:
    one, two = (memory.needed(LARGE, batch) for batch in (4, 8))
    assert 1.7 < two / one < 2
    flat = Architecture("ftr", toy.HEADS, (), (), (), 1, (256, 256), 0.5, True)
    weights = 2 * (1582 * 256 + 256 + 256 * 256 + 256 + 256 * 3 + 3)  # both heads are there, one is trained
    assert memory.needed(flat, 1) == pytest.approx(4 * 2.5 * weights, rel=0.1)  # its gradient, momentum, step


def test_an_impossible_shape_takes_nothing_and_is_left_to_fail() -> None:
    assert memory.needed(replace(LARGE, pools=(400, 400, 400)), 4) == 0


def test_the_largest_shape_of_the_papers_search_is_known_before_it_is_tried() -> None:
    defaults = load().scales["paper"].networks["elor"].defaults
    widest = defaults.model_copy(update={"filters": [60] * 3, "lengths": [120, 60, 600], "pools": [1, 5, 16]})
    assert memory.needed(architecture("elor", toy.HEADS, widest, True), 64) == pytest.approx(21e9, rel=0.1)


@pytest.fixture
def jobs(files, slices):
    task = toy.task("elor", files, slices)
    return [task.job(fold, toy.settings("elor")) for fold in task.fold_names()]


def test_as_many_workers_as_fit_and_no_more(jobs, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    each = memory.needed(jobs[0].architecture, jobs[0].options.batch) + memory.PROCESS["cpu"]
    engine = Engine("cpu", 3)
    for free, workers in ((10, 3), (2.5, 2), (1.2, 1)):
        monkeypatch.setattr(memory, "free_bytes", lambda device, free=free: int(free * each / memory.SPARE))
        assert memory.fitting(engine, jobs).count() == workers
    assert "elor: 1 jobs at a time and not 3: a batch of 8 takes" in capsys.readouterr().err
    monkeypatch.setattr(memory, "free_bytes", lambda device: int(0.9 * each / memory.SPARE))
    with pytest.raises(UserError, match=r"elor, fold S00: a batch of 8 would take .* GB that are free on cpu"):
        memory.fitting(engine, jobs)
    assert memory.fitting(Engine(address="tcp://there:1"), jobs).address  # a cluster has its own limits


def test_a_gpu_holds_the_corpus_too(jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    corpus = jobs[0].files["audio"].stat().st_size
    each = memory.needed(jobs[0].architecture, 8) + memory.PROCESS["cuda"] + corpus
    monkeypatch.setattr(memory, "free_bytes", lambda device: int(1.5 * each / memory.SPARE))
    assert memory.fitting(Engine("cuda", 3), jobs).count() == 2  # one per GPU
