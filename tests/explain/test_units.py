"""Prototypes of single filters: what a filter was made to hear is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from elor.explain.prototypes.ascent import Ascent
from elor.explain.prototypes.filters import Filters, filter_jobs, receptive_field, response, seek_filters, write_filters
from elor.training import weights_file
from tests.worlds.networks import new_network, save

HERTZ = (500.0, 1_000.0, 2_000.0)


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    """A network whose first filters are Gabors."""
    network = new_network(filters=(3, 4, 2))
    time = (torch.arange(96) - 47.5) / 16_000
    with torch.no_grad():
        for number, hertz in enumerate(HERTZ):
            gabor = torch.exp(-0.5 * (time / 0.0015) ** 2) * torch.cos(2 * np.pi * hertz * time)
            network.cnn[0].conv.weight[number, 0] = gabor / 10
    return save(tmp_path_factory.mktemp("units") / "net.safetensors", network)


def test_the_receptive_field_is_where_the_gradient_is() -> None:
    network = new_network(lengths=(9, 5, 3), pools=(4, 3, 2), stride=2)
    for layer in range(3):
        signal = torch.randn(1, 1, 4_000, requires_grad=True)
        output = network.cnn[: layer + 1](signal) if layer else network.cnn[0](signal)
        pooled = output[..., output.shape[-1] // 2].sum()
        reached = torch.zeros(4_000, dtype=torch.bool)
        for _ in range(40):  # a maximum passes the gradient to one input only: look at many signals
            (gradient,) = torch.autograd.grad(pooled, signal)
            reached |= gradient[0, 0] != 0
            signal = torch.randn(1, 1, 4_000, requires_grad=True)
            output = network.cnn[: layer + 1](signal)
            pooled = output[..., output.shape[-1] // 2].sum()
        spread = torch.nonzero(reached)[:, 0]
        width = int(spread.max() - spread.min()) + 1
        field = receptive_field(network.architecture, layer)
        assert 0.8 * field <= width <= field, layer


def test_a_first_layers_filters_hear_what_they_were_made_for(path: Path) -> None:
    found = seek_filters(filter_jobs(path, Ascent(steps=60, level=0.05), ["cpu"])[-1])
    assert found.table["peak_hz"].to_numpy() == pytest.approx(HERTZ, rel=0.1)
    assert found.signals.shape == (3, 1_024)
    assert np.sqrt(np.square(found.signals).mean(1)) == pytest.approx(0.05, rel=1e-4)


def test_every_layer_is_looked_at_and_written(path: Path, tmp_path: Path) -> None:
    jobs = filter_jobs(path, Ascent(steps=6, level=0.05), ["cpu"])
    assert [job.layer for job in jobs] == [2, 1, 0]
    found = [seek_filters(job) for job in jobs]
    table = write_filters(tmp_path, found)
    assert table["layer"].tolist() == [0] * 3 + [1] * 4 + [2] * 2
    arrays = np.load(tmp_path / "units.npz")
    assert arrays["1.signals"].shape[0] == arrays["1.responses"].shape[0] == 4
    network = weights_file.load_network(path)
    with torch.no_grad():
        answers = Filters(network.cnn, 2)(torch.from_numpy(arrays["2.signals"])[:, None])["filters"].diagonal()
    assert table["answer"][7:].to_numpy() == pytest.approx(answers.numpy(), rel=1e-3)


def test_a_response_is_a_spectrum() -> None:
    tone = np.sin(2 * np.pi * 1_000 * np.arange(8_000) / 16_000)[None]
    found = response(tone)
    assert found.shape == (1, 513)
    assert found.argmax() == 64  # 1,000 Hz of 8,000
    assert found.max() == 0
