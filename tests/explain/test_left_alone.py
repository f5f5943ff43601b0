"""Networks that are left as they were found whatever comes of it, are not made yet, or answer in steps."""

from __future__ import annotations

import random
import warnings

import numpy as np
import pytest
import soundfile
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elor.api.explain import explain_files, foreign_network
from elor.errors import UserError
from elor.explain.any_network import factory
from elor.explain.any_network.window import Effort, explain
from elor.explain.attribution import gradient
from elor.explain.finite_differences import Unchecked
from elor.explain.guided import guided_backprop
from elor.explain.integrated import Incomplete, integrated_gradients
from elor.explain.model import predict
from elor.explain.occlusion import Coarse, occlusion
from tests.explain.strange import Plain
from tests.explain.test_put_back import drawn
from tests.explain.test_questions import voice
from tests.explain.test_strange import made

pytestmark = pytest.mark.long


class Half(Plain):
    """Computes in bfloat16 and gives its answer as float32, at a temperature."""

    exact = False

    def forward(self, audio: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=not self.exact):
            found = super().forward(audio) + 3
        return found.float() / 1.3


class Vote(Plain):
    """Says how many classes lie above a threshold that no sound reaches."""

    def forward(self, audio: Tensor) -> Tensor:
        return (super().forward(audio) > 1e6).float() + 1


class Gated(Plain):
    """Passes what is not digital silence."""

    how = "detach"

    def forward(self, audio: Tensor) -> Tensor:
        passed = torch.where(audio == 0, audio.detach(), audio) if self.how == "detach" else audio * (audio != 0)
        return self.out(self.two(self.one(audio if self.how == "open" else passed)).tanh().mean(-1))


class Accumulates(Plain):
    """Adds what it hears to its own weights, or to a buffer."""

    def __init__(self, name: str = "weight", much: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("heard", torch.zeros(3))
        self.name, self.much = name, much

    @torch.no_grad()
    def forward(self, audio: Tensor) -> Tensor:
        found = super().forward(audio)
        (self.out.bias if self.name == "weight" else self.heard).add_(self.much * found.mean(0))
        return found + self.heard


class Normalises(Plain):
    """Writes its own weights, every time the same."""

    def forward(self, audio: Tensor) -> Tensor:
        with torch.no_grad():
            self.out.weight.copy_(F.normalize(self.out.weight))
        return super().forward(audio)


class ReturnsNothing(Plain):
    """Keeps its batch normalisation frozen, and forgets to return itself."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(6)

    def train(self, mode: bool = True) -> None:
        super().train(mode)
        self.norm.eval()

    def forward(self, audio: Tensor) -> Tensor:
        return self.out(F.relu(self.two(F.relu(self.norm(self.one(audio))))).mean(-1))


class NotYet(nn.Module):
    def __init__(self) -> None:
        self.rate = 16_000

    def forward(self, audio: Tensor) -> Tensor:
        return audio[..., :2].flatten(1)


class Tunes(Plain):
    """Follows a gradient of its own weights."""

    def forward(self, audio: Tensor) -> Tensor:
        with torch.enable_grad():
            found = super().forward(audio.detach())
            (step,) = torch.autograd.grad(found.square().sum(), self.out.bias)
        return found - step


class Two(Plain):
    """Of its two classes the second one's gradient takes another way than its answer."""

    def forward(self, audio: Tensor) -> Tensor:
        h = F.relu(self.one(audio)).mean(-1)
        first, other = h[:, :1] + 1, h[:, 1:2]
        return torch.cat([first, other.detach() + h[:, 2:3] - h[:, 2:3].detach()], 1)


def nothing_returned() -> nn.Module:
    return ReturnsNothing()


def on_meta() -> nn.Module:
    with torch.device("meta"):
        return Plain()


def not_yet() -> nn.Module:
    return NotYet()


def stereo() -> nn.Module:
    return nn.Sequential(nn.Conv1d(2, 4, 64, 16), nn.AdaptiveAvgPool1d(1), nn.Flatten())


def ordered() -> dict:
    return Plain().state_dict()


def load(name: str) -> factory.Subject:
    return factory.load(f"{__name__}:{name}", samples=4_000)


def gapped() -> Tensor:
    audio = voice().clone()
    audio[..., 1_000:1_400] = 0
    return audio


def test_falls_of_one_step_of_half_precision_are_doubted_and_no_finding() -> None:
    net, audio = made(Half), voice()
    with pytest.warns(Coarse, match="falls of head output are.*bfloat16"):
        occlusion(net, audio)
    subject = factory.Subject("half", net, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        coarse = explain(subject, audio[0, 0].numpy(), audio.shape[-1], Effort(0, 8, 16, thorough=False))
        assert coarse.summary["strongest"] == {}
        net.exact = True
        exact = explain(subject, audio[0, 0].numpy(), audio.shape[-1], Effort(0, 8, 16, thorough=False))
        assert exact.summary["strongest"]["output"]["drop"] > 0
    with warnings.catch_warnings():
        warnings.simplefilter("error", Coarse)
        occlusion(net, audio)


class HalfInside(Plain):
    """Computes its convolutions in half precision, or all of it if its weights are such; its answer is float32."""

    kind = torch.bfloat16

    def forward(self, audio: Tensor) -> Tensor:
        with torch.autocast("cpu", self.kind, enabled=self.kind != torch.float32):
            return super().forward(audio.to(self.one.weight)).float()


@pytest.mark.parametrize("method", [gradient, guided_backprop, integrated_gradients])
def test_gradients_in_half_precision_are_always_said_to_be(method) -> None:
    net = made(HalfInside)
    for kind, model, audio in (
        ("bfloat16", net, voice()),
        ("bfloat16", made(Plain).bfloat16(), voice().bfloat16()),
        ("float16", made(HalfInside).half(), voice()),
    ):
        model.kind = getattr(torch, kind)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            method(model, audio)
        assert sum(f"computes in torch.{kind}" in str(one.message) for one in said) == 1
    net.kind = torch.float32
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        method(net, voice())


def test_falls_of_zero_are_not_laid_at_the_door_of_rounding_alone() -> None:
    with pytest.warns(Coarse, match="All falls of head output are 0: it answers in steps") as noticed:
        occlusion(made(Vote), voice())
    assert not any("leave out the constant" in str(one.message) for one in noticed)


@pytest.mark.parametrize("how", ["detach", "multiply"])
def test_a_gate_by_digital_silence_is_said(how: str) -> None:
    net = made(Gated)
    net.how = how
    with pytest.warns(Unchecked, match="in digital silence is not how its answer changes: there it says 0,"):
        gradient(net, gapped())
    net.how = "open"
    with warnings.catch_warnings():
        warnings.simplefilter("error", Unchecked)
        gradient(net, gapped())


@pytest.mark.parametrize("name", ["weight", "buffer"])
def test_a_network_is_left_as_it_was_also_where_it_is_refused(name: str) -> None:
    net = made(Accumulates, name)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    for method in (gradient, occlusion):
        with pytest.raises(UserError):
            method(net, voice())
        assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_weights_that_a_network_writes_are_put_back() -> None:
    net = made(Normalises)
    before = net.out.weight.clone()
    found = gradient(net, voice())["output"]
    assert torch.equal(net.out.weight, before)
    twin = made(Plain)
    twin.out.weight.data = F.normalize(before)
    torch.testing.assert_close(found, gradient(twin, voice())["output"])


def test_a_train_that_returns_nothing_does_no_harm() -> None:
    subject = load("nothing_returned")
    assert not subject.model.training
    assert predict(subject.twin(0), voice())["output"].shape == (1, 3)


def test_what_is_not_made_yet_is_refused_with_its_reason() -> None:
    for name, why in (("on_meta", "meta device"), ("not_yet", r"super\(\).__init__")):
        with pytest.raises(UserError, match=why):
            load(name)
        for method in (gradient, occlusion, integrated_gradients):
            with pytest.raises(UserError, match=why):
                method(globals()[name](), voice())


def test_reasons_are_the_right_ones(tmp_path) -> None:
    with pytest.raises(UserError, match="differentiates by its own weights"):
        gradient(made(Tunes), voice())
    with pytest.raises(UserError, match=r"write its module: some\.odd:plain\."):
        factory.load("some/odd.py:plain")
    with pytest.raises(UserError, match="returns an OrderedDict"):
        load("ordered")
    net = made(Plain)
    with pytest.raises(UserError, match="Audio holds NaN or infinity at 1 of"):
        gradient(net, voice().index_fill(-1, torch.tensor([5]), torch.nan))
    net.forward = lambda audio: {}
    with pytest.raises(UserError, match="returns an empty dict"):
        predict(net, voice())
    path = tmp_path / "a.wav"
    soundfile.write(path, voice()[0, 0].numpy(), 16_000)
    network = foreign_network(f"{__name__}:stereo", files=[path])
    why = next(iter(explain_files([path], network, output=tmp_path / "out")["failed"].values()))
    assert "one channel" in why
    assert "--samples" not in why


def test_a_path_without_a_change_is_not_infinitely_wrong() -> None:
    net = made(Plain)
    level = voice()
    net.forward = lambda audio: (audio * (audio - level) * (audio - level / 4)).sum((1, 2))[:, None] * torch.ones(2)
    with pytest.warns(Incomplete, match="where the logit is the same as at the baseline"):
        integrated_gradients(net, level, steps=1, most=1)


def test_the_second_class_has_a_gradient_of_its_own_to_be_checked() -> None:
    net, audio = made(Two), voice()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = explain(
            factory.Subject("two", net, None), audio[0, 0].numpy(), audio.shape[-1], Effort(0, 8, 16, thorough=False)
        ).summary
    assert found["methods"]["gradient"]["refused"] is None
    assert "class_swap" not in found["methods"]["gradient"]["heads"]["output"]
    assert any(text.startswith("Of the second class: The gradient of head output is not") for text in found["remarks"])


class Drawing(Plain):
    """Is made of, and answers with, numbers that numpy and Python draw."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.from_numpy(np.random.rand(3).astype("float32")) + random.random())  # noqa: NPY002
        self.norm = nn.BatchNorm1d(6)

    def forward(self, audio: Tensor) -> Tensor:
        heard = self.norm(F.relu(self.one(audio))) * (1 + random.random() + np.random.rand())  # noqa: NPY002
        return self.out(F.relu(self.two(heard)).mean(-1)) * self.scale


class Ordered(Plain):
    """Its thresholds begin alike whatever the seed."""

    def __init__(self) -> None:
        super().__init__()
        self.thresholds = nn.Parameter(torch.tensor([0.5, 0.2, -0.1]))

    def forward(self, audio: Tensor) -> Tensor:
        return super().forward(audio) + self.thresholds


@pytest.mark.parametrize("kind", [Drawing, Ordered])
def test_making_a_network_and_its_twins_leaves_random_numbers_as_they_were(kind: type[nn.Module], tmp_path) -> None:
    torch.save(kind().state_dict(), tmp_path / "weights.pt")
    spec = f"{__name__}:{kind.__name__}"
    for weights in (None, tmp_path / "weights.pt"):
        before = drawn()
        subject = foreign_network(spec, weights=weights, samples=4_000).subject
        assert drawn() == before
        if subject.twin is not None:
            one, again, other = (subject.twin(seed).state_dict() for seed in (1, 1, 2))
            assert drawn() == before
            assert all(torch.equal(one[name], again[name]) for name in one)
            assert kind is Ordered or not torch.equal(one["scale"], other["scale"])
