"""Maps of untrained networks give the paper's numbers: the finding that made the controls obligatory."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from elor.explain.correlation import View, contrast
from elor.explain.guided import guided_and_plain
from elor.explain.maps import predicted
from elor.networks import MultiHeadNetwork
from tests.explain.sounds import as_audio, harmonics
from tests.worlds.networks import new_network

pytestmark = pytest.mark.long


def maps_of(network, audio) -> dict[str, dict[str, torch.Tensor]]:
    """The guided map and the gradient of every head, from one forward pass."""
    return {method: found for method, (found,) in guided_and_plain(network, audio, predicted)[1].items()}


def r_of(found: dict[str, torch.Tensor], audio) -> tuple[np.ndarray, np.ndarray]:
    """r(arousal map, input) and r(arousal map, valence map) of every signal."""
    maps = {head: [View(one, len(one)) for one in value.numpy()] for head, value in found.items()}
    signals = [View(one, len(one)) for one in audio[:, 0].numpy()]
    with_input = [m.r(x)["signed"] for m, x in zip(maps["arousal"], signals, strict=True)]
    return np.array(with_input), np.array([a.r(v)["signed"] for a, v in zip(*maps.values(), strict=True)])


def paper_shape(seed: int) -> MultiHeadNetwork:
    """The paper's network, untrained: 40 filters per layer, and heads of 256 and 256 units."""
    layers = {"filters": (40, 40, 40), "lengths": (80, 40, 400), "pools": (2, 10, 32), "stride": 1}
    return new_network(seed=seed, hidden=(256, 256), **layers)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_an_untrained_network_of_the_papers_shape_gives_the_papers_numbers(seed: int) -> None:
    network, audio = paper_shape(seed), as_audio([harmonics(0), harmonics(1)])
    maps = maps_of(network, audio)
    with_input, between = r_of(maps["guided"], audio)
    assert (with_input > 0.3).all()  # the paper: 0.50
    assert (between > 0.5).all()  # the paper: 0.96
    with_input, between = r_of(maps["gradient"], audio)
    assert np.abs(with_input).max() < 0.1
    assert np.abs(between).max() < 0.1


def demo_shape(seed: int) -> MultiHeadNetwork:
    return new_network(seed=seed, filters=(8, 8, 8))


@pytest.mark.parametrize("shape", [pytest.param(paper_shape, marks=pytest.mark.slow), demo_shape])
def test_untrained_against_untrained_is_not_distinguishable(shape) -> None:
    """Speakers with networks of their own: one that stands for the trained one, and two controls."""
    speakers = np.arange(5)
    audio = as_audio([harmonics(seed) for seed in speakers])

    def r(control: int, speaker: int) -> tuple[np.ndarray, np.ndarray]:
        one = audio[speaker : speaker + 1]
        return r_of(maps_of(shape(10 * speaker + control), one)["guided"], one)

    found = np.array([[r(control, speaker) for speaker in speakers] for control in range(3)])
    for pair in np.moveaxis(found[..., 0], -1, 0):  # r with the input, r between the heads: (networks, speakers) each
        assert contrast(pair[0], pair[1:], speakers)["verdict"] == "not distinguishable from initial"
    assert contrast(np.tanh(np.arctanh(pair[0]) + 0.5), pair[1:], speakers)["verdict"] == "higher than initial"
