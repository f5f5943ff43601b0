"""Gradients, guided backpropagation and what the model is like afterwards."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from captum import attr
from torch import nn
from torch.utils._python_dispatch import _get_current_dispatch_mode

from elor.errors import UserError
from elor.explain.attribution import gradient, segment_saliency, segment_sums
from elor.explain.erasure import erasure
from elor.explain.guided import guided_and_plain, guided_backprop
from elor.explain.integrated import integrated_gradients
from elor.explain.model import predict
from elor.explain.occlusion import band_occlusion, occlusion
from tests.explain.models import SAMPLES, Linear, audio, net
from tests.worlds.networks import new_network


def few_steps(model, signal):
    """Integrated gradients without refinement."""
    return integrated_gradients(model, signal, steps=4, most=4).time()


def refined(model, signal):
    """Integrated gradients with more steps for those signals that need them."""
    return integrated_gradients(model, signal, steps=2, tolerance=0.1, most=16).time()


METHODS = (gradient, guided_backprop, segment_saliency, few_steps, refined, occlusion, band_occlusion)


def by_hand(model, signal, target: int):
    """Guided backpropagation of `Convolutional`, layer by layer, with explicit transposed matrices."""
    x = signal[None]
    a = F.conv1d(x, model.first.weight, model.first.bias, padding=2)
    pooled, index = F.max_pool1d(a.relu(), 4, return_indices=True)
    b = F.conv1d(pooled, model.second.weight, model.second.bias, padding=1)
    g = model.outputs[0].weight[target].reshape(b.shape)
    g = g.clamp(min=0) * (b > 0)
    g = F.conv_transpose1d(g, model.second.weight, padding=1)
    g = torch.zeros_like(a).scatter_(2, index, g)
    g = g.clamp(min=0) * (a > 0)
    return F.conv_transpose1d(g, model.first.weight, padding=2)[0, 0].detach()


def test_guided_backprop_is_the_hand_written_one() -> None:
    model, x = net(), audio()
    found = guided_backprop(model, x, {"output": torch.tensor([2, 0, 1])})["output"]
    for index, target in enumerate((2, 0, 1)):
        np.testing.assert_allclose(found[index], by_hand(model, x[index], target), rtol=0, atol=1e-10)
    assert found.abs().max() > 1e-3
    assert not torch.allclose(found, gradient(model, x, {"output": torch.tensor([2, 0, 1])})["output"])


def test_several_maps_from_one_forward_pass_are_the_single_ones() -> None:
    model, x = net(classes=(3, 2), as_dict=True), audio()
    passes = []
    handle = model.first.register_forward_hook(lambda *_: passes.append(1))
    sets = [
        {"arousal": torch.tensor([2, 0, 1]), "valence": torch.tensor([1, 1, 0])},
        {"valence": torch.tensor([0] * 3)},
    ]
    logits, found = guided_and_plain(model, x, lambda values: sets)
    assert len(passes) == 1
    handle.remove()
    torch.testing.assert_close(logits, {head: value.detach() for head, value in model(x).items()})
    for method, function in {"guided": guided_backprop, "gradient": gradient}.items():
        for targets, maps in zip(sets, found[method], strict=True):
            assert set(maps) == set(targets)
            for head, value in maps.items():
                torch.testing.assert_close(value, function(model, x, targets)[head], rtol=0, atol=1e-14)
    assert set(guided_and_plain(model, x, lambda values: sets, methods=("guided",))[1]) == {"guided"}
    with pytest.raises(UserError, match="GELU"):
        guided_and_plain(net(activation=F.gelu), x, lambda values: [{"output": torch.tensor([0, 1, 2])}])


def test_guided_backprop_on_three_numbers() -> None:
    # z = 2 relu(x0) - 3 relu(x1) + relu(-x2) at x = (1, 1, -1): the gradient is (2, -3, -1); guided stops the -3
    class Hand(nn.Module):
        def forward(self, x):
            a, b, c = x[:, 0].unbind(1)
            return (2 * F.relu(a) - 3 * F.relu(b) + F.relu(-c))[:, None]

    x = torch.tensor([[[1.0, 1.0, -1.0]]])
    assert gradient(Hand(), x)["output"].tolist() == [[2.0, -3.0, -1.0]]
    assert guided_backprop(Hand(), x)["output"].tolist() == [[2.0, 0.0, -1.0]]
    assert guided_backprop(Hand(), -x)["output"].abs().max() == 0  # all three are closed


def test_captum_agrees_where_it_is_right() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv1d(1, 4, 5), nn.ReLU(), nn.MaxPool1d(4), nn.Conv1d(4, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(26, 3)
    ).double()
    x, target = audio(), torch.tensor([0, 1, 2])
    theirs = attr.GuidedBackprop(model).attribute(x.clone().requires_grad_(), target=target)[:, 0].detach()
    np.testing.assert_allclose(guided_backprop(model, x, {"output": target})["output"], theirs, rtol=0, atol=1e-10)
    ig = attr.IntegratedGradients(model).attribute(x, target=target, method="riemann_middle", n_steps=64)[:, 0]
    ours = integrated_gradients(model, x, {"output": target}, tolerance=1e9)
    np.testing.assert_allclose(ours.time()["output"], ig.detach(), rtol=0, atol=1e-10)
    window = attr.Occlusion(model).attribute(x, target=target, sliding_window_shapes=(1, 8), strides=(1, 8))[:, 0, ::8]
    ours = occlusion(model, x, {"output": target}, window=8, hop=8)
    np.testing.assert_allclose(ours["output"], window, rtol=0, atol=1e-8)  # Captum returns float32


@pytest.mark.long
def test_fast_and_plain_blocks_give_the_same_maps() -> None:
    x = torch.randn(2, 1, 96_000, generator=torch.Generator().manual_seed(0)) * 0.1
    fast, plain = new_network(), new_network(fast=False)
    for method in (gradient, guided_backprop):
        one, other = method(fast, x), method(plain, x)
        for head in ("arousal", "valence"):
            assert torch.allclose(one[head], other[head], atol=1e-4 * other[head].abs().max().item())


def test_segments_sum_input_times_gradient() -> None:
    weight = torch.randn(2, 10, dtype=torch.float64)
    x = audio(2, samples=10)
    found = segment_saliency(Linear(weight), x, {"output": torch.tensor([0, 1])}, segment=4)["output"]
    assert found.shape == (2, 3)
    expected = weight * x[:, 0]
    np.testing.assert_allclose(found[0], [expected[0, :4].sum(), expected[0, 4:8].sum(), expected[0, 8:].sum()])
    np.testing.assert_allclose(segment_sums(torch.arange(5.0)[None], 2), [[1.0, 5.0, 4.0]])


def test_segment_saliency_is_the_derivative_by_log_gain() -> None:
    model, x, target = net(), audio(1), {"output": torch.tensor([1])}
    found = segment_saliency(model, x, target, segment=16)["output"][0]
    for segment in range(4):
        louder = []
        for sign in (1, -1):
            y = x.clone()
            y[:, :, segment * 16 : segment * 16 + 16] *= np.exp(sign * 1e-5)
            louder.append(model(y)[0, 1].item())
        assert found[segment].item() == pytest.approx((louder[0] - louder[1]) / 2e-5, abs=1e-7)


def test_input_times_gradient_of_a_bias_free_relu_net_sums_to_the_logit() -> None:
    model, x = net(bias=False), audio()
    np.testing.assert_allclose(segment_saliency(model, x)["output"].sum(1), model(x).max(1).values.detach())


def test_nothing_outside_the_receptive_field_nor_from_a_head_of_zero_weights() -> None:
    class Narrow(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = net(classes=(3, 3), as_dict=True)
            nn.init.zeros_(self.inner.outputs[1].weight)

        def forward(self, x):
            return self.inner(F.pad(x[:, :, 20:40], (20, 24)))

    for method in (gradient, guided_backprop):
        found = method(Narrow().eval(), audio())
        assert found["arousal"][:, :20].abs().max() == 0 == found["arousal"][:, 40:].abs().max()
        assert found["arousal"][:, 20:40].abs().max() > 0
        assert found["valence"].abs().max() == 0
    ig = integrated_gradients(Narrow().eval(), audio(), most=64)
    assert ig.time()["arousal"][:, :20].abs().max() == 0 == ig.time()["valence"].abs().max()


@pytest.mark.parametrize("method", METHODS)
def test_a_batch_is_as_good_as_single_signals(method) -> None:
    model, x = net(classes=(3, 2), as_dict=True), audio(3)
    for head, whole in method(model, x).items():
        singles = torch.cat([method(model, one[None])[head] for one in x])
        np.testing.assert_allclose(whole, singles, rtol=0, atol=1e-9)


def test_signals_of_a_batch_take_the_steps_that_each_needs_alone() -> None:
    model, x = net(classes=(3, 2), as_dict=True), audio(6)
    how = {"steps": 2, "tolerance": 0.1, "most": 16}
    whole, singles = integrated_gradients(model, x, **how), [integrated_gradients(model, one[None], **how) for one in x]
    assert whole.steps.tolist() == [one.steps.item() for one in singles]
    assert len(set(whole.steps.tolist())) >= 3
    for head, error in whole.error().items():
        np.testing.assert_allclose(error, torch.cat([one.error()[head] for one in singles]), rtol=0, atol=1e-9)


def test_outputs_may_be_a_tensor_a_tuple_or_a_dict() -> None:
    x = audio()
    assert set(guided_backprop(net(), x)) == {"output"}
    assert set(guided_backprop(net(classes=(3, 2)), x)) == {"0", "1"}
    both = guided_backprop(net(classes=(3, 2), as_dict=True), x)
    assert set(both) == {"arousal", "valence"}
    assert torch.equal(both["valence"], guided_backprop(net(classes=(3, 2)), x)["1"])


def on_one(method: Callable) -> Callable:
    """A function of one signal and some order of its segments, as the others are called."""

    def called(model, signals):
        scores = {"order": torch.arange(8.0)}
        return [method(model, one[0], "output", 0, scores, support=SAMPLES, segment=8) for one in signals]

    called.__name__ = method.__name__
    return called


def both(model, signals):
    """Guided backpropagation and the gradient from one forward pass."""
    return guided_and_plain(model, signals, lambda logits: [{"output": logits["output"].argmin(1)}])[1]["guided"][0]


EVERY = (*METHODS, both, predict, on_one(erasure))
HOOKS = ("forward_pre", "forward", "backward_pre", "backward", "state_dict_pre", "state_dict", "load_state_dict_pre")


def state(model: nn.Module) -> dict[str, object]:
    """All that must be left as it was; tensors as lists, so that states can be compared."""
    modules, parameters = dict(model.named_modules()), dict(model.named_parameters())
    return {
        "values": {name: value.tolist() for name, value in model.state_dict().items()},
        "tensors": {name: id(value) for name, value in (parameters | dict(model.named_buffers())).items()},
        "requires_grad": {name: value.requires_grad for name, value in parameters.items()},
        "gradients": {name: value.grad is None for name, value in parameters.items()},
        "training": {name: module.training for name, module in modules.items()},
        "hooks": {
            (name, kind): dict(getattr(module, f"_{kind}_hooks")) for name, module in modules.items() for kind in HOOKS
        },
        "tensor hooks": {name: dict(value._backward_hooks or {}) for name, value in parameters.items()},
        "gradients are recorded": torch.is_grad_enabled(),
    }


def unlike(activation: Callable | None = None) -> nn.Module:
    """A network in which every flag is here on and there off, with hooks of somebody else's, and running statistics."""
    model = nn.Sequential(nn.BatchNorm1d(1).double(), net(activation=activation)).train()
    model[1].second.eval()
    model[1].first.bias.requires_grad_(False)
    model[1].second.register_forward_hook(lambda *_: None)
    model[1].first.register_full_backward_hook(lambda *_: None)
    model[1].second.weight.register_hook(lambda gradient: gradient)
    return model


@pytest.mark.parametrize("method", EVERY, ids=lambda method: method.__name__)
def test_the_model_is_left_as_it_was(method) -> None:
    model = unlike()
    before = state(model)
    x = audio()
    untouched = x.clone()
    first = method(model, x)
    assert state(model) == before
    assert torch.equal(x, untouched)
    assert not x.requires_grad
    again = method(model, x)  # dropout is off: not a random map
    assert first == again if isinstance(first, list) else torch.equal(first["output"], again["output"])
    with pytest.raises(UserError, match="cannot be run on"):
        method(model, audio(samples=SAMPLES + 8))  # the linear layer fails in the forward pass
    assert state(model) == before
    with pytest.raises(UserError, match="logits must be"):
        method(model[:1], x)
    assert state(model) == before


@pytest.mark.parametrize("method", [m for m in METHODS if m not in (occlusion, band_occlusion)] + [both])
def test_the_model_is_left_as_it_was_when_the_way_back_fails(method) -> None:
    def broken(*_):
        raise ValueError("on the way back")

    model = unlike()
    model[1].second.register_full_backward_hook(broken)
    before = state(model)
    with pytest.raises(UserError, match="on the way back"):
        method(model, audio())
    assert state(model) == before


@pytest.mark.parametrize("activation", [F.gelu, torch.tanh, lambda v: -torch.minimum(-v.relu(), torch.zeros_like(v))])
@pytest.mark.parametrize("method", [guided_backprop, both])
def test_the_model_is_left_as_it_was_by_a_refusal(method, activation) -> None:
    model = unlike(activation)
    before = state(model)
    with pytest.raises(UserError, match="Guided backpropagation"):
        method(model, audio())
    assert state(model) == before
    assert _get_current_dispatch_mode() is None


def test_it_works_where_gradients_are_switched_off() -> None:
    model, x = net(), audio()
    expected = guided_backprop(model, x)["output"]
    with torch.no_grad():
        assert torch.equal(guided_backprop(model, x)["output"], expected)
    with torch.inference_mode():
        assert torch.equal(guided_backprop(model, x)["output"], expected)


def test_wrong_shapes_and_classes_are_refused() -> None:
    with pytest.raises(UserError, match="batch, 1, samples"):
        gradient(net(), audio()[:, 0])
    with pytest.raises(UserError, match=r"0\.\.2"):
        gradient(net(), audio(), {"output": torch.tensor([0, 1, 3])})
    with pytest.raises(UserError, match="logits must be"):
        gradient(nn.Conv1d(1, 2, 3).double(), audio())
