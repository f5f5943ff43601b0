"""Devices by name, the flags of their numbers, and random states: on machines with invented GPUs."""

import re

import numpy as np
import pytest
import torch

from elor import device, inference
from elor.errors import UserError
from elor.explain import controls, counterfactuals, words
from elor.explain.interventions import run as interventions
from elor.explain.prototypes import run as prototypes
from elor.explain.saliency import measure
from tests.worlds.networks import trained_network


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


def flags() -> tuple[bool, ...]:
    cudnn = torch.backends.cudnn
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,
        cudnn.deterministic,
        cudnn.benchmark,
        cudnn.allow_tf32,
        torch.backends.cuda.matmul.allow_tf32,
    )


class Looked(Exception):
    """Ends a job as soon as its flags were seen."""


EXACT = (True, False, True, False, False, False)


@pytest.fixture
def careless():
    """Flags as somebody else's program may have them; put back afterwards."""
    with device.exact():
        torch.use_deterministic_algorithms(False)
        torch.utils.deterministic.fill_uninitialized_memory = True
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = False, True
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
        yield flags()


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("auto", ["cuda:0", "cuda:1"]),
        ("cuda", ["cuda:0", "cuda:1"]),
        ("cuda:1", ["cuda:1"]),
        ("cpu", ["cpu"]),
    ],
)
def test_a_name_stands_for_the_devices_that_are_there(asked: str, found: list[str], two_gpus: None) -> None:
    assert device.resolved(asked) == found
    assert device.local(asked) == torch.device(found[0])


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("cuda:77", "engine.device is cuda:77, but this machine shows cuda:0 to cuda:1; use auto or one of them."),
        ("cuda:2", "engine.device is cuda:2, but this machine shows cuda:0 to cuda:1"),
        ("gpu", "engine.device is gpu, which is no device"),
        ("cuda:", "engine.device is cuda:, which is no device"),
    ],
)
def test_a_gpu_that_is_not_there_is_refused(asked: str, said: str, two_gpus: None) -> None:
    with pytest.raises(UserError, match=re.escape(said)):
        device.resolved(asked)


def test_without_a_gpu_auto_is_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert device.resolved("auto") == ["cpu"]
    for asked in ("cuda", "cuda:0"):
        with pytest.raises(UserError, match=f"device is {asked}, but this machine shows no GPU"):
            device.resolved(asked, "device")


def test_exact_computing_sets_every_flag_and_puts_it_back_even_after_an_error(careless: tuple) -> None:
    @device.exact()
    def fail() -> None:
        raise Looked(flags())

    with pytest.raises(Looked) as seen:
        fail()
    assert seen.value.args[0] == EXACT
    assert flags() == careless
    assert careless == tuple(not flag for flag in EXACT)


@pytest.mark.parametrize(
    ("module", "function", "first"),
    [
        (measure, "measure", "local"),
        (prototypes, "seek", "local"),
        (interventions, "intervene", "_sounds"),
        (words, "hear", "local"),
        (counterfactuals, "measure", "load_network"),
    ],
)
def test_every_job_of_the_analysis_computes_exactly(
    module, function: str, first: str, careless: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(*_: object) -> None:
        raise Looked(flags())

    class Anything:
        def __getattr__(self, name: str) -> object:
            return None

    monkeypatch.setattr(module, first, look)
    with pytest.raises(Looked) as seen:
        getattr(module, function)(Anything())
    assert seen.value.args[0] == EXACT
    assert flags() == careless


def test_inference_computes_exactly(careless: tuple) -> None:
    network, seen = trained_network("elor"), []
    network.register_forward_hook(lambda *_: seen.append(flags()))
    ensemble = inference._Torch({"a": network}, torch.device("cpu"))
    ensemble([np.zeros((1, 1, 96_000), np.float32)])
    assert seen == [EXACT]
    assert flags() == careless


def test_drawing_untrained_networks_wakes_no_gpu_and_leaves_the_random_state(
    two_gpus: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def woken(*_: object) -> None:
        raise AssertionError("a GPU was woken")

    monkeypatch.setattr(torch.cuda, "_lazy_init", woken)
    before = torch.get_rng_state()
    one, other = (controls.untrained(lambda: torch.nn.Linear(3, 3), seed) for seed in (1, 1))
    assert torch.equal(one.weight, other.weight)
    torch.manual_seed(1)
    assert torch.equal(one.weight, torch.nn.Linear(3, 3).weight)
    torch.set_rng_state(before)
    controls.untrained(lambda: torch.nn.Linear(3, 3), 2)
    assert torch.equal(torch.get_rng_state(), before)
