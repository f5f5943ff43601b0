"""The parts of `benchmarks.gpu`: each takes a setup and returns plain values; inner loops watch the time."""

from __future__ import annotations

import copy
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.measure import ROOT
from benchmarks.toy import Case, operations, our_step, prediction, toy_job
from elor.device import settle
from elor.fastconv import ConvBlock, batched, cost_model
from elor.files import write_json
from elor.networks import MultiHeadNetwork
from elor.params import Params, Settings
from elor.registry import WORDLESS
from elor.training import losses
from elor.training.job import TrainingJob
from elor.training.loop import Trainer

WAYS = ("plain", "direct", "spectral", "rows")
"""Ways of a layer: PyTorch's modules one by one; block convolutions by each of the three ways of convolving."""

TOY = {"filters": [3, 4, 4], "lengths": [16, 5, 4], "pools": [4, 6, 8], "stride": 8, "hidden": [8]}


@dataclass(frozen=True)
class Setup:
    """Where and how a part measures, and until when (`time.monotonic`, which all processes share)."""

    device: str
    small: bool
    folder: Path
    params: Params
    until: float

    @property
    def answer(self) -> Path:
        """The file that a part's results are written to."""
        return self.folder / "answer.json"

    def left(self) -> float:
        """Seconds that are left."""
        return self.until - time.monotonic()

    def keep(self, found: dict[str, Any]) -> None:
        """Leave what a part has found so far, should it be killed before its end."""
        write_json(self.answer, found | {"cut": "it did not come to its end"}, digits=None)

    def settings(self, network: str) -> Settings:
        """The paper's default values of a network; in a rehearsal those of a toy."""
        own = self.params.scales["paper"].networks[network].defaults
        if not self.small:
            return own
        toy = {name: value for name, value in TOY.items() if getattr(own, name) is not None}
        return own.model_copy(
            update=toy | {"batch": 4} | ({"stride": 1, "pools": [4, 4, 4]} if network == "lom" else {})
        )

    def job(self, network: str, settings: Settings | None = None, slices: int = 64, **how: object) -> TrainingJob:
        """A training on noise on the device, in a folder of its own."""
        folder = self.folder / f"{network}-{time.monotonic_ns()}"
        folder.mkdir()
        job = toy_job(
            Case(network, "paper", settings or self.settings(network)), self.params, folder, self.device, slices
        )
        return replace(job, options=replace(job.options, **how))

    def timed(self, step: Callable[[], object], least: float = 0.4, groups: int = 3) -> float:
        """Seconds of a step: median over groups of repetitions, after two that do not count."""
        device = torch.device(self.device)
        began = 0.0
        for _ in range(2):
            settle(device)
            began = time.perf_counter()
            step()
            settle(device)
        once = max(time.perf_counter() - began, 1e-6)
        times, count = [], max(1, int((0.02 if self.small else least) / groups / once))
        for _ in range(groups):
            began = time.perf_counter()
            for _ in range(count):
                step()
            settle(device)
            times.append((time.perf_counter() - began) / count)
            if self.left() < 0:
                break
        return statistics.median(times)


@contextmanager
def only_way(name: str) -> Iterator[None]:
    """Convolve by one way alone wherever it is possible; `chosen` leaves the choice as it is."""
    before = cost_model.frames, cost_model.ROWS
    if name != "chosen":
        cost_model.ROWS = name == "rows"
        cost_model.frames = _spectral if name == "spectral" else lambda *_: None
    try:
        yield
    finally:
        cost_model.frames, cost_model.ROWS = before


def _spectral(signal: torch.Tensor, weight: torch.Tensor, stride: int, padding: tuple[int, int]):
    return cost_model.cheapest(signal, weight, padding) if stride == 1 else None


def ceilings(setup: Setup) -> dict[str, Any]:
    """What the card can do: large products in every precision, a copy, and the launch of a kernel that does nothing."""
    side, found = 256 if setup.small else 8_192, {}
    for name in ("float32", "tf32", "bfloat16", "complex64"):
        dtype, tf32 = getattr(torch, name, torch.float32), name == "tf32"
        torch.backends.cuda.matmul.allow_tf32 = tf32
        one = torch.randn(side, side, device=setup.device).to(dtype)
        found[name] = (8 if dtype.is_complex else 2) * side**3 / setup.timed(partial(torch.mm, one, one)) / 1e12
    torch.backends.cuda.matmul.allow_tf32 = False
    large = torch.empty(2**20 if setup.small else 2**29, device=setup.device)
    other = torch.empty_like(large)
    found["copy"] = 2 * 4 * large.numel() / setup.timed(lambda: other.copy_(large)) / 1e12
    tiny = torch.zeros(1, device=setup.device)
    return found | {"launch": 1e6 * setup.timed(partial(tiny.add_, 1))}


def tests(setup: Setup) -> dict[str, Any]:
    """The CUDA tests, in a process of their own."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-v",  # one that hangs is named
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "tests/cuda",
        "-rfE",
        "--tb=line",
    ]
    environment = os.environ | {"ELOR_CUDA_TESTS_ON": setup.device, "PYTHONUNBUFFERED": "1"}
    if setup.small:
        command += ["-k", "inference or (test_training_is_the_cpus and ftr-classes)"]
    output = setup.folder / "tests.txt"  # no pipe: workers that outlive the tests would hold it open
    with output.open("a") as file:
        try:
            subprocess.run(command, cwd=ROOT, env=environment, stdout=file, stderr=file, timeout=max(1, setup.left()))
        except subprocess.TimeoutExpired:
            file.write("\nERROR the tests ran out of time\n")
    return outcomes(output.read_text())


def outcomes(said: str) -> dict[str, Any]:
    """How each test ended, from pytest's line on it, which is there for those before the time was up, too."""
    ended = re.findall(r"^(\S+::.+?) (PASSED|SKIPPED|FAILED|ERROR)\b", said, re.MULTILINE)
    failed = dict.fromkeys(name for name, how in ended if how in ("FAILED", "ERROR"))
    lines = said.splitlines()
    return {
        "passed": sum(how == "PASSED" for _, how in ended),
        "skipped_tests": sum(how == "SKIPPED" for _, how in ended),
        "failed": [*failed, *(line.removeprefix("ERROR ") for line in lines if line.startswith("ERROR "))],
        "said": lines[-40:],
    }


def equality(setup: Setup) -> dict[str, Any]:
    """Loss and gradients of one step of the paper-size network in every way, against float64 on the CPU."""
    torch.set_num_threads(os.cpu_count() or 1)
    job = setup.job("elor", setup.settings("elor").model_copy(update={"dropout": 0.0}))
    trainer = Trainer(replace(job, device="cpu"))
    rows = job.train[:2]
    state, batch = copy.deepcopy(trainer.network.state_dict()), trainer.inputs.batch(rows)
    target = {name: torch.from_numpy(values)[rows] for name, values in job.targets.items()}

    def step(device: str, fast: bool, dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
        network = MultiHeadNetwork(job.architecture, fast).train()
        network.load_state_dict(state)
        network.to(device, dtype)
        output = network(*(value.to(device, dtype) for value in batch))
        head = job.architecture.heads[0]
        loss = losses.loss(head, output[head.name], target[head.name].to(device))
        loss.backward()
        gradients = {n: p.grad for n, p in network.named_parameters() if p.grad is not None and ".conv.bias" not in n}
        return {name: value.detach().cpu().double() for name, value in (gradients | {"loss": loss}).items()}

    exact = step("cpu", False, torch.float64)
    ways = {"CPU, plain": ("cpu", False, "chosen"), "CPU, blocks": ("cpu", True, "chosen"),
            "plain": (setup.device, False, "chosen")}  # fmt: skip
    ways |= {f"blocks, {name}": (setup.device, True, name) for name in ("chosen", "direct", "spectral", "rows")}
    found = {}
    for name, (device, fast, way) in ways.items():
        with only_way(way):
            values = step(device, fast)
        errors = {key: float((values[key] - exact[key]).abs().max() / exact[key].abs().max()) for key in exact}
        found[name] = {"loss": errors.pop("loss"), "gradient": max(errors.values())}
    torch.set_num_threads(1)
    return {"ways": found}


VARIANTS: dict[str, tuple[str, dict[str, object]]] = {
    "blocks, chosen": ("chosen", {}),
    "plain": ("chosen", {"fast": False}),
    "plain, free": ("chosen", {"fast": False, "deterministic": False}),
    "blocks, direct": ("direct", {}),
    "blocks, spectral": ("spectral", {}),
    "blocks, rows": ("rows", {}),
    "blocks, tf32": ("chosen", {"tf32": True}),
    "blocks, direct, tf32": ("direct", {"tf32": True}),
    "plain, tf32": ("chosen", {"fast": False, "tf32": True}),
    "plain, free, tf32": ("chosen", {"fast": False, "deterministic": False, "tf32": True}),
    "blocks, bfloat16": ("chosen", {"precision": "bfloat16"}),
    "plain, bfloat16": ("chosen", {"fast": False, "precision": "bfloat16"}),
}
"""How a step may be done: the way of convolving, and options of the training. `free`: not deterministic."""


def steps(setup: Setup) -> dict[str, Any]:
    """A training step of every network in all its variants."""
    found = []
    literal = setup.settings("elor").model_copy(update={} if setup.small else {"lengths": [80, 4_000, 400]})
    for network, size, settings in [
        *((name, "paper", setup.settings(name)) for name in WORDLESS),
        ("elor", "500 ms", literal),
    ]:
        ways: dict[str, Any] = {}
        found.append({"network": network, "size": size, "batch": settings.batch, "ways": ways})
        for name, (way, how) in VARIANTS.items():
            if setup.left() < 1 or ("blocks" in name and network == "ftr") or (size != "paper" and "free" in name):
                continue
            try:
                with only_way(way):
                    ways[name] = variant(setup, network, settings, **how)
            except Exception as error:
                ways[name] = {"error": f"{type(error).__name__}: {error}"[:300]}
            setup.keep({"cases": found})
    return {"cases": found}


def variant(setup: Setup, network: str, settings: Settings, **how: object) -> dict[str, float]:
    """One variant of a step: its seconds, those of predicting as many slices, its rate and its memory."""
    on_gpu = setup.device.startswith("cuda")
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    job = setup.job(network, settings, **how)
    trainer = Trainer(job)
    seconds = setup.timed(our_step(trainer))
    return {
        "step": seconds,
        "predict": setup.timed(prediction(trainer), least=0.1),
        "gflops": operations(job.architecture) / 1e9 * job.options.batch / seconds,
        "memory_gb": torch.cuda.max_memory_allocated() / 1e9 if on_gpu else 0.0,
    }


def compiled(setup: Setup) -> dict[str, Any]:
    """The step through torch.compile, last, since the compiler takes its time."""
    if setup.small:
        return {"skipped": "not in a rehearsal"}
    found: dict[str, Any] = {}
    for name in ("ftr", "lom", "elor"):
        if setup.left() > 10:
            found[name] = variant(setup, name, setup.settings(name), compile=True)
            setup.keep(found)
    return found


def kernels(setup: Setup) -> dict[str, Any]:
    """Of each network's step how many kernels it launches, what launches alone would take, and the longest kernels."""
    tiny = torch.zeros(1, device=setup.device)
    launch, found = setup.timed(partial(tiny.add_, 1)), {}
    for name in ("elor", "lom", "ftr"):
        if setup.left() > 1:
            found[name] = _launched(setup, name, launch)
            setup.keep({"launched": found})
    return {"launched": found}


def _launched(setup: Setup, network: str, launch: float) -> dict[str, Any]:
    """Of one network; `launch` are the seconds of a kernel that does nothing."""
    trainer = Trainer(setup.job(network))
    step, on_gpu = our_step(trainer), setup.device.startswith("cuda")
    seconds = setup.timed(step, least=0.2)
    activities = [torch.profiler.ProfilerActivity.CUDA if on_gpu else torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities) as profile:
        step()
        settle(trainer.device)
    spent = "self_device_time_total" if on_gpu else "self_cpu_time_total"
    rows = sorted(profile.key_averages(), key=lambda row: -getattr(row, spent))
    top = [{"name": row.key[:80], "count": row.count, "ms": getattr(row, spent) / 1e3} for row in rows[:20]]
    count = sum(row.count for row in rows)
    return {"launches": count, "step": seconds, "launching": count * launch, "top": top}


LAYERS = ((1, 40, 80, 2, 96_000), (1, 40, 700, 2, 96_000), (40, 40, 40, 10, 48_000), (40, 40, 12, 10, 48_000),
          (40, 40, 400, 32, 4_800), (40, 40, 4_000, 10, 48_000), (26, 32, 3, 2, 599))  # fmt: skip
"""Channels, filters, taps, pooling and samples of layers that are timed in every way, 32 signals each."""


def layers(setup: Setup) -> dict[str, Any]:
    """Each layer in every way, and which one the cost model chooses."""
    found, costs = [], asdict(cost_model.costs_of(torch.device(setup.device)))
    for channels, filters, length, pool, samples in ((1, 3, 16, 4, 960), (3, 4, 30, 2, 200)) if setup.small else LAYERS:
        block = ConvBlock(channels, filters, length, pool).to(setup.device).train()
        signal = torch.randn(
            2 if setup.small else 32, channels, samples, device=setup.device, requires_grad=channels > 1
        )

        def step(block: ConvBlock = block, signal: torch.Tensor = signal) -> None:
            block(signal).sum().backward()

        seconds = {}
        for name in WAYS if channels == 1 else WAYS[:-1]:
            block.fast = name != "plain"
            if setup.left() > 0:
                with only_way("chosen" if name == "plain" else name):
                    seconds[name] = setup.timed(step, least=0.2)
        chosen = batched.way(signal, block.conv.weight, 1, block.padding, signal.requires_grad)
        name = f"{channels} -> {filters}, {length} taps, {samples}"
        fastest = min(seconds, key=seconds.__getitem__) if seconds else ""
        found.append({"layer": name, "seconds": seconds, "chosen": type(chosen).__name__.lower(), "fastest": fastest})
        setup.keep({"layers": found, "costs": costs})
    return {"layers": found, "costs": costs}
