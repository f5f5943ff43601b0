"""A GPU computes what the CPU computes, twice the same, and never waits inside a step.

`python -m benchmarks.gpu` runs these tests on a machine that has PyTorch and little else. Toy networks, real everything
else; tolerances are those of float32 sums in another order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from elor.engine import SMALL, Engine
from elor.explain.attribution import gradient
from elor.explain.guided import guided_backprop
from elor.explain.integrated import integrated_gradients
from elor.explain.occlusion import occlusion
from elor.explain.prototypes.ascent import Ascent, Goal, prototypes
from elor.inference import _Torch
from elor.networks import SHAPES, Architecture, MultiHeadNetwork
from elor.params import NETWORKS
from elor.targets import Head, Target
from elor.training import loop, resume, together
from elor.training.draws import draw
from elor.training.job import Outcome, TrainingJob
from elor.training.memory import needed
from elor.training.train import run
from tests.training.test_loop import same
from tests.worlds import toy
from tests.worlds.networks import trained_network

TARGETS = {
    "classes": toy.HEADS,
    "regression": Target("regression").heads,
    "distribution": (Head("arousal", 3, soft=True), Head("valence", 3, soft=True)),
    "emotion": Target("emotion").heads,
}
NEAR = 1e-3
"""Relative difference of a loss after some epochs: roundings of float32 grow on the way."""

Make = Callable[..., TrainingJob]


@pytest.fixture
def job(files: dict[str, Path], slices: pd.DataFrame, tmp_path: Path) -> Make:
    """A toy training, on any device; every call has a scratch folder of its own."""
    made: list[TrainingJob] = []

    def make(network: str, device: str, target: str = "classes", epochs: int = 3, fold: str = "S00", **how: object):
        values = toy.TRAIN.model_copy(update={"fast": True} | how)
        task = toy.task(network, files, slices, heads=TARGETS[target], how=values, epochs=epochs, patience=epochs)
        job = replace(task.job(fold, toy.settings(network)), device=device, scratch=tmp_path / str(len(made)))
        made.append(job)
        return job

    return make


def losses(outcome: Outcome) -> list[float]:
    return [value for row in outcome.history for name, value in row.items() if name.startswith("loss")]


def near(one: Outcome, other: Outcome, tolerance: float = NEAR) -> None:
    assert losses(one) == pytest.approx(losses(other), rel=tolerance)
    for name, tensor in one.tensors.items():
        scale = max(1.0, other.tensors[name].abs().max().item())
        assert (tensor - other.tensors[name]).abs().max().item() <= 10 * tolerance * scale, name


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("network", NETWORKS)
def test_training_is_the_cpus(network: str, target: str, job: Make, device: str) -> None:
    near(loop.train(job(network, device, target)), loop.train(job(network, "cpu", target)))


@pytest.mark.parametrize("network", ["elor", "lom", "ftr"])
@pytest.mark.parametrize("select", ["uar", "loss"])
def test_training_is_the_cpus_however_epochs_are_judged(select: str, network: str, job: Make, device: str) -> None:
    how = {"select": select, "balance": True, "schedule": "cosine", "keep": "last"}
    near(loop.train(job(network, device, **how)), loop.train(job(network, "cpu", **how)))


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("network", NETWORKS)
def test_training_gives_the_same_numbers_twice(network: str, fast: bool, job: Make, device: str) -> None:
    same(loop.train(job(network, device, fast=fast)), loop.train(job(network, device, fast=fast)))


@pytest.mark.parametrize("network", ["elor", "lom"])
def test_block_convolutions_are_the_plain_layers(network: str, job: Make, device: str) -> None:
    near(loop.train(job(network, device)), loop.train(job(network, device, fast=False)))


@pytest.mark.parametrize("update", ["alternating", "joint"])
@pytest.mark.parametrize("network", NETWORKS)
def test_a_step_never_waits_for_the_gpu(network: str, update: str, job: Make, device: str) -> None:
    if not device.startswith("cuda"):
        pytest.skip("only a GPU is waited for")
    trainer = loop.Trainer(job(network, device, update=update))
    drawn = draw(trainer.job, 0, trainer.device)
    trainer.network.train()
    trainer.network.keep_units(drawn.kept[:8])
    trainer.step(drawn.order[:8], trainer.heads)
    torch.cuda.set_sync_debug_mode("error")
    try:
        trainer.step(drawn.order[:8], trainer.heads)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("batch", [4, 16])
def test_the_memory_of_a_shape_is_known_beforehand(batch: int, device: str) -> None:
    if not device.startswith("cuda"):
        pytest.skip("a CPU's memory is looked at in tests/training/test_memory.py")
    shape = Architecture("elor", toy.HEADS, (40, 40, 40), (80, 40, 400), (2, 10, 32), 1, (256, 256), 0.5, True)
    network, audio = MultiHeadNetwork(shape).to(device).train(), torch.randn(batch, *SHAPES["audio"], device=device)
    torch.cuda.reset_peak_memory_stats()
    network.head("arousal", audio).sum().backward()
    assert 0.7 < needed(shape, batch) / torch.cuda.max_memory_allocated() < 1.5


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("network", ["elor", "lom", "ftr"])
def test_bfloat16_learns_the_same_within_its_rounding(network: str, fast: bool, job: Make, device: str) -> None:
    half = loop.train(job(network, device, precision="bfloat16", fast=fast))
    whole = loop.train(job(network, "cpu"))
    assert losses(half)[:2] == pytest.approx(losses(whole)[:2], rel=0.03)
    assert losses(half) != losses(whole)


@pytest.mark.parametrize("network", ["elor", "lom", "ftr"])
def test_tensorfloat_learns_the_same_within_its_rounding(network: str, job: Make, device: str) -> None:
    near(loop.train(job(network, device, tf32=True)), loop.train(job(network, "cpu")), 2e-2)


@pytest.mark.parametrize("network", ["elor", "ftr"])
def test_the_compiler_changes_rounding_only(network: str, job: Make, device: str) -> None:
    if not device.startswith("cuda"):
        pytest.skip("on a CPU the compiler needs another one, for C++")
    pytest.importorskip("triton")
    near(loop.train(job(network, device, compile=True, epochs=1)), loop.train(job(network, "cpu", epochs=1)))


def test_folds_trained_together_are_the_experiment_of_the_loop(job: Make, device: str) -> None:
    folds = ("S00", "S01", "S02")
    as_one = together.train_together([job("ftr", device, fold=fold) for fold in folds])
    for one, fold in zip(as_one, folds, strict=True):
        near(one, loop.train(job("ftr", device, fold=fold)))


@pytest.mark.parametrize("network", ["lom", "elor"])
def test_jobs_that_share_a_gpu_give_what_each_gives_alone(network: str, job: Make, device: str) -> None:
    if not device.startswith("cuda"):
        pytest.importorskip("psutil")  # which tells the memory of a CPU
    made = [job(network, device, fold=fold) for fold in ("S00", "S01")]
    shared = run(made, Engine(device, workers=2, per_gpu=SMALL), "shared")
    for one, fold in zip(shared, ("S00", "S01"), strict=True):
        same(one, loop.train(job(network, device, fold=fold)))


@pytest.mark.parametrize("network", ["elor", "ftr"])
def test_a_killed_training_ends_with_the_same_numbers(network: str, job: Make, device: str, monkeypatch) -> None:
    whole, killed = loop.train(job(network, device, epochs=4)), job(network, device, epochs=4)
    real, calls = loop.Trainer.epoch, []

    def dies(self: loop.Trainer) -> dict[str, float]:
        calls.append(1)
        if len(calls) > 2:
            raise KeyboardInterrupt
        return real(self)

    with monkeypatch.context() as patch:
        patch.setattr(loop.Trainer, "epoch", dies)
        with pytest.raises(KeyboardInterrupt):
            loop.train(killed)
    assert resume.epochs_done(killed.scratch) == 2
    same(whole, loop.train(killed))


MAPS: dict[str, Callable[..., dict[str, Tensor]]] = {
    "gradient": gradient,
    "guided": guided_backprop,
    "integrated": lambda *given: integrated_gradients(*given, steps=16, most=16).time(),
    "occlusion": occlusion,
}


@pytest.mark.parametrize("method", MAPS)
def test_maps_are_the_cpus(method: str, device: str) -> None:
    audio = torch.randn(2, *SHAPES["audio"], generator=torch.Generator().manual_seed(0)) / 10
    chosen = {head.name: torch.tensor([0, 1]) for head in trained_network("elor").architecture.heads}
    here = MAPS[method](trained_network("elor"), audio, chosen)
    there = MAPS[method](trained_network("elor").to(device), audio.to(device), chosen)
    for head, expected in here.items():
        assert there[head].device.type == torch.device(device).type
        error = (there[head].cpu() - expected).abs().max() / expected.abs().max()
        assert error < 1e-2, head  # a unit at the edge of its ReLU may fall to the other side
        assert torch.corrcoef(torch.stack([there[head].cpu().flatten(), expected.flatten()]))[0, 1] > 0.99999


@pytest.mark.parametrize("mode", ["paper", "level"])
@pytest.mark.parametrize("parametrisation", ["time", "fourier"])
def test_prototypes_begin_as_on_the_cpu_and_never_fall(mode: str, parametrisation: str, device: str) -> None:
    how = Ascent(parametrisation=parametrisation, mode=mode, steps=12, restarts=2, seed=1)
    sought = [Goal("arousal", 0), Goal("valence", 4)]
    here, there = (prototypes(trained_network("elor").to(where), sought, how, 96_000) for where in ("cpu", device))
    scale = np.abs(here.history).max()
    np.testing.assert_allclose(there.history[..., :3], here.history[..., :3], atol=1e-2 * scale)
    assert (np.diff(there.history, axis=-1) >= -1e-4 * scale).all()


@pytest.mark.parametrize("network", NETWORKS)
def test_inference_is_the_cpus(network: str, device: str) -> None:
    random = np.random.default_rng(0)
    made = trained_network(network)
    shapes = made.architecture.shapes.values()
    inputs = [random.normal(size=(5, *shape)).astype(np.float32) / 10 for shape in shapes]
    here = _Torch({"a": trained_network(network)}, torch.device("cpu"))(inputs)
    there = _Torch({"a": made}, torch.device(device))(inputs)
    again = _Torch({"a": made}, torch.device(device))(inputs)
    for head, expected in here.items():
        np.testing.assert_allclose(there[head], expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(there[head], again[head])
