"""What is said beside maps of somebody's network is true: controls, refusals, doubts, and whom they are about."""

from __future__ import annotations

import json
import re
import warnings
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
from elor.explain.any_network.window import Effort, _held_down, _strongest, explain
from elor.explain.derivative import _aside
from elor.explain.doubts import Doubt, aside
from elor.explain.erasure import erasure
from elor.explain.maps import Maps, Steps, complete_path
from elor.explain.occlusion import Noisy
from elor.explain.windows import Windows
from elor.report.explanation import _held, blocks, opening
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


def _page(spec: str, folder: Path, effort: Effort = QUICK, samples: int = SAMPLES) -> tuple[dict, str]:
    """The one window of a recording of noise explained, and the page in words."""
    soundfile.write(folder / "a.wav", np.random.default_rng(0).normal(0, 0.1, samples), 16_000)
    net = foreign_network(f"{__name__}:{spec}", samples=samples)
    found = explain_files([folder / "a.wav"], net, output=folder / "out", effort=effort)
    assert not found["failed"]
    return found["recordings"]["a"]["windows"][0], render(blocks(found), Format.markdown)


def test_a_recordings_page_leaves_out_heads_that_answer_with_no_number_or_by_chance(tmp_path: Path) -> None:
    window, text = _page("ThreeHeads", tmp_path, Effort(twins=2, steps=4, most=4))
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
    window, _ = _page("Deaf", tmp_path)
    for method in ("occlusion", "bands"):
        assert window["methods"][method]["heads"]["output"]["verdict"] == LEFT_OUT
    window, text = _page("Deaf", tmp_path, Effort(twins=2, steps=4, most=4))
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


class NoisyLevel(nn.Module):
    """Answers with the level of the sound and a noise about as large as what 0.1 of 2 s add to it."""

    def forward(self, audio: Tensor) -> Tensor:
        level = 5 + audio.square().mean(-1).log() + 0.04 * (2 * torch.rand(len(audio), 1) - 1)
        return level * torch.tensor([1, -0.5, 0.3])


def test_a_window_is_not_named_for_what_is_chance(tmp_path: Path) -> None:
    torch.manual_seed(0)
    window, text = _page("NoisyLevel", tmp_path, samples=32_000)
    assert "depends on chance: to one and the same sound its logits (output) differ by" in text
    assert "falls of head output are right to" in text
    assert window["strongest"] == {}
    assert "rests most" not in text


TEN = Windows([0], torch.zeros(1, 1, 10 * 800), [10 * 800])
"""Of ten occlusion windows."""


def test_a_value_has_no_strongest_window_where_chance_may_change_it_as_much() -> None:
    changes = torch.zeros(1, 10)
    changes[0, [2, 7]] = torch.tensor([0.95, -1.0])
    maps = Maps(values={"occlusion": {"output": changes}})
    assert _strongest(maps, TEN, {"output": 0.1}, {"output"}) == {}
    found = _strongest(maps, TEN, {"output": 0.04}, {"output"})["output"]
    assert (found["start_s"], found["drop"]) == (0.35, -1.0)


def test_of_two_windows_that_differ_by_chance_none_is_named() -> None:
    falls = torch.zeros(1, 10)
    falls[0, [2, 7]] = torch.tensor([1.0, 0.95])
    maps = Maps(values={"occlusion": {"output": falls}})
    assert _strongest(maps, TEN, {"output": 0.1}) == {}
    for least in ({}, {"output": 0.04}):
        assert _strongest(maps, TEN, least)["output"]["start_s"] == 0.1


def test_of_windows_side_by_side_none_is_named_either_and_of_one_that_holds_down_no_times() -> None:
    falls = torch.full((1, 10), -0.5)
    falls[0, [2, 3]] = torch.tensor([1.0, 0.95])
    maps = Maps(values={"occlusion": {"output": falls}})
    assert _strongest(maps, TEN, {"output": 0.1}) == {}
    assert _strongest(maps, TEN, {"output": 0.04})["output"]["start_s"] == 0.1
    held = Maps(values={"occlusion": {"output": -falls}})
    assert _held_down(held, TEN, {"output": 0.1}, ())["output"] == {"rise": 1.0, "windows": 2, "of": 10}
    assert _held_down(held, TEN, {"output": 0.04}, ())["output"]["start_s"] == 0.1
    assert _held_down(held, TEN, {"output": 0.48}, ())["output"]["windows"] == 1
    window = {"held_down": _held_down(held, TEN, {"output": 0.1}, ()), "strongest": {}}
    assert _held(window, "output") == "2 of 10 windows hold it down: the logit rises by up to 1 without one of them"


class Parts(nn.Module):
    """Adds up its ten parts of 0.2 s: the third counts a little more than the eighth, or less; and a noise of 3e-5."""

    def __init__(self, more: float) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.tensor([0, 0, 1 + more, 0, 0, 0, 0, 1, 0, 0]))

    def forward(self, audio: Tensor) -> Tensor:
        answer = (audio[:, 0].unflatten(1, (10, -1)).mean(2) @ self.weights)[:, None]
        return torch.cat([answer + 3e-5 * torch.randn_like(answer), -answer], 1)


@pytest.mark.parametrize(("more", "sure"), [(1e-5, False), (0.1, True)])
def test_which_window_is_first_is_never_decided_by_chance(more: float, sure: bool) -> None:
    audio, net = torch.ones(1, 1, 32_000), Parts(more).eval()
    for seed in range(20):
        torch.manual_seed(seed)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            found = elor.occlusion(net, audio, {"output": 0}, window=3_200, hop=3_200)["output"]
        assert found.shape == (1, 10)
        unknown = [str(one.message) for one in said if "Which of them is the largest is not known" in str(one.message)]
        assert len(unknown) == (not sure)


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
    window, text = _page("OwnWayBack", tmp_path)
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


class Mostly(Plain):
    """Its one loud part speaks against the answer, by far more than the rest speaks for it, which is chance."""

    def forward(self, audio: Tensor) -> Tensor:
        level = audio.square().unflatten(2, (10, -1)).mean((1, 3))
        answer = 100 * (level[:, 1:].sum(1) * 1e-4 - level[:, 0]) + 1e-5 * torch.rand(len(audio))
        return torch.stack([answer, answer - 10], 1)


def test_falls_are_as_rough_as_chance_makes_those_that_speak_for_the_answer() -> None:
    torch.manual_seed(0)
    with pytest.warns(Noisy, match="falls of head output are right to .* at best, and the largest is"):
        found = elor.occlusion(Mostly().eval(), 0.03 * torch.randn(1, 1, 32_000))["output"]
    assert -found.min() > 1e3 * found.max() > 0


class Quiet(Plain):
    """A head of classes and one of a value, which hardly change with the sound."""

    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        found = super().forward(audio)
        return {"emotion": 1e-3 * found, "valence": 1e-3 * found[:, :1]}


def test_small_falls_are_told_and_a_value_is_no_logit(tmp_path: Path) -> None:
    window, text = _page("Quiet", tmp_path, Effort(twins=2, steps=4, most=4))
    written = json.loads((tmp_path / "out" / "explain.json").read_text())["recordings"]["a"]["windows"][0]
    for key in ("erasure", "strongest", "prediction", "integrated", "interventions"):
        assert written[key] == window[key]  # to the last digit
    for head, what, change in (
        ("emotion", "logit", "fall of the logit"),
        ("valence", "value", "change of the value, up or down,"),
    ):
        said = re.search(rf"- {head}, mean {change} by deletion, with silence instead: (.*)\.\n", text)[1]
        told = {name: float(value) for name, value in (each.split() for each in said.split(", "))}
        measured = {order: window["erasure"][head][order]["deletion"] for order in ("occlusion", "loudest", "random")}
        assert 0 < max(map(abs, measured.values())) < 5e-4  # 0.000 with three digits
        assert told == pytest.approx(measured, rel=0.06)
        drop = window["strongest"][head]["drop"]
        assert f"without it the {what} {'falls' if drop > 0 else 'rises'} by {abs(drop):.3g}." in text
    moved = [float(each) for each in re.findall(r"\(([+-]\S+?)[,)]", re.search("valence is moved.*", text)[0])]
    doses = [dose for entry in window["interventions"].values() for dose in entry["heads"]["valence"].values()]
    assert 0 < max(map(abs, moved)) == pytest.approx(max(abs(dose["change"]) for dose in doses), rel=0.06)
    assert f"valence: {window['prediction']['valence']['logits'][0]:.2g}." in text


class Held(Plain):
    """The first tenth of a sound lifts a class a little, two others lower it by far more; another head all lower."""

    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        level = audio.square().unflatten(2, (10, -1)).mean((1, 3))
        lifted = 1e-2 * level[:, :1] - 10 * level[:, 3:4] - 20 * level[:, 7:8]
        return {
            name: torch.cat([one, one - 10], 1) for name, one in (("lifted", lifted), ("low", -level.sum(1)[:, None]))
        }


def test_what_holds_an_answer_down_is_said_beside_the_little_on_which_it_rests(tmp_path: Path) -> None:
    window, text = _page("Held", tmp_path, samples=16_000)
    sound = np.load(tmp_path / "out" / "a" / "window-00.npz")["sound"].astype(float)
    level = np.square(sound).reshape(20, -1).mean(1)  # of half tenths, in which windows begin
    falls = {"lifted": np.zeros(20), "low": -level / 2}
    falls["lifted"][:2], falls["lifted"][6:8], falls["lifted"][14:16] = (
        share * level[place] / 2 for share, place in ((1e-2, slice(2)), (-10, slice(6, 8)), (-20, slice(14, 16)))
    )
    falls = {head: one[:-1] + one[1:] for head, one in falls.items()}  # of windows
    best, worst, lowest = (falls["lifted"].max(), -falls["lifted"].min(), -falls["low"].min())
    assert window["held_down"]["lifted"] == pytest.approx(
        {"start_s": 0.7, "end_s": 0.8, "rise": worst, "windows": 6, "of": 19}, rel=1e-3
    )
    place = falls["low"].argmin() / 20
    assert window["held_down"]["low"] == pytest.approx(
        {"start_s": place, "end_s": place + 0.1, "rise": lowest, "windows": 19, "of": 19}, rel=1e-3
    )
    assert window["strongest"] == {"lifted": pytest.approx({"start_s": 0, "end_s": 0.1, "drop": best}, rel=1e-2)}
    best, worst, lowest = (  # in the words of the page as they were measured, to the last digit
        *(window["strongest"]["lifted"]["drop"], window["held_down"]["lifted"]["rise"]),
        window["held_down"]["low"]["rise"],
    )
    written = json.loads((tmp_path / "out" / "explain.json").read_text())["recordings"]["a"]["windows"][0]
    assert written["held_down"] == window["held_down"]
    held = f"6 of 19 windows hold it down by more: without 0.70-0.80 s the logit rises by {worst:.3g}"
    low = (
        "low rests on no window that is known: most windows (19 of 19) hold it down: without "
        f"{place:.2f}-{place + 0.1:.2f} s the logit rises by {lowest:.3g}."
    )
    assert f"lifted rests most on 0.00-0.10 s: without it the logit falls by {best:.3g}. But {held}." in text
    assert low in text
    (notes,) = opening({"model": {"reason": ""}, "recordings": {"a": {"windows": [window]}}})
    first = f"The answer rests most: lifted on 0.00-0.10 s (without it the logit falls by {best:.3g}; but {held})."
    assert first in notes.items
    assert low in notes.items


class Lowered(Plain):
    """The third tenth of a sound raises a value a little, and the eighth lowers it by far more; the same as a class."""

    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        level = audio.square().unflatten(2, (10, -1)).mean((1, 3))
        value = level[:, 2:3] - 10 * level[:, 7:8]
        return {"emotion": torch.cat([value, value - 10], 1), "valence": value}


def test_a_value_rests_on_what_changes_it_most_and_a_class_on_what_speaks_for_it(tmp_path: Path) -> None:
    window, text = _page("Lowered", tmp_path, Effort(twins=2, steps=4, most=4), samples=16_000)
    sound = np.load(tmp_path / "out" / "a" / "window-00.npz")["sound"].astype(float)
    level = np.square(sound).reshape(10, -1).mean(1)
    strongest = window["strongest"]
    assert strongest["emotion"] == pytest.approx({"start_s": 0.2, "end_s": 0.3, "drop": level[2]}, rel=1e-3)
    assert strongest["valence"] == pytest.approx({"start_s": 0.7, "end_s": 0.8, "drop": -10 * level[7]}, rel=1e-3)
    assert f"emotion rests most on 0.20-0.30 s: without it the logit falls by {level[2]:.3g}." in text
    assert f"valence rests most on 0.70-0.80 s: without it the value rises by {10 * level[7]:.3g}." in text
    for measure in ("deletion", "insertion"):
        orders = {name: entry[measure] for name, entry in window["erasure"]["valence"].items()}
        assert min(orders.values()) >= 0
        assert orders["occlusion"] == pytest.approx(max(orders.values()))
        assert orders["occlusion"] > 8 * level[7]
    assert 0 < window["erasure"]["emotion"]["occlusion"]["deletion"] <= level[2]  # what speaks against it stays
    parts = {}
    for head in ("emotion", "valence"):
        heard = soundfile.read(tmp_path / "out" / "a" / f"window-00-{head}.wav")[0]
        parts[head] = int(np.square(heard).reshape(10, -1).mean(1).argmax())
    assert parts == {"emotion": 2, "valence": 7}
    (notes,) = opening({"model": {"reason": ""}, "recordings": {"a": {"windows": [window]}}})
    (rests,) = (item for item in notes.items if item.startswith("The answer rests most"))
    assert f"valence on 0.70-0.80 s (without it the value rises by {10 * level[7]:.3g})" in rests
    assert any(item.startswith("The value changes, up or down, without what occlusion") for item in notes.items)


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
    window, _ = _page("Deaf", tmp_path)
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
