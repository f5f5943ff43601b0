"""Several heads: what one of them does not allow is refused for that one alone; and what its outputs are taken for."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elor.api.explain import explain_files, foreign_network
from elor.errors import UserError
from elor.explain import guided
from elor.explain.any_network.subjects import Values, no_logits
from elor.explain.any_network.verdicts import GRADIENTS
from elor.explain.attribution import gradient, segment_saliency
from elor.explain.guided import guided_backprop
from elor.explain.heads import LeftOut, SomeHeads
from elor.explain.integrated import integrated_gradients
from elor.explain.model import logits_of
from elor.explain.occlusion import occlusion
from elor.report.explanation import blocks
from elor.report.recording import recordings
from elor.report.text import Format, render
from tests.explain.strange import Plain
from tests.explain.test_strange import QUICK, SAMPLES, made, sound

METHODS = [gradient, segment_saliency, guided_backprop, integrated_gradients]


class Reversal(torch.autograd.Function):
    """Of domain-adversarial training (Ganin and Lempitsky 2015): the way back changes its sign."""

    @staticmethod
    def forward(ctx, values):
        return values.view_as(values)

    @staticmethod
    def backward(ctx, gradient):
        return -gradient


class Adversarial(Plain):
    """Tells feelings and, behind a gradient reversal, speakers."""

    def __init__(self, reversal=Reversal.apply) -> None:
        super().__init__()
        self.speaker, self.reversal = nn.Linear(6, 4), reversal

    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        values = F.relu(self.two(F.relu(self.one(audio)))).mean(-1)
        return {"emotion": self.out(values), "speaker": self.speaker(self.reversal(values))}


class Gated(Adversarial):
    def __init__(self) -> None:
        super().__init__(lambda values: values * values.sigmoid())


class Emotion(Adversarial):
    def forward(self, audio: Tensor) -> Tensor:
        return super().forward(audio)["emotion"]


class Affect(Plain):
    """Arousal, valence and dominance in one tensor."""

    def __init__(self, ends=lambda values: values) -> None:
        super().__init__()
        self.ends = ends

    def forward(self, audio: Tensor) -> Tensor:
        return self.ends(super().forward(audio))


def evidential(values: Tensor) -> Tensor:
    """Mean, precision, shape and rate of a normal-inverse-gamma distribution (Amini et al. 2020)."""
    mean, rest = values[:, :1], F.softplus(values)
    return torch.cat([mean, rest[:, 1:2], rest[:, 1:2] + 1, rest[:, 2:]], 1)


def adversarial() -> nn.Module:
    return Adversarial()


def affect() -> nn.Module:
    return Affect()


def drifting() -> nn.Module:
    """Answers a little otherwise at random, by far more than rounding and far less than 1 % of what sounds change."""
    network = Affect(lambda values: values + 7e-7 * torch.rand(1))
    network.out = nn.Linear(network.out.in_features, 3, bias=False)  # what is the same for all sounds
    return network


def in_time(found) -> dict[str, Tensor]:
    return found if isinstance(found, dict) else found.time()


@pytest.mark.parametrize("method", METHODS)
def test_a_reversed_gradient_is_refused_and_the_other_head_explained(method) -> None:
    net = made(Adversarial)
    with pytest.warns(LeftOut, match=r"Head speaker is left out: .*(not how its answer changes|of its own .Reversal)"):
        found = in_time(method(net, sound()))
    assert set(found) == {"emotion"}
    torch.testing.assert_close(found["emotion"], in_time(method(made(Emotion), sound()))["output"])
    with pytest.raises(UserError, match=r"speaker is not how|own .Reversal"):
        method(SomeHeads(net, "speaker"), sound())


def test_what_is_crossed_by_one_head_is_not_the_others() -> None:
    with pytest.warns(LeftOut, match="speaker is left out.*a product of the signal with itself"):
        found = guided_backprop(made(Gated), sound())
    torch.testing.assert_close(found["emotion"], guided_backprop(made(Emotion), sound())["output"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert set(gradient(made(Gated), sound())) == set(occlusion(made(Gated), sound())) == {"emotion", "speaker"}


class Gates(Plain):
    """Three heads, all behind gates."""

    def forward(self, audio: Tensor) -> tuple[Tensor, ...]:
        values = self.out(F.relu(self.two(F.relu(self.one(audio)))).mean(-1))
        return values * values.sigmoid(), values * values.tanh(), values * values


def test_the_gradient_is_checked_once_for_what_refusals_say(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, ask = [], guided.false_gradient
    monkeypatch.setattr(guided, "false_gradient", lambda *given: asked.append(given) or ask(*given))
    with pytest.raises(UserError, match=r"a product of the signal.*; try the gradient"):
        guided_backprop(made(Gates), sound())
    assert len(asked) == 1


class Steady(Plain):
    """Two heads whose falls are hardly more than rounding, under names that hold what sentences hold."""

    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        values = super().forward(audio)
        return {"valence, own": values + 1e5, "valence, others'": values - 1e5}


def test_what_is_said_of_two_heads_is_said_of_both_whatever_their_names() -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        occlusion(made(Steady), sound())
    assert sorted(one.message.head for one in said) == ["valence, others'", "valence, own"]


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, SAMPLES), 16_000)
    return tmp_path / "a.wav"


def test_a_recordings_page_leaves_out_the_head_alone(noise: Path, tmp_path: Path) -> None:
    net = foreign_network(f"{__name__}:adversarial", samples=SAMPLES)
    found = explain_files([noise], net, output=tmp_path / "out", effort=QUICK)
    (window,) = found["recordings"]["a"]["windows"]
    for method in GRADIENTS:
        entry = window["methods"][method]
        assert entry["refused"] is None
        assert set(entry["left_out"]) == {"speaker"}
        assert set(entry["heads"]) == ({"emotion"} if method != "stft" else set())
    assert set(window["methods"]["occlusion"]["heads"]) == {"emotion", "speaker"}
    assert set(window["integrated"]["error"]) == {"emotion"}
    maps = np.load(tmp_path / "out" / "a" / "window-00.npz")
    assert maps["heads"].tolist() == ["emotion", "speaker"]
    assert np.isfinite(maps["gradient"][0]).all()
    assert np.isnan(maps["gradient"][1]).all()
    text = render(blocks(found), Format.markdown)
    assert "gradient of speaker was refused: The gradient of head speaker is not how" in text
    page = recordings(found, tmp_path / "out")
    assert "NaN" not in page
    assert len(found.plot(method="gradient")) == 1
    assert len(found.plot(method="occlusion")) == 2


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        (lambda z: z, "taken for the logits of"),
        (lambda z: 1 + 4 * torch.sigmoid(z), "ends in a sigmoid"),
        (lambda z: F.softplus(z) + 1, "ends in softplus"),
        (evidential, "ends in softplus"),
        (lambda z: z.tanh().unflatten(1, (3, 1)).squeeze(2), "ends in a tanh"),
    ],
)
def test_it_is_said_what_outputs_are_taken_for(ends, said: str) -> None:
    signal = sound().requires_grad_()
    (remark,) = no_logits(logits_of(made(Affect, ends), signal))
    assert said in remark
    assert "--values output" in remark


def test_values_are_explained_one_by_one() -> None:
    net = made(Affect)
    found, weights = gradient(Values(net, ["output"]), sound()), torch.eye(3)
    for place in range(3):
        signal = sound().requires_grad_()
        (expected,) = torch.autograd.grad((net(signal) * weights[place]).sum(), signal)
        torch.testing.assert_close(found[f"output.{place}"], expected[:, 0])
    assert not list(no_logits(logits_of(Values(net, ["output"]), sound())))
