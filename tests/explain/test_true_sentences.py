"""What is said beside maps of somebody's network is true: controls, refusals, doubts, and whom they are about."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import elor
from elor.api.explain import explain_files, foreign_network
from elor.errors import UserError
from elor.explain.any_network import factory
from elor.explain.any_network.subjects import Subject, no_logits
from elor.explain.any_network.verdicts import LEFT_OUT, NO_TWIN
from elor.explain.any_network.window import Effort, explain
from elor.explain.derivative import _aside
from elor.explain.doubts import Doubt, aside
from elor.explain.erasure import erasure
from elor.explain.maps import Steps, complete_path
from elor.explain.windows import Windows
from elor.report.explanation import blocks
from elor.report.text import Format, render
from tests.explain.strange import Answers, Plain
from tests.explain.test_strange import SAMPLES, made

QUICK = Effort(twins=2, steps=4, most=4, thorough=False)


class Cosines(nn.Module):
    """Filters that begin as cosines, whatever the seed, and are learned."""

    def __init__(self) -> None:
        super().__init__()
        self.hertz = nn.Parameter(torch.linspace(100, 3_000, 6))

    def forward(self, audio: Tensor) -> Tensor:
        time = torch.arange(32) / 16_000
        return F.conv1d(audio, (2 * torch.pi * self.hertz[:, None] * time).cos()[:, None] / 6, stride=8)


class Begins(Plain):
    """Its first layer begins alike, the others follow the seed."""

    def __init__(self) -> None:
        super().__init__()
        self.one = Cosines()


class HalfLoaded(Begins):
    """Loads its second layer itself, too."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(7)
            self.two = nn.Conv1d(6, 6, 9, stride=4)


def _trained(net: nn.Module, folder: Path, *left: str) -> Path:
    """A file of weights of which all are changed but some."""
    state = {name: value if name in left else 1.1 * value + 0.01 for name, value in net.state_dict().items()}
    torch.save(state, folder / "best.pt")
    return folder / "best.pt"


def test_weights_that_begin_alike_do_not_hinder_a_twin_where_training_changed_them(tmp_path: Path) -> None:
    subject = factory.load(f"{__name__}:Begins", _trained(Begins(), tmp_path), samples=SAMPLES)
    assert subject.twin is not None, subject.reason
    one, other = (dict(subject.twin(seed).named_parameters()) for seed in (1, 2))
    for name, value in subject.model.named_parameters():
        assert not torch.equal(value, one[name])
        assert torch.equal(one[name], other[name]) == (name == "one.hertz")
    assert torch.equal(one["one.hertz"], torch.linspace(100, 3_000, 6))


@pytest.mark.parametrize(
    ("make", "left", "reason"),
    [
        (Begins, "one.hertz", "gives one.hertz alike whatever the seed, which the weights given have too"),
        (Begins, None, "gives one.hertz alike whatever the seed, and Cosines has parameters but no reset_parameters"),
        (HalfLoaded, "", "gives two.weight, two.bias, one.hertz alike whatever the seed, and Cosines"),
    ],
)
def test_what_begins_alike_and_may_be_trained_is_named(tmp_path: Path, make, left: str | None, reason: str) -> None:
    weights = None if left is None else _trained(make(), tmp_path, left)
    subject = factory.load(f"{__name__}:{make.__name__}", weights, samples=SAMPLES)
    assert subject.twin is None
    names = reason.split(" alike")[0].removeprefix("gives ").split(", ")
    assert all(name in subject.reason for name in names)
    assert reason[reason.index(" alike") :] in subject.reason


class ThreeHeads(Plain):
    """One head answers, one with what is no number, one by chance."""

    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        found = super().forward(audio)
        return {"broken": found[:, :2] * torch.nan, "good": found, "drawn": found + torch.randn_like(found)}


def page(spec: str, folder: Path, effort: Effort = QUICK, samples: int = SAMPLES) -> tuple[dict, str]:
    """The one window of a recording of noise explained, and the page in words."""
    soundfile.write(folder / "a.wav", np.random.default_rng(0).normal(0, 0.1, samples), 16_000)
    net = foreign_network(spec, samples=samples)
    found = explain_files([folder / "a.wav"], net, output=folder / "out", effort=effort)
    assert not found["failed"]
    return found["recordings"]["a"]["windows"][0], render(blocks(found), Format.markdown)


def test_a_recordings_page_leaves_out_heads_that_answer_with_no_number_or_by_chance(tmp_path: Path) -> None:
    window, text = page(f"{__name__}:ThreeHeads", tmp_path, Effort(twins=2, steps=4, most=4))
    assert "Head broken is left out: Head broken answers with NaN or infinity (class 0, 1 of 2)" in text
    assert "Head drawn is left out: The network's answer depends on chance" in text
    assert set(window["prediction"]) == set(window["methods"]["occlusion"]["heads"]) == {"good"}
    assert len(window["methods"]["gradient"]["heads"]["good"]["initial"]) == 2
    sound = np.load(tmp_path / "out" / "a" / "window-00.npz")
    same = Plain()
    same.load_state_dict(factory.load(f"{__name__}:ThreeHeads", samples=SAMPLES).model.state_dict())
    (plain,) = elor.gradient(same, torch.from_numpy(sound["sound"])[None, None])["output"]
    np.testing.assert_allclose(sound["gradient"][0], plain, rtol=1e-4, atol=1e-6)


class Jumps(Plain):
    """Jumps up where one sample passes a level, and down where another does: not along the whole sound."""

    def __init__(self, places: list[int], levels: Tensor) -> None:
        super().__init__()
        self.places, self.levels = places, levels.double()

    def forward(self, audio: Tensor) -> Tensor:
        up, down = (audio[:, 0, self.places].double() > self.levels).to(audio).unbind(1)
        return super().forward(audio) + (up - down)[:, None]


def test_a_jump_is_told_with_the_numbers_of_the_way_and_the_sound_that_jump() -> None:
    audio = 0.1 * torch.randn(2, 1, SAMPLES, generator=torch.Generator().manual_seed(0)).abs() + 0.01
    places = [100, 901]
    net = made(Jumps, places, _aside(audio)[1, 0, places])
    with pytest.raises(UserError, match="is not how its answer changes: along a change of its levels") as refused:
        elor.gradient(net, audio)
    (changes,) = re.search(r"and the answer changes by (\S+) ", str(refused.value)).groups()
    assert abs(float(changes)) == pytest.approx(1e8, rel=0.1)  # by 2, from a step of 1e-8 behind to one ahead


class Deaf(Plain):
    """Its gradient stops at a detached input, so that occlusion is all that it allows."""

    def forward(self, audio: Tensor) -> Tensor:
        return super().forward(audio.detach())


def test_without_thorough_it_is_said_that_the_twins_were_not_asked(tmp_path: Path) -> None:
    window, _ = page(f"{__name__}:Deaf", tmp_path)
    for method in ("occlusion", "bands"):
        assert window["methods"][method]["heads"]["output"]["verdict"] == LEFT_OUT
    window, text = page(f"{__name__}:Deaf", tmp_path, Effort(twins=2, steps=4, most=4))
    assert len(window["methods"]["occlusion"]["heads"]["output"]["initial"]) == 2
    assert "undecided" not in text


def test_a_method_that_no_twin_allows_is_undecided_for_that_reason() -> None:
    net = factory.load(f"{__name__}:Plain", samples=SAMPLES)
    broken = Subject("net", net.model, lambda seed: Deaf().eval())
    sound = np.random.default_rng(0).normal(0, 0.1, SAMPLES)
    entry = explain(broken, sound, SAMPLES, QUICK).summary["methods"]["gradient"]["heads"]["output"]
    assert entry["verdict"] == NO_TWIN


class Dithered(Plain):
    """Adds faint noise to what it hears."""

    def forward(self, audio: Tensor) -> Tensor:
        return super().forward(audio + 1e-4 * torch.randn_like(audio))


@pytest.mark.parametrize("method", [elor.gradient, elor.integrated_gradients, elor.occlusion])
def test_chance_is_named_with_its_size_however_small_it_is(method) -> None:
    torch.manual_seed(0)
    audio = 0.1 * torch.randn(1, 1, SAMPLES)
    net = made(Dithered)
    with pytest.warns(UserWarning, match="depends on chance") as said:
        method(net, audio)
    (text,) = (str(one.message) for one in said if "depends on chance" in str(one.message))
    size = float(re.search(r"differ by up to ([^ ,]+),", text)[1])
    answers = torch.stack([net(audio) for _ in range(20)])
    assert 0.05 * answers.std(0).max() < size < 10 * answers.std(0).max()


class OneConstant(Plain):
    """Of its two classes one answers always the same."""

    def __init__(self, level: float = -10) -> None:
        super().__init__()
        self.level = level

    def forward(self, audio: Tensor) -> Tensor:
        return torch.cat([super().forward(audio)[:, :1], torch.full((len(audio), 1), self.level)], 1)


@pytest.mark.parametrize(("second", "whom"), [(True, "the second class"), (False, "an untrained control")])
def test_a_doubt_about_another_class_or_a_control_says_so(second: bool, whom: str) -> None:
    net, twin = made(OneConstant if second else Plain), made(OneConstant, 10.0)
    sound = np.random.default_rng(0).normal(0, 0.1, SAMPLES)
    with aside(Doubt) as doubts:
        subject = Subject("net", net, lambda seed: twin)
        explain(subject, sound, SAMPLES, Effort(twins=2, steps=4, most=4))
    texts = [str(one) for one in doubts if "All falls of head output are 0" in str(one)]
    assert texts
    assert any(text.startswith(f"Of {whom}: All falls") for text in texts)
    assert not any(text.startswith("All falls") for text in texts)


class Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values: Tensor) -> Tensor:
        return values.clone()

    @staticmethod
    def backward(ctx, given: Tensor) -> Tensor:
        return -given


class Copied(Reversed):
    @staticmethod
    def backward(ctx, given: Tensor) -> Tensor:
        return given


class OwnWayBack(Plain):
    """Two of three heads cross a function with a way back of its own, which for one is false."""

    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        plain = super().forward(audio)
        return {"emotion": plain, "age": Copied.apply(2 * plain), "speaker": Reversed.apply(3 * plain)}


def test_a_way_back_of_its_own_is_said_of_the_heads_that_take_it_and_have_a_gradient(tmp_path: Path) -> None:
    window, text = page(f"{__name__}:OwnWayBack", tmp_path)
    assert set(window["methods"]["gradient"]["left_out"]) == {"speaker"}
    assert "The gradients of head age rest on a function with a backward pass of its own (Copied)" in text
    assert "All gradients rest" not in text
    reversed_ = "What is refused as the gradient of head speaker rests on a function with a backward pass of its own"
    assert f"{reversed_} (Reversed)." in text


class Voiced(Plain):
    """Takes the loud samples alone, and fails where there are too few."""

    def forward(self, audio: Tensor) -> Tensor:
        return super().forward(audio[..., (audio.abs().amax((0, 1)) > 2e-2)])


def test_it_is_the_silence_that_a_network_fails_on_and_not_the_sound() -> None:
    torch.manual_seed(0)
    audio = 0.1 * torch.randn(1, 1, SAMPLES)
    with pytest.raises(UserError, match=r"cannot be run on the baseline, .*: .*; try another one: .*noise_like"):
        elor.integrated_gradients(made(Voiced), audio)
    with pytest.raises(UserError, match="cannot be run on a sound between the baseline and the one"):
        elor.integrated_gradients(made(Voiced), audio, baseline=-audio, steps=1)
    with pytest.raises(UserError, match="cannot be run on parts of the sound alone, or on what stands"):
        erasure(made(Voiced), audio[0, 0], "output", 0, {"map": torch.arange(SAMPLES // 800).float()}, SAMPLES)
    with pytest.raises(UserError, match=r"cannot be run on the sound without one of its parts.*put noise"):
        elor.occlusion(made(Voiced), audio, window=SAMPLES)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (lambda audio: audio[:, 0, :2], "The network is a function; give a torch module"),
        (made(Plain).forward, "The network is a function; give a torch module"),
        (Plain, r"The network is the class Plain; give a network that it makes: Plain\(\)"),
        (3, "The network is of the kind int"),
    ],
)
def test_what_is_no_module_is_called_what_it_is(model, says: str) -> None:
    with pytest.raises(UserError, match=says):
        elor.gradient(model, torch.ones(1, 1, SAMPLES))


@pytest.mark.parametrize(
    ("ends", "count", "says"),
    [
        (lambda z: z[:, 0], 2, r"gives \(2,\); logits must be \(2, classes\): .*unsqueeze\(-1\)"),
        (lambda z: z.squeeze(), 1, r"gives \(3,\); .*keep the dimension of the batch"),
        (lambda z: z[:, None].expand(-1, 5, -1), 2, r"gives \(2, 5, 3\); .*one row per signal"),
    ],
)
def test_an_output_of_another_shape_is_told_what_it_lacks(ends, count: int, says: str) -> None:
    with pytest.raises(UserError, match=says):
        elor.occlusion(made(Answers, ends), torch.ones(count, 1, SAMPLES))


class Losing(Plain):
    """Gives a loss beside its logits, or None for it."""

    lost = True

    def forward(self, audio: Tensor) -> dict[str, Tensor | None]:
        found = super().forward(audio)
        return {"loss": found.sum() if self.lost else None, "logits": found}


@pytest.mark.parametrize("count", [1, 2])
def test_a_loss_beside_the_logits_is_to_be_left_out(count: int) -> None:
    net, audio = made(Losing), 0.1 * torch.randn(count, 1, SAMPLES, generator=torch.Generator().manual_seed(0))
    with pytest.raises(UserError, match=r"Head loss of the model gives \(\); .* let it return None for a loss, or"):
        elor.occlusion(net, audio)
    net.lost = False
    assert set(elor.occlusion(net, audio)) == {"logits"}


def test_what_torch_says_is_cut_behind_a_word() -> None:
    class Fails(Plain):
        def forward(self, audio: Tensor) -> Tensor:
            raise RuntimeError("expected " + 60 * "version ")

    with pytest.raises(UserError, match=r"version \[\.\.\.\]\.$"):
        elor.occlusion(made(Fails), torch.ones(1, 1, SAMPLES))


@pytest.mark.parametrize(
    ("ends", "says"),
    [
        (lambda z: -(torch.cdist(z, z.new_ones(4, 3)) ** 2), "The 4 outputs of head emo/tion are taken for the logits"),
        (lambda z: -F.softplus(z), "The 3 outputs of head emo/tion are taken for the logits"),
        (
            lambda z: torch.cdist(z, z.new_ones(4, 3)),
            "Head emo/tion ends in a distance: its 4 outputs are hardly logits",
        ),
        (lambda z: z.pow(2), "Head emo/tion ends in a power: its 3 outputs are hardly logits"),
        (
            lambda z: z.unflatten(1, (3, 1)).norm(dim=-1),
            "Head emo/tion ends in a norm: its 3 outputs are hardly logits",
        ),
        (lambda z: -F.relu(-z.abs()), "Head emo/tion ends in a ReLU: its 3 outputs are hardly logits"),
    ],
)
def test_distances_are_logits_where_the_nearest_has_the_largest(ends, says: str) -> None:
    (said,) = no_logits(made(Answers, ends)(0.1 * torch.randn(2, 1, SAMPLES, requires_grad=True)))
    assert said.startswith(says)


class Lengths(Plain):
    """Wants to know how long each signal is."""

    def forward(self, audio: Tensor, lengths: Tensor) -> Tensor:
        return super().forward(audio) * lengths[:, None]


class Flat(Plain):
    """Takes (batch, samples)."""

    def forward(self, audio: Tensor) -> Tensor:
        return super().forward(audio[:, None])


@pytest.mark.parametrize(
    ("spec", "says"), [("Lengths", "let a module around it give the rest"), ("Flat", "audio[:, 0]")]
)
def test_where_no_length_helps_none_is_tried_or_asked_for(spec: str, says: str, tmp_path: Path, capsys) -> None:
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, SAMPLES), 16_000)
    found = explain_files([tmp_path / "a.wav"], foreign_network(f"{__name__}:{spec}"), output=tmp_path / "out")
    (why,) = found["failed"].values()
    assert says in why
    assert "--samples" not in why
    assert "six seconds" not in capsys.readouterr().err


def test_why_a_path_says_nothing_is_said_once_and_truly(tmp_path: Path) -> None:
    window, _ = page(f"{__name__}:Deaf", tmp_path)
    once = "Head output cannot be differentiated by the signal; try occlusion, which needs no gradient."
    assert window["methods"]["integrated"]["refused"] == once
    audio = 0.1 * torch.randn(1, 1, SAMPLES)
    windows, targets = Windows([0], audio, [SAMPLES], {}), {"output": torch.tensor([0])}
    with pytest.raises(UserError, match=r"^Head output answers the sound and the baseline alike, so that there is no"):
        complete_path(made(Stepped), windows, targets, Steps(2, 2))


class Stepped(Plain):
    """Answers to any sound the same, by a gradient that says otherwise."""

    def forward(self, audio: Tensor) -> Tensor:
        found = super().forward(audio)
        return 1 + found - found.detach()
