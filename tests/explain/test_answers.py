"""What networks answer with, and how: memory that is written again, other heads, warnings that are switched off."""

from __future__ import annotations

import copy
import re
import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elor.api.explain import explain_files, foreign_network
from elor.errors import UserError
from elor.explain.any_network.subjects import Subject, made_repeatable
from elor.explain.any_network.window import explain
from elor.explain.attribution import gradient
from elor.explain.guided import guided_backprop
from elor.explain.integrated import integrated_gradients
from elor.explain.occlusion import Coarse, occlusion
from tests.explain.strange import DrawsForNothing, Plain, falls_alone
from tests.explain.test_questions import SAMPLES, voice
from tests.explain.test_strange import QUICK, made

pytestmark = pytest.mark.long


class SameMemory(Plain):
    """Writes every answer into the memory of the one before, as a static graph does."""

    def __init__(self, resizes: bool = False) -> None:
        super().__init__()
        self.resizes, self.memory = resizes, torch.zeros(0 if resizes else 64, 3)

    def forward(self, audio: Tensor) -> Tensor:
        found = super().forward(audio)
        if found.requires_grad:
            return found
        if self.resizes:
            with torch.no_grad():
                return torch.mul(found, 1, out=self.memory.resize_(found.shape))
        self.memory[: len(found)] = found
        return self.memory[: len(found)]


@pytest.mark.parametrize("resizes", [False, True])
@pytest.mark.parametrize("method", [gradient, guided_backprop, occlusion])
def test_answers_in_one_memory_are_told_apart(method: Callable, resizes: bool) -> None:
    net = made(SameMemory, resizes)
    torch.testing.assert_close(method(net, voice()), method(made(Plain), voice()))
    assert net.memory.shape == made(SameMemory, resizes).memory.shape
    assert not net.memory.any()


class Deafens(Plain):
    """Wants no warnings, of anybody."""

    def forward(self, audio: Tensor) -> Tensor:
        warnings.filterwarnings("ignore")
        return super().forward(audio) + 1e5


def test_a_network_does_not_silence_what_speaks_against_it() -> None:
    before = warnings.filters[:]
    with pytest.warns(Coarse, match="falls of head output are"):
        occlusion(made(Deafens), voice())
    assert warnings.filters == before


class Otherwise(Plain):
    """Answers with another head, or with fewer classes, where something holds."""

    def __init__(self, holds: Callable[[Tensor], bool], fewer: bool) -> None:
        super().__init__()
        self.holds, self.fewer = holds, fewer

    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        found = super().forward(audio)
        if not self.holds(audio):
            return {"one": found, "other": 2 * found}
        return {"one": found[:, :1], "other": 2 * found} if self.fewer else {"one": found}


KINDS = {
    "quiet": lambda audio: bool(audio.abs().max() < 0.05),
    "recorded": lambda audio: audio.requires_grad,
    "silent": lambda audio: not audio[-1, :, 800:1_600].any(),
}


@pytest.mark.parametrize("method", [gradient, guided_backprop, integrated_gradients, occlusion])
@pytest.mark.parametrize("fewer", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_heads_that_come_and_go_are_refused_and_what_stays_is_right(kind: str, fewer: bool, method: Callable) -> None:
    with warnings.catch_warnings(record=True) as noticed:
        warnings.simplefilter("always")
        right = in_time(method(made(Plain), voice()))["output"]
        try:
            found, said = in_time(method(made(Otherwise, KINDS[kind], fewer), voice())), ""
        except UserError as error:
            found, said = {}, str(error)
    for head, value in found.items():
        torch.testing.assert_close(value, right if head == "one" else 2 * right)
    said += " ".join(str(one.message) for one in noticed)
    assert len(found) == 2 or re.search("other heads or classes|answers without head|number that Python takes", said)
    assert len(found) < 2 or kind == "silent" or (kind == "recorded" and method is occlusion)


@dataclass
class Output:
    """As many write it: with a loss that there is none of without labels."""

    logits: Tensor | None
    loss: Tensor | None = None


@dataclass
class ModelOutput(OrderedDict):
    """As transformers has it: a dataclass and a dict in one; here with all it has as items."""

    logits: Tensor | None
    loss: Tensor | None = None

    def __post_init__(self) -> None:
        self.update(loss=self.loss, logits=self.logits)


FORMS = {
    "dict": lambda logits: {"loss": None, "logits": logits},
    "tuple": lambda logits: (None, logits, None),
    "list": lambda logits: [None, logits],
    "named tuple": lambda logits: namedtuple("Answer", "loss logits")(None, logits),
    "dataclass": Output,
    "model output": ModelOutput,
}


class Formed(Plain):
    """Answers in some form."""

    def __init__(self, form: Callable) -> None:
        super().__init__()
        self.form = form

    def forward(self, audio: Tensor) -> object:
        return self.form(super().forward(audio))


BY_NAME_AND_PLACE = ("dict", "tuple")
"""Forms whose parts have a name or a place; the others go the same two ways, and are slow."""


@pytest.mark.parametrize(
    "form",
    [form if form in BY_NAME_AND_PLACE else pytest.param(form, marks=pytest.mark.slow) for form in sorted(FORMS)],
)
def test_what_is_none_is_no_head(form: str) -> None:
    head = "1" if form in ("tuple", "list") else "logits"
    net = made(Formed, FORMS[form])
    for method in (gradient, guided_backprop, occlusion, integrated_gradients):
        right = in_time(method(made(Plain), voice()))["output"]
        torch.testing.assert_close(in_time(method(net, voice())), {head: right})
    subject = Subject("a network", net, None)
    assert list(explain(subject, voice()[0, 0].numpy(), 8_000, QUICK).summary["prediction"]) == [head]


@pytest.mark.parametrize("form", FORMS)
def test_nothing_but_none_is_no_answer(form: str) -> None:
    with pytest.raises(UserError, match=r"Head (loss|logits|0) of the model gives NoneType; logits must be \(1, class"):
        gradient(made(Formed, lambda _: FORMS[form](None)), voice())


def in_time(found) -> dict[str, Tensor]:
    return found if isinstance(found, dict) else found.time()


class Late(Plain):
    """Makes its last layer when it is first asked."""

    def forward(self, audio: Tensor) -> Tensor:
        values = F.relu(self.one(audio)).mean(-1)
        if not hasattr(self, "late"):
            self.late = nn.Linear(values.shape[1], 3)
        return self.late(values)


@pytest.mark.parametrize("method", [gradient, occlusion])
def test_weights_that_are_made_late_are_not_called_chance(method: Callable) -> None:
    net = made(Late)
    with pytest.raises(UserError, match=r"makes weights when it is first asked \(late.weight, late.bias\); run it"):
        method(net, voice())
    assert not hasattr(net, "late")
    net(voice())
    assert method(net, voice())["output"].any()


def test_drawing_for_nothing_is_no_half_precision() -> None:
    assert not made_repeatable(Subject("net", made(DrawsForNothing), None), voice())[1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        occlusion(made(DrawsForNothing), voice())


@pytest.mark.parametrize("constant", [0.0, 30.0])
def test_drawing_for_nothing_hides_no_false_gradient(constant: float) -> None:
    class Detached(DrawsForNothing):
        def forward(self, audio: Tensor) -> Tensor:
            found = super().forward(audio)
            return 1.03 * found - 0.03 * found.detach() + constant

    with pytest.raises(UserError, match="is not how its answer changes"):
        gradient(made(Detached), voice())


class DrawsByTheSound(Plain):
    """Noise from a seed that is made of the sound: another one for any other sound, be it as like as can be."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, audio: Tensor) -> Tensor:
        rows = []
        for one, found in zip(audio, super().forward(audio), strict=True):
            seed = hash(one.detach().numpy().tobytes()) % 2**31
            rows.append(found * (1 + self.share * torch.randn(3, generator=torch.Generator().manual_seed(seed))))
        return torch.stack(rows)


@pytest.mark.parametrize("method", [gradient, integrated_gradients, occlusion])
@pytest.mark.parametrize("share", [0.01, 0.3])
def test_noise_by_the_sound_is_noise(method: Callable, share: float) -> None:
    with pytest.raises(UserError, match="depends on the last digits of the sound"):
        method(made(DrawsByTheSound, share), voice())


def test_a_logit_that_nothing_changes_has_a_map_of_zeros() -> None:
    class Constant(Plain):
        def forward(self, audio: Tensor) -> Tensor:
            return (super().forward(audio) - 9) * torch.tensor([0.0, 1.0, 1.0])

    for method in (gradient, occlusion):
        assert not method(made(Constant), voice())["output"].any()
        assert method(made(Constant), voice(), {"output": 1})["output"].any()


class Windowed(nn.Module):
    """Its window and its filters are plain attributes; of its gradient a share is detached."""

    def __init__(self, detached: float) -> None:
        super().__init__()
        self.window, self.filters = torch.hann_window(256), torch.rand(129, 12)
        self.out, self.detached = nn.Linear(12, 3), detached

    def forward(self, audio: Tensor) -> Tensor:
        frames = torch.stft(audio[:, 0], 256, 128, window=self.window, return_complex=True)
        bands = (frames.abs().square().transpose(1, 2) @ self.filters + 1e-6).log().mean(1)
        return self.out((1 - self.detached) * bands + self.detached * bands.detach())


def test_what_plain_attributes_hold_is_asked_in_float64_too() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert gradient(made(Windowed, 0.0), voice())["output"].any()
    net = made(Windowed, 0.03)
    with pytest.raises(UserError, match="is not how its answer changes"):
        gradient(net, voice())
    assert net.window.dtype == net.filters.dtype == torch.float32


def test_a_page_says_of_heads_that_come_and_go_what_they_are() -> None:
    found = explain(
        Subject("net", made(Otherwise, KINDS["recorded"], False), None), voice()[0, 0].numpy(), SAMPLES, QUICK
    )
    assert "answers without head other" in found.summary["methods"]["guided"]["left_out"]["other"]
    assert set(found.summary["methods"]["occlusion"]["heads"]) == {"one", "other"}


def test_a_head_that_draws_is_left_out_and_the_other_explained() -> None:
    class Two(Plain):
        def forward(self, audio: Tensor) -> dict[str, Tensor]:
            found = super().forward(audio)
            return {"good": found, "random": found * F.dropout(torch.ones(3), 0.5, True)}

    for method in (gradient, occlusion):
        with pytest.warns(UserWarning, match="Head random is left out: The network's answer depends on chance"):
            found = method(made(Two), voice())
        assert set(found) == {"good"}
        torch.testing.assert_close(found["good"], method(made(Plain), voice())["output"])


class Slope(Plain):
    """Hears beside the sound the slope of its own answer, which it asks for itself."""

    def forward(self, audio: Tensor) -> Tensor:
        heard = audio if audio.requires_grad else audio.clone().requires_grad_()
        score = torch.tanh(super().forward(heard)[:, 0]).sum()
        return super().forward(audio + torch.autograd.grad(score, heard, create_graph=True)[0])


def test_a_network_that_differentiates_by_what_it_hears_is_explained() -> None:
    net, audio = made(Slope), voice()
    found, label = gradient(net, audio)["output"].double(), int(net(audio).argmax())
    exact, way = copy.deepcopy(net).double(), torch.randn(1, 1, SAMPLES, dtype=torch.float64)
    ahead, behind = (exact(audio.double() + step * way)[0, label].item() for step in (1e-6, -1e-6))
    assert (found * way[0]).sum().item() == pytest.approx((ahead - behind) / 2e-6, rel=1e-3)
    masked = audio.clone()
    masked[..., :1_600] = 0
    fall = (net(audio) - net(masked))[0, label].item()
    assert occlusion(net, audio)["output"][0, 0].item() == pytest.approx(fall, rel=1e-3)


class Dithers(Plain):
    """A little noise from a generator of its own, as the sound is loud."""

    def __init__(self, level: float) -> None:
        super().__init__()
        self.level, self.drawn = level, np.random.default_rng(3)

    def forward(self, audio: Tensor) -> Tensor:
        noise = torch.as_tensor(self.drawn.standard_normal((len(audio), 3)), dtype=audio.dtype)
        return super().forward(audio) + self.level * noise * audio.detach().abs().amax((1, 2))[:, None]


def test_noise_is_no_jump_and_falls_are_said_to_be_as_rough_as_it_is() -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        exact = gradient(made(Plain), voice())["output"]
        torch.testing.assert_close(gradient(made(Dithers, 1e-6), voice())["output"], exact)
    assert any("could not be checked" in str(one.message) for one in said)
    with pytest.warns(UserWarning, match="falls of head output are right to .* at best"):
        occlusion(made(Dithers, 3e-5), voice())


def test_falls_do_not_depend_on_the_windows_beside_them() -> None:
    class Scaled(Plain):
        """Rounds to steps of its loudest value, over the whole batch."""

        def forward(self, audio: Tensor) -> Tensor:
            values = F.relu(self.two(F.relu(self.one(audio)))).mean(-1)
            step = values.abs().max() / 127
            return self.out((values / step).round() * step)

    net, audio = made(Scaled), voice()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = occlusion(net, audio)["output"][0]
    assert found.tolist() == pytest.approx(falls_alone(net, audio), abs=1e-7)


class Namesakes(Plain):
    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        found = super().forward(audio)
        return {"a/b": found, "a_b": 2 * found, "A_B": 3 * found}


def namesakes() -> nn.Module:
    return Namesakes()


def test_every_head_has_a_player_of_its_own_whatever_its_name(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", voice()[0, 0].numpy(), 16_000)
    network = foreign_network(f"{__name__}:namesakes", samples=SAMPLES)
    explain_files([tmp_path / "a.wav"], network, output=tmp_path / "out", effort=QUICK)
    names = sorted(path.name.casefold() for path in (tmp_path / "out" / "a").glob("*.wav"))
    assert names == ["window-00-a_b-2.wav", "window-00-a_b-3.wav", "window-00-a_b.wav", "window-00.wav"]
