"""What is asked of a network before it is explained: chance, history, company, a true gradient, honest twins."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import soundfile
import torch

from elor.api.explain import explain_files, foreign_network
from elor.errors import UserError
from elor.explain.any_network import factory
from elor.explain.any_network.subjects import Alone, Subject, made_repeatable
from elor.explain.any_network.window import explain
from elor.explain.attribution import gradient, segment_saliency
from elor.explain.guided import guided_backprop
from elor.explain.integrated import integrated_gradients
from elor.explain.occlusion import occlusion
from tests.explain import deceptive
from tests.explain.test_strange import QUICK, SAMPLES, made, sound

pytestmark = pytest.mark.long

METHODS = [gradient, segment_saliency, guided_backprop, integrated_gradients]


def named(functions: tuple) -> list:
    return [pytest.param(each, id=each.__name__) for each in functions]


@pytest.mark.parametrize("gate", named(deceptive.LEAVING))
def test_what_leaves_torchs_operators_is_noticed_where_it_comes_back(gate) -> None:
    with pytest.raises(UserError, match="Guided backpropagation is defined for linear layers and ReLU only"):
        guided_backprop(made(deceptive.Between, gate), sound())


ON_THE_PAGE = [
    pytest.param(gate, id=gate.__name__, marks=() if gate is deceptive.by_list else pytest.mark.slow)
    for gate in deceptive.LEAVING
]
"""The refusal is the one above; that it is written down does not hang on the gate."""


@pytest.mark.parametrize("gate", ON_THE_PAGE)
def test_what_leaves_torchs_operators_is_refused_in_the_summary_and_has_no_map(gate) -> None:
    found = explain(Subject("net", made(deceptive.Between, gate), None), sound()[0, 0].numpy(), SAMPLES, QUICK)
    assert "linear layers and ReLU only" in found.summary["methods"]["guided"]["refused"]
    assert "guided" not in found.maps


@pytest.mark.parametrize("layer", named(deceptive.INNOCENT))
def test_what_comes_from_outside_and_not_from_the_signal_is_passed(layer) -> None:
    assert guided_backprop(made(deceptive.Between, layer), sound())["output"].abs().max() > 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("layer", named(deceptive.FALSE))
def test_a_gradient_that_is_not_how_the_answer_changes_is_refused(layer, method) -> None:
    what = "linear layers and ReLU only|is not how its answer changes|answer changes with the sound"
    with pytest.raises(UserError, match=what):
        method(made(deceptive.Between, layer), sound())


@pytest.mark.parametrize("layer", named(deceptive.TRUE))
def test_a_gradient_that_is_how_the_answer_changes_is_given(layer) -> None:
    net = made(deceptive.Between, layer)
    padded = sound()
    padded[..., -800:] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for audio in (sound(), padded, 0.01 * sound()):
            assert gradient(net, audio)["output"].isfinite().all()


@pytest.mark.parametrize("method", [gradient, occlusion, integrated_gradients])
def test_history_is_noticed(method) -> None:
    with pytest.raises(UserError, match="depends on what it was asked before"):
        method(made(deceptive.First), sound())
    right, refused = method(made(deceptive.Counts, 10**6), sound()), 0
    for number in range(2, 40, 3):
        try:
            found = method(made(deceptive.Counts, number), sound())
        except UserError as error:
            refused += 1
            assert "answer depends on" in str(error)  # noqa: PT017  # either is right
        else:
            assert str(found) == str(right)
    assert refused > 2


def test_company_is_noticed_however_many_it_takes() -> None:
    for count in (3, 8, 30):
        long = torch.cat([sound(), sound()], -1).repeat(1, 1, 4)
        with pytest.warns(UserWarning, match="depends on the signals beside it"):
            found = occlusion(made(deceptive.Crowded, count), long)["output"]
        torch.testing.assert_close(found, occlusion(made(deceptive.Crowded, 10**6), long)["output"])
        subject, _ = made_repeatable(Subject("net", made(deceptive.Crowded, count), None), sound())
        assert isinstance(subject.model, Alone)
    assert occlusion(made(deceptive.Crowded, 40), sound())["output"].abs().max() > 0


def test_history_is_noticed_for_every_recording(tmp_path) -> None:
    paths = [tmp_path / f"{name}.wav" for name in "ab"]
    for number, path in enumerate(paths):
        soundfile.write(path, np.random.default_rng(number).normal(0, 0.1, SAMPLES), 16_000)
    for name, length in (("first", None), ("counts", SAMPLES)):
        net = foreign_network(f"tests.explain.test_repeatability:{name}", samples=length)
        found = explain_files(paths, net, output=tmp_path / "out", effort=QUICK)
        assert set(found["failed"]) == set(map(str, paths))
        assert all("depends on what it was asked before" in why for why in found["failed"].values())


def first() -> torch.nn.Module:
    return deceptive.First()


def counts() -> torch.nn.Module:
    return deceptive.Counts(50)


@pytest.mark.parametrize("method", [*METHODS, occlusion])
def test_answers_that_are_none_are_refused_with_their_reason(method) -> None:
    with pytest.raises(UserError, match=r"NaN or infinity \(class 1 of 3\).*a class is masked"):
        method(made(deceptive.Masked), sound())
    with pytest.raises(UserError, match="ends the program"):
        method(made(deceptive.Exits), sound())
    with pytest.raises(UserError, match="Two heads of the model have one name"):
        method(made(deceptive.Namesakes), sound())


def test_small_answers_are_no_complete_ones() -> None:
    net = made(deceptive.Faint)
    path = integrated_gradients(net, sound(), steps=1, most=1)
    z = [net(x)[0, net(sound())[0].argmax()].double().item() for x in (sound(), 0 * sound())]
    change = z[0] - z[1]
    expected = abs(path.time()["output"].double().sum().item() - change) / abs(change)
    assert path.error()["output"].item() == pytest.approx(expected, rel=1e-3)
    assert expected > 0.01


def load(name: str) -> Subject:
    return factory.load(f"tests.explain.deceptive:{name}", samples=SAMPLES)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("loads_gain", "gain"),
        ("loads_shift", "shift"),
        ("loads_average", "mean"),
        ("loads_buffer", "window"),
        ("hides_a_layer", "hidden.0.weight, hidden.0.bias"),
    ],
)
def test_a_twin_that_keeps_what_training_changed_is_none(name: str, kept: str) -> None:
    subject = load(name)
    assert subject.twin is None
    assert kept in subject.reason
    assert "--weights" in subject.reason


def test_what_training_does_not_change_is_the_twins_too() -> None:
    subject = load("random_body")
    assert subject.twin is not None
    assert torch.equal(subject.model.window, subject.twin(0).window)


def test_statistics_are_reset_in_twins() -> None:
    subject = load("loads_statistics")
    assert subject.twin is not None, subject.reason
    assert subject.model.body[1].running_mean.any()
    assert not subject.twin(0).body[1].running_mean.any()


def test_a_twin_has_the_spectral_norm_of_its_own_weight() -> None:
    subject = load("spectral")
    assert subject.twin is not None, subject.reason
    for seed in range(3):
        twin = subject.twin(seed)
        assert torch.linalg.matrix_norm(twin.out.weight, 2).item() == pytest.approx(1, abs=0.02)


def test_weights_from_a_file_leave_the_factorys_own_constants(tmp_path) -> None:
    net = deceptive.Gain()
    net.gain.data.fill_(3.7)
    torch.save(net.state_dict(), tmp_path / "weights.pt")
    subject = factory.load("tests.explain.deceptive:Gain", weights=tmp_path / "weights.pt", samples=SAMPLES)
    assert subject.twin is not None, subject.reason
    assert subject.twin(0).gain.item() == 1
    assert subject.model.gain.item() == pytest.approx(3.7)


class LogBands(torch.nn.Module):
    """Log-likelihoods of classes in log bands, whose curvature in the pauses is enormous."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.means = torch.nn.Parameter(8 * torch.rand(4, 16, 1, generator=torch.Generator().manual_seed(seed)) - 8)

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        window = torch.hann_window(400, dtype=audio.dtype)
        power = torch.stft(audio[:, 0], 400, 160, window=window, return_complex=True).abs().square()
        bands = (power[:, :192].unflatten(1, (16, 12)).mean(2) + 1e-5).log()[:, None]
        return -0.5 * (bands - self.means).square().sum((2, 3))


@pytest.mark.parametrize("seed", range(3))
def test_a_curved_answer_has_a_true_gradient(seed: int) -> None:
    """One-sided differences called these gradients false."""
    time = torch.arange(16_000) / 16_000
    pulses = (2 * torch.pi * 3 * time).sin().clamp(min=0) * (time < 0.75)
    voice = sum((2 * torch.pi * k * 140 * time * (1 + 0.1 * time)).sin() / k for k in range(1, 9)) / 4
    noise = 1e-4 * torch.randn(16_000, generator=torch.Generator().manual_seed(0))
    assert gradient(LogBands(seed), (pulses * voice + noise)[None, None])["output"].isfinite().all()
