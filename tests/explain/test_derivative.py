"""The gradient of autograd beside steps of the answer: another's is named, a network's own is left alone."""

from __future__ import annotations

import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elor import matrix_products
from elor.errors import UserError
from elor.explain.attribution import gradient
from elor.explain.guided import guided_backprop
from elor.explain.model_copies import copied
from elor.explain.occlusion import occlusion
from tests.explain.strange import Locked, Plain
from tests.explain.test_questions import voice
from tests.explain.test_strange import made


def test_a_lock_is_shared_with_the_copy_and_the_gradient_is_checked_all_the_same() -> None:
    twin = copied(net := made(Locked))
    assert twin.lock is net.lock
    assert twin.one.weight is not net.one.weight
    assert gradient(net, voice())["output"].any()
    with pytest.raises(UserError, match="is not how its answer changes"):
        gradient(made(Locked, 0.03), voice())


class Ranged(Plain):
    """Insists on its range, and takes float32 only; its gradient lacks a share."""

    def __init__(self, share: float = 0.0) -> None:
        super().__init__()
        self.share = share

    def forward(self, audio: Tensor) -> Tensor:
        if audio.abs().max() > 1 or audio.dtype != torch.float32:
            raise ValueError("not such a sound")
        found = super().forward(audio)
        return found - self.share * (found - found.detach())


def test_probes_stay_in_the_range_of_the_sound() -> None:
    audio = (1.2 * voice()).clamp(-1, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert gradient(made(Ranged), audio)["output"].any()
    with pytest.raises(UserError, match="is not how its answer changes"):
        gradient(made(Ranged, 0.1), audio)


class Particular(Plain):
    """Takes this very sound, and no other that is nearly the same."""

    def __init__(self) -> None:
        super().__init__()
        self.sound = voice()

    def forward(self, audio: Tensor) -> Tensor:
        if 0 < (audio - self.sound).abs().amax() < 0.04:
            raise ValueError("not quite this sound")
        return super().forward(audio)


def test_what_cannot_be_checked_is_said() -> None:
    with pytest.warns(UserWarning, match=r"could not be checked \(.*not quite this sound"):
        gradient(made(Particular), voice())


class Recorded(Plain):
    """Answers otherwise while gradients are recorded."""

    def forward(self, audio: Tensor) -> Tensor:
        return super().forward(audio if torch.is_grad_enabled() else audio.flip(-1))


def test_another_answer_while_gradients_are_recorded_is_refused() -> None:
    with pytest.raises(UserError, match="depends on whether gradients are recorded"):
        gradient(made(Recorded), voice())
    assert occlusion(made(Recorded), voice())["output"].any()


class Gate(torch.autograd.Function):
    """Lets through what is loud; the way back is that of all."""

    @staticmethod
    def forward(ctx, audio: Tensor) -> Tensor:
        return audio * (audio.abs() > 0.005)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return gradient


class Gated(Plain):
    def __init__(self, straight: bool = True) -> None:
        super().__init__()
        self.straight = straight

    def forward(self, audio: Tensor) -> Tensor:
        if not self.straight:
            return super().forward(torch.where(audio.abs() > 0.005, audio, torch.zeros_like(audio)))
        return super().forward(Gate.apply(audio))


def test_a_gate_that_closes_on_quiet_samples_alone_is_noticed() -> None:
    with pytest.raises(UserError, match="is not how its answer changes"):
        gradient(made(Gated), voice())
    assert not gradient(made(Gated, False), voice())["output"][0, -2_000:][voice()[0, 0, -2_000:].abs() < 0.005].any()


class Detaches(Plain):
    """Detaches all but the first of a batch."""

    def forward(self, audio: Tensor) -> Tensor:
        return super().forward(torch.cat([audio[:1], 0.5 * audio[1:] + 0.5 * audio[1:].detach()]))


def test_the_gradient_of_every_row_is_checked() -> None:
    with pytest.raises(UserError, match="is not how its answer changes"):
        gradient(made(Detaches), voice(count=2))


class Products(Plain):
    """The package's own product of matrices, by a weight or by itself."""

    def __init__(self, itself: bool = False) -> None:
        super().__init__()
        self.itself = itself

    def forward(self, audio: Tensor) -> Tensor:
        h = F.relu(self.one(audio))
        h = (
            matrix_products.bmm(h, h.mT)
            if self.itself
            else matrix_products.bmm(self.two.weight[:, :, 0].expand(len(h), -1, -1), h)
        )
        return self.out(h.mean(-1))


class TorchsProducts(Plain):
    """The truth for `Products`."""

    def forward(self, audio: Tensor) -> Tensor:
        return self.out((self.two.weight[:, :, 0] @ F.relu(self.one(audio))).mean(-1))


def test_products_are_seen_and_differentiated() -> None:
    one, other = (torch.randn(3, 4, 5, dtype=torch.complex128, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(lambda a, b: matrix_products.bmm(a, b.mT), (one, other))
    torch.testing.assert_close(matrix_products.bmm(one, other.mT), torch.bmm(one, other.mT))
    for method in (gradient, guided_backprop):
        torch.testing.assert_close(method(made(Products), voice()), method(made(TorchsProducts), voice()))
    with pytest.raises(UserError, match="a product of the signal with itself"):
        guided_backprop(made(Products, True), voice())


def test_a_network_is_not_trusted_for_the_name_of_its_module() -> None:
    class Hidden(Plain):
        def forward(self, audio: Tensor) -> Tensor:
            return torch.from_numpy(F.relu(self.one(audio)).detach().numpy().mean(-1)[:, :3]) + 0 * super().forward(
                audio
            )

    Hidden.__module__ = "elor.networks"
    with pytest.raises(UserError, match=r"Guided backpropagation is defined|cannot be differentiated"):
        guided_backprop(made(Hidden), voice())


class Binary(torch.autograd.Function):
    """Signs in single precision whatever comes in, their gradient straight through."""

    @staticmethod
    def forward(ctx, value: Tensor) -> Tensor:
        ctx.save_for_backward(value)
        return (value > 0).float() * 2 - 1

    @staticmethod
    def backward(ctx, gradient_: Tensor) -> Tensor:
        (value,) = ctx.saved_tensors
        return gradient_ * (value.abs() < 1)


class Binarised(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.out = nn.Conv1d(1, 8, 40, 10), nn.Conv1d(8, 8, 20, 10), nn.Linear(8, 4)

    def forward(self, audio: Tensor) -> Tensor:
        return self.out(Binary.apply(self.two(Binary.apply(5 * self.one(audio)))).mean(-1))


@pytest.mark.parametrize("seed", range(6))
def test_a_step_that_cannot_tell_speaks_for_no_gradient(seed: int) -> None:
    torch.manual_seed(seed)
    told = ""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            gradient(Binarised().eval(), voice(seed))
        except UserError as error:
            told = str(error)
    assert "gradient" in told or any("how the answer changes" in str(one.message) for one in said)
