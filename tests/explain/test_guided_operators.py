"""Every operator that guided backpropagation takes for linear is linear, and its way back is its transpose."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from captum import attr
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from elor.errors import UserError
from elor.explain.crossings import UNKNOWN, _name
from elor.explain.guided import guided_backprop
from elor.explain.guided_operators import BENT, FACTORS, GIVEN, LINEAR, NAMES
from tests.explain.models import audio
from tests.explain.test_guided import Layer

pytestmark = pytest.mark.long


@pytest.fixture(autouse=True)
def _undetermined() -> Iterator[None]:
    """Some operators have no deterministic implementation, and what trained before may have asked for it."""
    asked = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(False)
    yield
    torch.use_deterministic_algorithms(asked)


aten = torch.ops.aten
SHAPE = (4, 4, 6)


def _drawn(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(5))


SQUARE, WIDE = _drawn(6, 6) + 4 * torch.eye(6, dtype=torch.float64), _drawn(1, 4, 4, 6).expand(2, -1, -1, -1)
LAST, MASK = torch.tensor([5, 0, 3, 2]), torch.tensor([True, False, True, True, False, True])
GRID = _drawn(1, 3, 5, 2).expand(2, -1, -1, -1) / 3
PLACES = F.max_pool2d(_drawn(1, 4, 8, 12).expand(2, -1, -1, -1), 2, return_indices=True)[1]
VOLUMES = F.max_pool3d(_drawn(1, 4, 4, 8, 12).expand(2, -1, -1, -1, -1), 2, return_indices=True)[1]


def _complex(values: Tensor) -> Tensor:
    return torch.complex(values, values.flip(-1))


def _real(values: Tensor) -> Tensor:
    return torch.view_as_real(values.resolve_conj())


def _written(values: Tensor, write: Callable[[Tensor], Tensor]) -> Tensor:
    return write(_drawn(*values.shape))


def _scattered(values: Tensor, **how: str) -> Tensor:
    return torch.zeros_like(values).scatter(-1, LAST.expand(2, 4, 4, 4), values[..., :4], **how)


def _sparse(values: Tensor) -> Tensor:
    return torch.sparse.mm(SQUARE.to_sparse(), values.flatten(0, 2).T)


LINES = {
    "_conj": lambda v: _real(_complex(v).conj()),
    "_conj_physical": lambda v: _real(torch.conj_physical(_complex(v))),
    "_neg_view": lambda v: _complex(v).conj().imag.clone(),
    "_reshape_alias": lambda v: aten._reshape_alias(v, (2, 16, 6), (96, 6, 1)),
    "_to_copy": lambda v: v.float().double(),
    "_unsafe_view": lambda v: v @ SQUARE,
    "alias": lambda v: aten.alias(v),
    "as_strided": lambda v: v.as_strided((2, 4, 20), (96, 24, 1)),
    "cat": lambda v: torch.cat([v, WIDE], 1),
    "chunk": lambda v: v.chunk(2, 1)[0],
    "clone": lambda v: v.clone(),
    "contiguous": lambda v: v.transpose(1, 3).contiguous(),
    "detach": lambda v: v.detach(),
    "imag": lambda v: _complex(v).imag,
    "lift": lambda v: aten.lift(v),
    "lift_fresh": lambda v: aten.lift_fresh(v),
    "movedim": lambda v: v.movedim(1, -1),
    "narrow": lambda v: v.narrow(-1, 1, 3),
    "real": lambda v: _complex(v).real,
    "repeat_interleave": lambda v: v.repeat_interleave(2, -1),
    "reshape": lambda v: v.transpose(1, 3).reshape(2, 6, 16),
    "resolve_conj": lambda v: _real(_complex(v).conj().resolve_conj()),
    "resolve_neg": lambda v: _complex(v).conj().imag.resolve_neg(),
    "unsafe_chunk": lambda v: v.unsafe_chunk(2, 1)[1],
    "complex": lambda v: _real(_complex(v)),
    "copy": lambda v: _written(v, lambda to: to.copy_(v)),
    "diagonal": lambda v: v.diagonal(dim1=-2, dim2=-1),
    "expand": lambda v: v[:, None].expand(2, 3, *SHAPE),
    "flip": lambda v: v.flip(-1),
    "im2col": lambda v: F.unfold(v, 2),
    "col2im": lambda v: F.fold(v.reshape(2, 16, 6), (3, 4), 2),
    "permute": lambda v: v.permute(0, 3, 1, 2),
    "repeat": lambda v: v.repeat(1, 2, 1, 1),
    "roll": lambda v: v.roll(2, -1),
    "rot90": lambda v: torch.rot90(v, 1, (2, 3)),
    "select": lambda v: v[:, 1],
    "slice": lambda v: v[..., 1:5:2],
    "split": lambda v: v.split(2, 1)[1],
    "split_with_sizes": lambda v: v.split([1, 3], 1)[1],
    "squeeze": lambda v: v[..., :1].squeeze(-1),
    "stack": lambda v: torch.stack([v, WIDE]).transpose(0, 1),
    "t": lambda v: v.flatten(0, 2).t(),
    "transpose": lambda v: v.transpose(1, 3),
    "tril": lambda v: v.tril(),
    "triu": lambda v: v.triu(),
    "unbind": lambda v: v.unbind(1)[2],
    "unfold": lambda v: v.unfold(-1, 3, 2),
    "unsafe_split": lambda v: v.unsafe_split(3, -1)[1],
    "unsafe_split_with_sizes": lambda v: v.unsafe_split_with_sizes([2, 4], -1)[1],
    "unsqueeze": lambda v: v.unsqueeze(1),
    "view": lambda v: v.view(2, 16, 6),
    "view_as_complex": lambda v: _real(torch.view_as_complex(v.unflatten(-1, (3, 2)))),
    "view_as_real": lambda v: torch.view_as_real(_complex(v)),
    "channel_shuffle": lambda v: F.channel_shuffle(v, 2),
    "pixel_shuffle": lambda v: F.pixel_shuffle(v, 2),
    "pixel_unshuffle": lambda v: F.pixel_unshuffle(v, 2),
    "diag_embed": lambda v: v.diag_embed(),
    "block_diag": lambda v: torch.block_diag(*v[:, 0]),
    "_unsafe_index": lambda v: aten._unsafe_index(v, [None, None, None, LAST]),
    "constant_pad_nd": lambda v: F.pad(v, (1, 2), value=0.5),
    "diagonal_scatter": lambda v: torch.diagonal_scatter(v, v[..., :4, 5], 0, -2, -1),
    "embedding": lambda v: F.embedding(LAST, v.flatten(0, 2)),
    "fill": lambda v: _written(v, lambda to: to.fill_(v.sum())),
    "gather": lambda v: v.gather(-1, LAST.expand(2, 4, 4, 4)),
    "index": lambda v: v[..., LAST],
    "index_add": lambda v: torch.ones_like(v).index_add(-1, LAST, v[..., :4]),
    "index_copy": lambda v: torch.ones_like(v).index_copy(-1, torch.tensor([5, 0, 3]), v[..., :3]),
    "index_fill": lambda v: v.index_fill(-1, LAST, 2.0),
    "index_put": lambda v: torch.ones_like(v).index_put((torch.tensor([1, 0]),), v.flip(0)),
    "index_select": lambda v: v.index_select(-1, LAST),
    "masked_fill": lambda v: v.masked_fill(MASK, 2.0),
    "masked_scatter": lambda v: torch.ones_like(v).masked_scatter(MASK, v),
    "masked_select": lambda v: v.masked_select(MASK).view(2, -1),
    "max_unpool2d": lambda v: F.max_unpool2d(v, PLACES, 2),
    "max_unpool3d": lambda v: F.max_unpool3d(v[:, :, None].expand(-1, -1, 2, -1, -1), VOLUMES, 2),
    "put": lambda v: torch.ones_like(v).put(torch.arange(96, 192), v[0].flatten()),
    "scatter": _scattered,
    "scatter_add": lambda v: torch.ones_like(v).scatter_add(-1, LAST.expand(2, 4, 4, 4), v[..., :4]),
    "select_scatter": lambda v: torch.select_scatter(v, v[..., 3], -1, 1),
    "slice_scatter": lambda v: torch.slice_scatter(v, v[..., 3:], -1, 0, 3),
    "take": lambda v: v.take(torch.arange(100, 20, -3)),
    "where": lambda v: torch.where(MASK, v, 0.5),
    "reflection_pad1d": lambda v: F.pad(v.flatten(1, 2), (2, 3), "reflect"),
    "reflection_pad2d": lambda v: F.pad(v, (2, 3, 1, 1), "reflect"),
    "reflection_pad3d": lambda v: F.pad(v[:, None], (2, 3, 1, 1, 1, 2), "reflect"),
    "replication_pad1d": lambda v: F.pad(v.flatten(1, 2), (2, 3), "replicate"),
    "replication_pad2d": lambda v: F.pad(v, (2, 3, 1, 1), "replicate"),
    "replication_pad3d": lambda v: F.pad(v[:, None], (2, 3, 1, 1, 1, 2), "replicate"),
    "select_backward": lambda v: aten.select_backward(v, (2, 3, *SHAPE), 1, 2),
    "slice_backward": lambda v: aten.slice_backward(v, (2, 9, 4, 6), 1, 0, 8, 2),
    "diagonal_backward": lambda v: aten.diagonal_backward(v, (2, 4, 4, 6, 6), 0, 3, 4),
    "unfold_backward": lambda v: aten.unfold_backward(v, (2, 4, 9), 2, 6, 1),
    "add": lambda v: v + v.flip(-1) + 2,
    "cumsum": lambda v: v.cumsum(-1),
    "deg2rad": lambda v: v.deg2rad(),
    "rad2deg": lambda v: v.rad2deg(),
    "mean": lambda v: v.mean(-1),
    "neg": lambda v: -v,
    "rsub": lambda v: torch.rsub(v, 1),
    "sub": lambda v: v - 2 * v.flip(-1),
    "sum": lambda v: v.sum(-1),
    "trace": lambda v: torch.trace(v[0, 0]) + torch.trace(v[1, 1]),
    "_adaptive_avg_pool2d": lambda v: F.adaptive_avg_pool2d(v, (3, 4)),
    "_adaptive_avg_pool3d": lambda v: F.adaptive_avg_pool3d(v[:, None], (3, 2, 4)),
    "adaptive_avg_pool1d": lambda v: F.adaptive_avg_pool1d(v.flatten(1, 2), 4),
    "avg_pool1d": lambda v: F.avg_pool1d(v.flatten(1, 2), 3, 2, 1),
    "avg_pool2d": lambda v: F.avg_pool2d(v, 2),
    "avg_pool3d": lambda v: F.avg_pool3d(v[:, None], 2),
    "affine_grid_generator": lambda v: F.affine_grid(v[:, :2, :3, 0], [2, 1, 3, 4], False),
    "_fft_c2c": lambda v: _real(torch.fft.fft(_complex(v))),
    "_fft_c2r": lambda v: torch.fft.hfft(_complex(v)),
    "_fft_r2c": lambda v: _real(torch.fft.rfft(v)),
    "upsample_linear1d": lambda v: F.interpolate(v.flatten(1, 2), 11, mode="linear"),
    "upsample_bilinear2d": lambda v: F.interpolate(v, (7, 5), mode="bilinear"),
    "upsample_trilinear3d": lambda v: F.interpolate(v[:, None], (7, 5, 9), mode="trilinear"),
    "upsample_bicubic2d": lambda v: F.interpolate(v, (7, 5), mode="bicubic"),
    "upsample_nearest1d": lambda v: F.interpolate(v.flatten(1, 2), 11),
    "upsample_nearest2d": lambda v: F.interpolate(v, (7, 5)),
    "upsample_nearest3d": lambda v: F.interpolate(v[:, None], (7, 5, 9)),
    "_upsample_nearest_exact1d": lambda v: F.interpolate(v.flatten(1, 2), 11, mode="nearest-exact"),
    "_upsample_nearest_exact2d": lambda v: F.interpolate(v, (7, 5), mode="nearest-exact"),
    "_upsample_nearest_exact3d": lambda v: F.interpolate(v[:, None], (7, 5, 9), mode="nearest-exact"),
    "_upsample_bilinear2d_aa": lambda v: F.interpolate(v, (3, 2), mode="bilinear", antialias=True),
    "_upsample_bicubic2d_aa": lambda v: F.interpolate(v, (3, 2), mode="bicubic", antialias=True),
    "nan_to_num": lambda v: v.nan_to_num(),
    "nansum": lambda v: aten.nansum(v, [-1]),
    "mul": lambda v: WIDE[0] * v,
    "mm": lambda v: torch.mm(v.flatten(0, 2), SQUARE),
    "bmm": lambda v: torch.bmm(WIDE.flatten(1, 2).transpose(1, 2), v.flatten(1, 2)),
    "dot": lambda v: torch.dot(v.flatten(), WIDE.flatten()),
    "vdot": lambda v: torch.vdot(v.flatten(), WIDE.flatten()),
    "mv": lambda v: torch.mv(v.flatten(0, 2), SQUARE[0]),
    "convolution": lambda v: F.conv2d(v, WIDE[:, :, :2, :3]),
    "linear": lambda v: aten.linear(v, SQUARE),
    "ger": lambda v: aten.ger(v.flatten(), SQUARE[0]),
    "kron": lambda v: torch.kron(v[:, 0], SQUARE[:2, :2]),
    "linalg_cross": lambda v: torch.linalg.cross(v[..., :3], WIDE[..., 1:4]),
    "addmm": lambda v: torch.addmm(SQUARE[0], v.flatten(0, 2), SQUARE),
    "baddbmm": lambda v: torch.baddbmm(v[:, 0, :, :4], v.flatten(2)[:, :, :6], WIDE[:, 0].transpose(1, 2)),
    "addbmm": lambda v: torch.addbmm(SQUARE[:4, :4], v[:, 0], WIDE[:, 0].transpose(1, 2)),
    "addmv": lambda v: torch.addmv(v[:, 0, 0, 0], v[:, 0, 0], SQUARE[0]),
    "addr": lambda v: torch.addr(SQUARE, v[0, 0, 0], SQUARE[1]),
    "addcmul": lambda v: torch.addcmul(v, v.flip(-1), WIDE),
    "_sparse_addmm": _sparse,
    "_trilinear": lambda v: F.bilinear(v[..., :3], WIDE[..., :4], _drawn(2, 3, 4)),
    "div": lambda v: v / 3 + v / SQUARE[0],
    "addcdiv": lambda v: torch.addcdiv(v, v.flip(-1), SQUARE[0]),
    "ldexp": lambda v: torch.ldexp(v, torch.tensor(3)),
    "lerp": lambda v: torch.lerp(v, v.flip(-1), 0.3) + torch.lerp(v, v.flip(1), SQUARE[0]),
    "grid_sampler_2d": lambda v: F.grid_sample(v, GRID, align_corners=False),
    "grid_sampler_3d": lambda v: F.grid_sample(
        v[:, None], _drawn(1, 2, 3, 2, 3).expand(2, -1, -1, -1, -1) / 3, align_corners=False
    ),
    "_linalg_solve_ex": lambda v: torch.linalg.solve(SQUARE, v.flatten(0, 2).T),
    "linalg_solve_triangular": lambda v: torch.linalg.solve_triangular(SQUARE.triu(), v.flatten(0, 2).T, upper=True),
    "linalg_lu_solve": lambda v: torch.linalg.lu_solve(*torch.linalg.lu_factor(SQUARE), v.flatten(0, 2).T),
    "cholesky_solve": lambda v: torch.cholesky_solve(v.flatten(0, 2).T, SQUARE.tril()),
    "scatter_reduce": lambda v: torch.ones_like(v).scatter_reduce(-1, LAST.expand(2, 4, 4, 4), v[..., :4], "mean"),
    "index_reduce": lambda v: torch.ones_like(v).index_reduce(-1, LAST, v[..., :4], "mean"),
}
"""By operator a function of (2, *SHAPE) float64 in which the signal crosses it."""

BATCHED = set(LINES) - {
    *("block_diag", "embedding", "put", "take", "fill", "trace", "dot", "vdot", "addmv", "addbmm", "addr", "ger"),
    *("index_put", "t", "mm", "mv", "kron", "addmm", "_sparse_addmm", "_linalg_solve_ex", "linalg_solve_triangular"),
    *("linalg_lu_solve", "cholesky_solve", "detach", "masked_scatter"),
}
"""Those whose function keeps the batch apart, so that a network can be made of it."""


class Recorded(TorchDispatchMode):
    """The names of the operators that are met."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.add(_name(func))
        return func(*args, **(kwargs or {}))


def test_every_operator_that_is_called_linear_is_asked() -> None:
    assert {*LINEAR, *FACTORS, *GIVEN} - {"elor::bmm"} <= set(LINES)
    assert not BENT & set(LINEAR)
    assert not set(NAMES) - {"div"} & set(LINES)


@pytest.mark.parametrize("name", LINES)
def test_it_is_linear_and_its_way_back_is_its_transpose(name: str) -> None:
    function, one, other = LINES[name], _drawn(2, *SHAPE), _drawn(3, *SHAPE)[1:]
    a, b, origin = 1.7, -0.6, function(torch.zeros_like(one))
    expected = a * function(one) + b * function(other) + (1 - a - b) * origin
    coarse = 1e-5 if name == "_to_copy" else 1e-10
    torch.testing.assert_close(function(a * one + b * other), expected, rtol=coarse, atol=coarse)
    with Recorded() as met:
        signal = one.clone().requires_grad_()
        found = function(signal)
        with torch.inference_mode():  # what is made of other operators is met here by itself
            function(one)
    assert name in met.names
    if not found.requires_grad:
        assert name == "detach"
        return
    weights = _drawn(*found.shape)
    (back,) = torch.autograd.grad((weights * found).sum(), signal)
    forth = (weights * (found.detach() - origin)).sum()
    torch.testing.assert_close((back * one).sum(), forth, rtol=100 * coarse, atol=100 * coarse)


THIRDS = [
    name if place % 3 == 0 else pytest.param(name, marks=pytest.mark.slow) for place, name in enumerate(sorted(BATCHED))
]
"""Every third is compared with Captum each time; that they are linear is asked of all of them above."""


@pytest.mark.parametrize("name", THIRDS)
def test_guided_backpropagation_through_it_is_captums(name: str) -> None:
    torch.manual_seed(0)
    front = nn.Sequential(nn.Conv1d(1, 4, 17, stride=2), nn.ReLU(), nn.Flatten(), nn.Unflatten(1, (-1, 4, 6)))
    layer = Layer(lambda v: LINES[name](v if len(v) == 2 else torch.cat([v, v]))[: len(v)])
    body = nn.Sequential(front, layer, nn.Flatten()).double()
    width = body(audio(2)).shape[1]
    model = nn.Sequential(body, nn.Linear(width, 32), nn.ReLU(), nn.Linear(32, 3)).double().eval()
    labels = model(audio(2)).argmax(1)
    theirs = attr.GuidedBackprop(model).attribute(audio(2).requires_grad_(), target=labels)[:, 0].detach()
    found = guided_backprop(model, audio(2))["output"]
    torch.testing.assert_close(found, theirs, rtol=1e-6, atol=1e-10)
    assert found.any()


def _packaged() -> Path:
    import torchgen

    return Path(torchgen.__path__[0]) / "packaged/autograd/derivatives.yaml"


def test_what_pytorch_calls_linear_is_linear_here() -> None:
    parts = re.split(r"\n- name: ", _packaged().read_text())[1:]
    theirs = {re.split(r"[.(]", part)[0].removesuffix("_") for part in parts if "auto_linear" in part}
    backward = {name for name in theirs if name.endswith("_backward")}
    assert len(theirs) > 90
    apart = {
        "as_strided_scatter",
        "_lazy_clone",
        "_reshape_copy",
        "_test_autograd_multiple_dispatch",
        "slice_inverse",
        "zero",
    }
    assert theirs - backward - apart <= LINEAR


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (lambda v: torch.special.i0e(v), f"special_i0e .{UNKNOWN[1:-1]}."),
        (lambda v: torch.hypot(v, torch.zeros_like(v)), "hypot;"),
        (lambda v: torch.lerp(v, v.flip(-1), v), "lerp;"),
        (
            lambda v: v.scatter(-1, torch.arange(6).expand(v.shape), v.flip(-1), reduce="multiply"),
            "scatter by multiplication",
        ),
        (
            lambda v: torch.ones_like(v).scatter_reduce(-1, torch.arange(6).expand(v.shape), v, "amax"),
            "scatter_reduce;",
        ),
        (lambda v: torch.linalg.solve(v[..., :4] + 9 * torch.eye(4), torch.ones(4, 1).double()), "solve"),
        (lambda v: torch.grid_sampler(v, v[..., :2], 0, 0, False), "grid_sampler"),
    ],
)
def test_what_is_not_linear_is_told_from_what_is_not_known(layer: Callable, name: str) -> None:
    torch.manual_seed(0)
    front = nn.Sequential(nn.Conv1d(1, 4, 17, stride=2), nn.ReLU(), nn.Flatten(), nn.Unflatten(1, (-1, 4, 6)))
    body = nn.Sequential(front, Layer(layer), nn.Flatten()).double()
    model = nn.Sequential(body, nn.Linear(body(audio(2)).shape[1], 3).double())
    with pytest.raises(UserError, match=name):
        guided_backprop(model, audio(2))
