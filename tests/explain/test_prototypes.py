"""Property 9: activation maximisation finds what is known to maximise, and says when it has not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.optimize import brentq
from torch import Tensor, nn

from elor.errors import UserError
from elor.explain.prototypes.ascent import Ascent, Goal, converged, prototypes, targets_of_heads
from tests.explain.models import SAMPLES, Linear, net

RATE = 16_000
SEARCHES = [(mode, how) for mode in ("paper", "level") for how in ("time", "fourier")]
HEADS = [Goal("output", label) for label in range(3)]


def smooth(count: int, samples: int) -> Tensor:
    """Rows of low frequencies, which both parametrisations reach in few steps."""
    time = torch.arange(samples, dtype=torch.float64) / samples
    return torch.stack([torch.cos(2 * np.pi * (k + 1) * time + k) for k in range(count)])


class Gabor(nn.Module):
    """One head of two: the first hears a Gabor of so many hertz wherever it is, the second nothing."""

    def __init__(self, hertz: float) -> None:
        super().__init__()
        time = (torch.arange(321) - 160) / RATE
        envelope = torch.exp(-0.5 * (time / 0.004) ** 2)
        phases = torch.tensor([0.0, np.pi / 2])[:, None]
        self.kernel = nn.Parameter((envelope * torch.cos(2 * np.pi * hertz * time + phases))[:, None] / 20)
        self.double()

    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        heard = F.relu(F.conv1d(audio, self.kernel, stride=4)).mean((1, 2))
        return {"tone": torch.stack([heard, 0 * heard], 1)}


@pytest.mark.parametrize("how", ["time", "fourier"])
def test_of_a_linear_model_it_is_the_weights_over_two_lambda(how: str) -> None:
    weight = smooth(3, 1_000)
    ascent = Ascent(parametrisation=how, mode="paper", steps=60, restarts=2, penalty=0.3, level=0.01)
    found = prototypes(Linear(weight, bias=0.7), HEADS, ascent, samples=1_000)
    expected = weight / (2 * 0.3)
    assert found.signals.dtype == np.float32
    for label in range(3):
        for restart in range(2):
            distance = np.linalg.norm(found.signals[label, restart] - expected[label].numpy())
            assert distance < 0.01 * expected[label].norm()
    assert found.logits[0, 0] == pytest.approx(float(weight[0] @ expected[0]) + 0.7, rel=1e-2)
    assert found.converged.all()


class Logistic(nn.Module):
    """One head of two classes, whose probability is the logistic function of a projection."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        projection = audio[:, 0] @ self.weight
        return {"output": torch.stack([projection, 0 * projection], 1)}


def test_a_probability_is_climbed_to_where_its_slope_pays_for_the_loudness() -> None:
    weight, penalty = smooth(1, 400)[0] / 20, 0.05
    power = float(weight.square().sum())
    slope = lambda a: 1 / (2 + 2 * np.cosh(a * power))  # noqa: E731  # p (1 - p) of p = sigma(w . a w)
    scale = brentq(lambda a: slope(a) - 2 * penalty * a, 0, 10)
    how = Ascent(steps=200, restarts=1, penalty=penalty, level=0.01, climb="probability", tolerance=1e-9)
    found = prototypes(Logistic(weight), [Goal("output", 0)], how, samples=400)
    np.testing.assert_allclose(found.signals[0, 0], (scale * weight).numpy(), atol=0.01 * scale * weight.abs().max())
    assert found.logits[0, 0] == pytest.approx(scale * power, rel=0.02)  # the logit, although it was not climbed
    logit = prototypes(Logistic(weight), [Goal("output", 0)], replace(how, climb="logit"), samples=400)
    assert logit.logits[0, 0] == pytest.approx(power / (2 * penalty), rel=0.02)  # no slope that falls: far further up


def test_without_a_spectrum_to_wait_for_it_is_exact() -> None:
    weight = torch.randn(3, 500, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = prototypes(Linear(weight), HEADS, Ascent(steps=60, restarts=1, penalty=2.0), samples=500)
    assert found.signals[:, 0] == pytest.approx(weight.numpy() / 4, abs=1e-5)
    level = prototypes(Linear(weight), HEADS, Ascent(mode="level", steps=60, restarts=1, level=0.1), samples=500)
    unit = weight / weight.square().mean(1, keepdim=True).sqrt()
    assert level.signals[:, 0] == pytest.approx(0.1 * unit.numpy(), abs=1e-4)


@pytest.mark.parametrize(("mode", "how"), SEARCHES)
@pytest.mark.parametrize("hertz", [300.0, 1_000.0])
def test_a_planted_detectors_frequency_is_found(mode: str, how: str, hertz: float) -> None:
    ascent = Ascent(how, mode, steps=60, restarts=2, penalty=1e-3, level=0.1)
    found = prototypes(Gabor(hertz), [Goal("tone", 0)], ascent, samples=8_000)
    power = np.square(np.abs(np.fft.rfft(found.signals[0])))
    highest = np.fft.rfftfreq(8_000, 1 / RATE)[power.argmax(1)]
    assert highest == pytest.approx(hertz, rel=0.1)
    near = np.abs(np.fft.rfftfreq(8_000, 1 / RATE) - hertz) < 120
    assert (power[:, near].sum(1) > 0.6 * power.sum(1)).all()


@pytest.mark.parametrize(("mode", "how"), SEARCHES)
def test_j_never_falls_and_is_what_it_is_said_to_be(mode: str, how: str) -> None:
    model = net()
    ascent = Ascent(how, mode, steps=25, restarts=3, penalty=0.05, level=0.3)
    found = prototypes(model, HEADS, ascent, samples=SAMPLES)
    assert found.history.shape == (3, 3, 25)
    assert (np.diff(found.history) >= 0).all()
    assert (found.history[..., -1] > found.history[..., 0]).all()
    with torch.no_grad():
        again = model(torch.from_numpy(found.signals[1]).double()[:, None])[:, 1].numpy()
    assert found.logits[1] == pytest.approx(again, rel=1e-4)
    energy = np.square(found.signals[1].astype(float)).sum(-1)
    assert found.history[1, :, -1] == pytest.approx(again - (0.05 * energy if mode == "paper" else 0), rel=1e-4)
    if mode == "level":
        assert np.sqrt(np.square(found.signals).mean(-1)) == pytest.approx(0.3, rel=1e-5)


@pytest.mark.parametrize("how", ["time", "fourier"])
def test_the_same_seed_gives_the_same_result_however_it_is_batched(how: str) -> None:
    ascent = {"parametrisation": how, "steps": 12, "restarts": 3, "level": 0.3, "penalty": 0.05}
    state = torch.random.get_rng_state()
    first = prototypes(net(), HEADS, Ascent(**ascent, seed=4), samples=SAMPLES)
    again = prototypes(net(), HEADS, Ascent(**ascent, seed=4), samples=SAMPLES)
    single = prototypes(net(), HEADS, Ascent(**ascent, seed=4, batch=1), samples=SAMPLES)
    other = prototypes(net(), HEADS, Ascent(**ascent, seed=5), samples=SAMPLES)
    assert (first.signals == again.signals).all()
    assert first.signals == pytest.approx(single.signals, abs=1e-5)
    assert np.abs(first.signals - other.signals).max() > 0.01
    assert torch.equal(state, torch.random.get_rng_state())


def test_restarts_differ_and_labels_share_their_starts() -> None:
    zero = Linear(torch.zeros(3, 400, dtype=torch.float64) + 1e-9)
    found = prototypes(zero, HEADS, Ascent(steps=2, restarts=2, level=1e6), samples=400)
    assert found.history[0, 0, 0] == found.history[2, 0, 0]
    assert found.history[0, 0, 0] != found.history[0, 1, 0]


@pytest.mark.parametrize("classes", [(3,), (2, 4)])
def test_tuples_and_tensors_of_heads_and_the_model_is_left_as_it_was(classes: tuple[int, ...]) -> None:
    model = net(classes=classes).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    outputs = {"output": 3} if len(classes) == 1 else {"0": 2, "1": 4}
    found = prototypes(model, targets_of_heads(outputs), Ascent(steps=3, restarts=1), samples=SAMPLES)
    assert found.signals.shape == (sum(classes), 1, SAMPLES)
    assert model.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    with pytest.raises(UserError):
        prototypes(model, [("none", 0)], Ascent(steps=3), samples=SAMPLES)
    assert model.training
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_head_of_one_value_has_a_low_and_a_high_end() -> None:
    assert targets_of_heads({"arousal": 1}) == [("arousal", 0), ("arousal", 1)]
    weight = smooth(1, 300)
    low, high = prototypes(Linear(weight), [("output", 0), ("output", 1)], Ascent(restarts=1), samples=300).signals[
        :, 0
    ]
    assert np.corrcoef(low, weight[0])[0, 1] < -0.99
    assert np.corrcoef(high, weight[0])[0, 1] > 0.99


def test_convergence_is_the_last_parts_share_of_the_rise() -> None:
    resting, climbing = np.array([0, 50, 90, *np.linspace(96, 100, 11)]), np.arange(14.0)
    history = np.stack([resting, climbing, np.zeros(14), resting - 1e6])
    assert converged(history, 0.041).tolist() == [True, False, True, True]
    assert converged(history, 0.039).tolist() == [False, False, True, False]
    assert not converged(history[:, 4:], 0.9).any()  # too few steps to tell
    assert not prototypes(Gabor(500.0), [("tone", 1)], Ascent(mode="level", steps=5), samples=800).converged.any()


def test_what_has_converged_goes_no_further() -> None:
    class Counting(Linear):
        seen = 0

        def forward(self, audio: Tensor) -> Tensor:
            self.seen += len(audio)
            return super().forward(audio)

    model = Counting(smooth(3, 300))
    found = prototypes(model, HEADS, Ascent(mode="level", steps=200, restarts=2), samples=300)
    assert found.converged.all()
    assert model.seen < 6 * 20  # a constant gradient is followed in one step
    assert (np.diff(found.history) >= 0).all()


def test_in_level_mode_nothing_is_left_of_the_noise_that_the_model_does_not_hear() -> None:
    class Deaf(Linear):
        def forward(self, audio: Tensor) -> Tensor:
            return torch.tanh(super().forward(audio[..., :100]))

    weight = smooth(3, 100)
    found = prototypes(Deaf(weight), HEADS, Ascent(mode="level", steps=20, restarts=2, level=0.1), samples=400)
    assert not found.signals[..., 100:].any()


def test_what_cannot_be_sought_is_said() -> None:
    with pytest.raises(UserError, match="no head arousal; its heads are output"):
        prototypes(net(), [("arousal", 0)], Ascent(steps=3), samples=SAMPLES)
    with pytest.raises(UserError, match=r"classes 0\.\.2, not 3"):
        prototypes(net(), [("output", 3)], Ascent(steps=3), samples=SAMPLES)
    with pytest.raises(UserError, match="no search paper, wavelet"):
        prototypes(net(), HEADS, Ascent(parametrisation="wavelet"), samples=SAMPLES)
    with pytest.raises(UserError, match="penalty of a search for prototypes is 0"):
        prototypes(net(), HEADS, Ascent(penalty=0), samples=SAMPLES)
    with pytest.raises(UserError, match="steps = 1, which leads nowhere"):
        prototypes(net(), HEADS, Ascent(steps=1), samples=SAMPLES)

    class Numbers(nn.Module):
        def forward(self, audio: Tensor) -> Tensor:
            return audio.detach().sum((1, 2))[:, None].repeat(1, 3)

    with pytest.raises(UserError, match="cannot be differentiated"):
        prototypes(Numbers(), HEADS, Ascent(steps=3), samples=SAMPLES)
