"""What jobs do on another device than the CPU, seen on one without memory (`meta`), which refuses to be read."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from elor import inference
from elor.explain.attribution import gradient
from elor.explain.guided import guided_backprop
from elor.explain.integrated import integrated_gradients
from elor.explain.interventions import run as interventions
from elor.explain.occlusion import band_occlusion, occlusion
from elor.explain.prototypes import run as prototypes
from elor.explain.prototypes.ascent import Ascent, Goal
from elor.explain.prototypes.ascent import prototypes as ascended
from elor.explain.saliency import measure as saliency
from elor.fastconv import cost_model
from elor.params import NETWORKS
from elor.training import data, draws, loop, resume, together
from elor.training.data import Inputs
from elor.training.job import TrainingJob
from tests.training.test_loop import same
from tests.watch import Refusals, Watch
from tests.worlds import toy
from tests.worlds.networks import save, trained_network

pytestmark = pytest.mark.long

META = torch.device("meta")


@pytest.fixture
def job(files, slices, tmp_path):
    def make(network: str, **changes: object) -> TrainingJob:
        task = toy.task(network, files, slices, how=toy.TRAIN.model_copy(update={"fast": True} | changes))
        return replace(task.job("S00", toy.settings(network)), scratch=tmp_path)

    return make


@pytest.mark.parametrize("update", ["alternating", "joint"])
@pytest.mark.parametrize("network", NETWORKS)
def test_a_step_never_waits_for_the_device(network: str, update: str, job) -> None:
    """A value that is read, or a copy to or from the CPU, would end in an error here or in `crossings`."""
    trainer = loop.Trainer(replace(job(network, update=update), device="meta"))
    drawn = draws.draw(trainer.job, 0, trainer.device)
    trainer.network.train()
    trainer.network.keep_units(drawn.kept[:8])
    with Watch() as watch:
        trainer.step(drawn.order[:8], trainer.heads)
    assert watch.crossings == []
    assert watch.operations["aten._local_scalar_dense.default"] == 0


@pytest.mark.parametrize("network", NETWORKS)
def test_predicting_waits_once_per_head(network: str, job, monkeypatch: pytest.MonkeyPatch) -> None:
    """To read whether its answers are finite, however many minibatches they are of."""
    trainer, read = loop.Trainer(replace(job(network), device="meta")), []
    monkeypatch.setattr(loop, "PREDICT_BATCH", 2)
    monkeypatch.setattr(torch.Tensor, "__bool__", lambda value: not read.append(value))  # meta has nothing to read
    rows = torch.from_numpy(trainer.job.test).to(META)
    monkeypatch.setattr(loop.torch, "from_numpy", lambda _: rows)
    with Watch() as watch:
        trainer.predict(trainer.job.test)
    assert len(rows) > 2
    assert len(read) == len(trainer.heads)
    assert watch.crossings == []


def test_a_step_of_a_stack_never_waits_for_the_device(job) -> None:
    trainers = [loop.Trainer(replace(job("ftr"), device="meta"))] * 2
    drawn = [draws.draw(trainer.job, 0, trainer.device) for trainer in trainers]
    stack = together.Stack(trainers)
    stack.move = lambda pairs, gradients, weight_decay=0.0: None  # the fused step of SGD has no meta kernel
    with Watch() as watch, torch.no_grad():
        stack.step(slice(0, 4), drawn, slice(0, 8))
    assert watch.crossings == []


def test_the_watch_would_notice() -> None:
    with Watch() as watch:
        torch.ones(3).to(META)
    assert len(watch.crossings) == 1
    with pytest.raises(RuntimeError, match="meta"):
        torch.ones(3, device=META).sum().item()


@pytest.mark.parametrize("network", NETWORKS)
def test_what_is_random_is_drawn_on_the_cpu_and_only_then_moved(network: str, job, monkeypatch) -> None:
    asked = []
    real = torch.rand

    def rand(*size: int, **how: object) -> torch.Tensor:
        asked.append(how["generator"].device.type)
        return real(*size, **how)

    monkeypatch.setattr(torch, "rand", rand)
    here, there = (draws.draw(job(network), 2, device) for device in (torch.device("cpu"), META))
    assert asked == ["cpu", "cpu"]
    assert (there.order.device, there.kept.device) == (META, META)
    np.testing.assert_array_equal(here.turns, there.turns)
    made = job(network)
    expected = real(
        len(made.train), 2, 11, generator=torch.Generator().manual_seed(draws.seed_of(made, 2))
    )  # as the first version of this program drew them on a CPU
    assert torch.equal(here.kept, expected >= made.architecture.dropout)
    assert sorted(here.order.tolist()) == made.train.tolist()


def test_a_training_uploads_its_corpus_once_and_an_analysis_its_rows(files, job, monkeypatch) -> None:
    uploaded = []
    real = data._upload

    def upload(values: np.ndarray, device: torch.device) -> torch.Tensor:
        uploaded.append(values.nbytes)
        return real(values, device)

    monkeypatch.setattr(data, "_upload", upload)
    trainer = loop.Trainer(replace(job("elor"), device="meta"))
    drawn = draws.draw(trainer.job, 0, META)
    for _ in range(3):
        trainer.step(drawn.order[:8], trainer.heads)
    whole = np.load(files["audio"]).nbytes
    assert uploaded == [whole]
    uploaded.clear()
    inputs = Inputs({"audio": files["audio"]}, META)
    assert uploaded == []
    (audio,) = inputs.batch(np.array([3, 1]))
    assert (audio.shape, audio.device) == ((2, 1, 96_000), META)
    assert uploaded == [2 * 96_000 * 2]


class Seen(Exception):
    """Ends a job with what was to be seen of it."""


@pytest.mark.parametrize(("module", "do"), [(saliency, "measure"), (prototypes, "seek")])
def test_no_job_of_the_analysis_puts_the_corpus_on_its_device(module, do: str, monkeypatch) -> None:
    def opened(files: object, device: torch.device, resident: bool = False) -> None:
        raise Seen(device, resident)

    monkeypatch.setattr(module, "Inputs", opened)
    monkeypatch.setattr(module, "local", torch.device)
    with pytest.raises(Seen) as seen:
        getattr(module, do)(SimpleNamespace(files={}, audio=None, device="meta"))
    assert seen.value.args == (META, False)


@pytest.mark.parametrize(("module", "do"), [(interventions, "intervene"), (prototypes, "seek")])
def test_untrained_networks_are_fitted_on_the_device(module, do: str, files, tmp_path, monkeypatch) -> None:
    def fit(network: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        raise Seen({value.device for value in (*network.parameters(), *inputs)})

    monkeypatch.setattr(module, "calibrated", fit)
    monkeypatch.setattr(module, "local", torch.device)
    path, rows = save(tmp_path / "a.safetensors", trained_network("elor")), np.arange(2)
    job = SimpleNamespace(audio=files["audio"], device="meta", rows=rows, supports=np.full(2, 96_000), seeds=[1],
                          networks={"elor": path}, path=path, random=1, fitted=rows)  # fmt: skip
    with pytest.raises(Seen) as seen:
        getattr(module, do)(job)
    assert seen.value.args == ({META},)


@pytest.fixture
def whole_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Convolutions as on a GPU, on the CPU."""
    monkeypatch.setattr(cost_model, "whole_batch", lambda device: True)


HOWS = {
    "paper": {},
    "demo": {"select": "uar", "balance": True, "schedule": "cosine", "keep": "last"},
    "other": {"select": "loss", "augment": "all", "update": "joint", "penalty": "global"},
    "plain": {"fast": False},
}


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("network", NETWORKS)
def test_training_does_nothing_that_deterministic_cuda_refuses(network: str, how: str, job, whole_batch) -> None:
    with Refusals() as refusals:
        loop.train(job(network, **HOWS[how]))
    assert refusals.found == []


def test_folds_together_do_nothing_that_deterministic_cuda_refuses(job) -> None:
    with Refusals() as refusals:
        together.train_together([job("ftr", **HOWS["demo"])])
    assert refusals.found == []


def test_the_analysis_does_nothing_that_deterministic_cuda_refuses(whole_batch) -> None:
    network, audio = trained_network("elor"), torch.randn(2, 1, 96_000) / 10
    chosen = {head.name: torch.tensor([0, 1]) for head in network.architecture.heads}
    with Refusals() as refusals:
        for method in (gradient, guided_backprop, occlusion, band_occlusion):
            method(network, audio, chosen)
        path = integrated_gradients(network, audio, chosen, steps=4, most=4)
        assert path.time().keys() == path.frequency().keys() == path.stft().keys()
        for parametrisation in ("time", "fourier"):
            how = Ascent(parametrisation=parametrisation, mode="level", steps=2, restarts=1, seed=1)
            ascended(network, [Goal("arousal", 0)], how, 96_000)
        inference._Torch({"a": network}, torch.device("cpu"))([audio.numpy()])
    assert refusals.found == []


def test_the_list_of_refusals_would_notice() -> None:
    with Refusals() as refusals:
        torch.bincount(torch.tensor([0, 1]))
        torch.tensor([1, 2]).cumsum(0)
        assert refusals.found == []
        torch.bincount(torch.tensor([0, 1]), torch.tensor([0.5, 1.0]))
        torch.ones(3).cumsum(0)
        torch.nn.functional.pad(torch.ones(1, 3, requires_grad=True), (1, 1), "reflect").sum().backward()
    assert [name.split(".")[1] for name in refusals.found] == ["bincount", "cumsum", "reflection_pad1d_backward"]


@pytest.mark.parametrize("network", ["elor", "lom", "ftr"])
def test_no_memory_is_read_before_it_is_written(network: str, job, monkeypatch) -> None:
    """With every new tensor full of NaN the numbers are the same, so that the filling can be spared."""
    plain = loop.train(job(network))
    (job(network).scratch / resume.STATE).unlink()
    configure = loop.configure

    def filling(*how: bool) -> None:
        configure(*how)
        torch.utils.deterministic.fill_uninitialized_memory = True

    monkeypatch.setattr(loop, "configure", filling)
    filled = loop.train(job(network))
    assert torch.empty(3).isnan().all()
    configure()
    same(plain, filled)
