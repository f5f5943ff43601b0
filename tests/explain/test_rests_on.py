"""Which windows a page names: those on which an answer rests, those that hold it down, none where chance decides."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor, nn

import elor
from elor.explain.any_network.window import Effort, _held_down, _strongest
from elor.explain.maps import Maps
from elor.explain.occlusion import Noisy
from elor.explain.windows import Windows
from elor.report.explanation import _held, opening
from tests.explain.strange import Plain
from tests.explain.test_true_sentences import page

pytestmark = pytest.mark.long


class NoisyLevel(nn.Module):
    """Answers with the level of the sound and a noise about as large as what 0.1 of 2 s add to it."""

    def forward(self, audio: Tensor) -> Tensor:
        level = 5 + audio.square().mean(-1).log() + 0.04 * (2 * torch.rand(len(audio), 1) - 1)
        return level * torch.tensor([1, -0.5, 0.3])


def test_a_window_is_not_named_for_what_is_chance(tmp_path: Path) -> None:
    torch.manual_seed(0)
    window, text = page(f"{__name__}:NoisyLevel", tmp_path, samples=32_000)
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
    window, text = page(f"{__name__}:Quiet", tmp_path, Effort(twins=2, steps=4, most=4))
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
    window, text = page(f"{__name__}:Held", tmp_path, samples=16_000)
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
    window, text = page(f"{__name__}:Lowered", tmp_path, Effort(twins=2, steps=4, most=4), samples=16_000)
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
