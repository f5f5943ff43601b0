"""Fast convolutions against PyTorch's plain modules: outputs, gradients, running statistics."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elor.errors import UserError
from elor.fastconv import ConvBlock, batched, conv1d, cost_model, pooled, same_padding, spectral
from elor.fastconv.layer import SpectralConvolution
from tests.watch import Watch

DOUBLE, SINGLE = 1e-9, 2e-4
"""Largest difference from the plain modules, relative to the largest value, in float64 and in float32."""

# batch, channels, samples, filters, length, pool, stride
BLOCKS = [
    (2, 1, 1000, 6, 32, 96, 1),  # the demo's first layer, samples left over
    (3, 1, 1003, 40, 80, 2, 1),  # the paper's first layer
    (2, 1, 2000, 16, 96, 12, 8),  # the strided first layer
    (2, 1, 501, 3, 5, 3, 2),
    (2, 1, 64, 3, 63, 4, 1),  # a filter about as long as the signal
    (1, 1, 300, 5, 1, 1, 1),  # one tap, no pooling
    (2, 1, 97, 3, 7, 97, 1),  # one pooling window
    (2, 4, 500, 6, 12, 8, 1),  # short filters: left to F.conv1d
    (2, 3, 100, 4, 9, 3, 2),
    (2, 12, 3000, 16, 130, 7, 1),  # spectral
]
LARGE = [
    (3, 16, 4001, 9, 201, 10, 1),
    (20, 8, 1000, 6, 199, 25, 1),  # spectral, in several chunks where `split`
]
HOW = [(*one, train) for one in ((torch.float64, DOUBLE), (torch.float32, SINGLE)) for train in (True, False)]
CASES = [(one, *how) for one in BLOCKS for how in HOW]
CASES += [pytest.param(one, *HOW[0], marks=pytest.mark.long) for one in LARGE]
CASES += [pytest.param(one, *how, marks=pytest.mark.slow) for one in LARGE for how in HOW[1:]]
CONVOLUTIONS = [  # batch, channels, samples, filters, length, frame size
    (2, 3, 100, 4, 5, 16),
    (3, 2, 97, 5, 8, 16),
    (1, 1, 33, 1, 17, 64),
    (2, 3, 50, 2, 50, 128),
    (70, 2, 40, 3, 3, 8),  # more than one chunk
]


def assert_close(actual: Tensor, expected: Tensor, tolerance: float, name: str) -> None:
    scale = max(1.0, expected.abs().max().item())
    assert actual.shape == expected.shape
    assert (actual - expected).abs().max().item() <= tolerance * scale, name


def plain(block: ConvBlock) -> nn.Module:
    """The same block from torch's modules alone, with the same state."""
    conv, (filters, channels, length) = block.conv, block.conv.weight.shape
    left = (length - 1) // 2
    twin = nn.Sequential(
        nn.ConstantPad1d((left, length - 1 - left), 0.0),
        nn.Conv1d(channels, filters, length, stride=block.stride),
        nn.BatchNorm1d(filters),
        nn.MaxPool1d(block.pool),
        nn.ReLU(),
    ).to(conv.weight.dtype)
    twin[1].load_state_dict(conv.state_dict())
    twin[2].load_state_dict(block.norm.state_dict())
    return twin.train(block.training)


def make_block(channels: int, filters: int, length: int, pool: int, stride: int, dtype: torch.dtype) -> ConvBlock:
    block = ConvBlock(channels, filters, length, pool, stride).to(dtype)
    with torch.no_grad():  # scales of both signs, statistics that are not the initial ones
        block.norm.weight.normal_()
        block.norm.bias.normal_()
        block.norm.running_mean.normal_()
        block.norm.running_var.uniform_(0.5, 2)
    return block


def results(module: nn.Module, signal: Tensor, needs_signal: bool) -> dict[str, Tensor]:
    """Output, gradients and state after one step with a fixed gradient."""
    signal = signal.clone().requires_grad_(needs_signal)
    output = module(signal)
    output.backward(torch.randn(output.shape, generator=torch.Generator().manual_seed(1)).to(output))
    found = {"output": output.detach()} | ({"signal": signal.grad} if needs_signal else {})
    names = ["weight", "bias", "scale", "shift"]
    found |= {name: parameter.grad for name, parameter in zip(names, module.parameters(), strict=True)}
    return found | {name.split(".")[-1]: value for name, value in module.named_buffers()}


def compare(block: ConvBlock, signal: Tensor, tolerance: float, needs_signal: bool = True) -> None:
    expected = results(plain(block), signal, needs_signal)
    for name, value in results(block, signal, needs_signal).items():
        assert_close(value, expected[name], tolerance, name)


@pytest.fixture
def split(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches are split as early as may be: those of tests are small."""
    monkeypatch.setitem(cost_model.COSTS, "cpu", replace(cost_model.COSTS["cpu"], chunk=500))


@pytest.mark.usefixtures("split")
@pytest.mark.parametrize("needs_signal", [False, True], ids=["first", "inner"])
@pytest.mark.parametrize(("shape", "dtype", "tolerance", "training"), CASES)
def test_block_equals_plain_modules(shape, dtype, tolerance, training, needs_signal):
    torch.manual_seed(0)
    batch, channels, samples, *rest = shape
    block = make_block(channels, *rest, dtype).train(training)
    compare(block, torch.randn(batch, channels, samples, dtype=dtype), tolerance, needs_signal)


@pytest.mark.usefixtures("split")
def test_the_grid_reaches_every_way_of_convolving():
    chosen = set()
    for batch, channels, samples, filters, length, _, stride in (*BLOCKS, *LARGE):
        signal, weight = torch.empty(batch, channels, samples), torch.empty(filters, channels, length)
        frames = cost_model.frames(signal, weight, stride, same_padding(length))
        chosen.add("direct" if frames is None else "split" if frames.chunk(channels) < batch else "spectral")
    assert chosen == {"direct", "spectral", "split"}


@pytest.mark.parametrize("channels", [1, 2])
def test_ties_go_to_the_first_maximum_as_in_torch(channels):
    """Blocky integer signals and filters, exact in floating point: windows full of equal maxima."""
    torch.manual_seed(0)
    block = make_block(channels, 4, 3, 6, 1, torch.float64)
    with torch.no_grad():
        block.conv.weight.copy_(torch.randint(-1, 2, block.conv.weight.shape))
    signal = torch.randint(-1, 2, (3, channels, 40)).repeat_interleave(7, dim=-1).double()
    compare(block, signal, DOUBLE, needs_signal=channels > 1)


@pytest.mark.parametrize("pool", [2, 5])
def test_scales_of_zero(pool):
    torch.manual_seed(0)
    block = make_block(1, 4, 5, pool, 1, torch.float64)
    with torch.no_grad():
        block.norm.weight[1] = 0
    compare(block, torch.randn(2, 1, 60).double(), DOUBLE, needs_signal=False)


def test_a_large_mean_does_not_spoil_the_variance():
    """float32, a constant of 3 in noise of 0.01: far from zero the variance must not be a difference of moments."""
    torch.manual_seed(0)
    block = make_block(1, 4, 3, 4, 1, torch.float32)
    signal = 3 + 0.01 * torch.randn(4, 1, 50_000)
    block.norm.running_var.zero_()
    twin = plain(block).double()
    block(signal), twin(signal.double())
    assert_close(block.norm.running_var / twin[2].running_var.float(), torch.ones(4), 1e-5, "variance")


def test_silence_gives_finite_gradients():
    block = ConvBlock(1, 3, 8, 4)
    block(torch.zeros(2, 1, 64)).sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in block.parameters())


def test_nan_is_not_hidden():
    signal = torch.zeros(2, 1, 64)
    signal[1, 0, 30] = torch.nan
    for pool in (2, 4):
        assert ConvBlock(1, 3, 8, pool)(signal).isnan().any()


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_the_relu_module_is_called(fast, training):
    block = ConvBlock(1, 3, 8, 4, fast=fast).train(training)
    seen = []
    block.activation.register_forward_hook(lambda module, inputs, output: seen.append(output))
    output = block(torch.randn(2, 1, 64))
    assert len(seen) == 1
    assert torch.equal(seen[0], output)
    assert (output >= 0).all()


def test_fast_and_plain_share_checkpoints_and_numbers():
    torch.manual_seed(0)
    fast, slow = ConvBlock(8, 12, 150, 5), ConvBlock(8, 12, 150, 5, fast=False)
    slow.load_state_dict(fast.state_dict())
    signal = torch.randn(4, 8, 3000)
    assert_close(fast(signal), slow(signal), SINGLE, "training")
    assert_close(fast.eval()(signal), slow.eval()(signal), SINGLE, "evaluation")
    assert list(fast.state_dict()) == list(slow.state_dict())


def test_training_without_gradients_updates_the_statistics():
    block = ConvBlock(1, 3, 8, 4)
    with torch.no_grad():
        output = block(1 + torch.randn(2, 1, 64))
    assert not output.requires_grad
    assert block.norm.num_batches_tracked == 1
    assert (block.norm.running_var != 1).all()


def test_a_signal_below_one_pooling_window_is_refused():
    with pytest.raises(UserError, match="pooling window of 100 values is longer than its layer's output of 64"):
        ConvBlock(1, 3, 8, 100)(torch.randn(2, 1, 64))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, DOUBLE), (torch.float32, SINGLE)])
@pytest.mark.parametrize("shape", CONVOLUTIONS, ids=str)
def test_spectral_convolution_equals_conv1d(shape, dtype, tolerance, monkeypatch):
    monkeypatch.setattr(spectral, "CHUNK_VALUES", 500)
    torch.manual_seed(0)
    batch, channels, samples, filters, length, size = shape
    padding = same_padding(length)
    frames = spectral.Frames.cut(samples, length, size, padding)
    found = []
    for convolve in (
        lambda x, w: SpectralConvolution.apply(x, w, frames),
        lambda x, w: F.conv1d(F.pad(x, padding), w),
    ):
        generator = torch.Generator().manual_seed(1)
        signal, weight, gradient = (
            torch.randn(shape, generator=generator).to(dtype).requires_grad_()
            for shape in ((batch, channels, samples), (filters, channels, length), (batch, filters, samples))
        )
        output = convolve(signal, weight)
        output.backward(gradient.detach())
        found.append((output.detach(), signal.grad, weight.grad))
    for name, actual, expected in zip(("output", "signal", "weight"), *found, strict=True):
        assert_close(actual, expected, tolerance, name)


@pytest.mark.parametrize(("signal_grad", "weight_grad"), [(True, False), (False, True)])
def test_only_the_gradients_that_are_needed(signal_grad, weight_grad):
    torch.manual_seed(0)
    signal = torch.randn(2, 24, 900, requires_grad=signal_grad)
    weight = torch.randn(24, 24, 200, requires_grad=weight_grad)
    assert cost_model.frames(signal, weight, 1, same_padding(200)) is not None
    conv1d(signal, weight, padding=same_padding(200)).sum().backward()
    found = signal.grad, weight.grad
    signal.grad = weight.grad = None
    F.conv1d(F.pad(signal, same_padding(200)), weight).sum().backward()
    for actual, expected in zip(found, (signal.grad, weight.grad), strict=True):
        assert (actual is None) == (expected is None)
        if actual is not None:
            assert_close(actual, expected, 1e-5, "gradient")


def test_spectral_gradients_equal_finite_differences():
    torch.manual_seed(0)
    frames = spectral.Frames.cut(20, 5, 16, (1, 3))
    signal = torch.randn(2, 2, 20, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, 2, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, w: SpectralConvolution.apply(x, w, frames), (signal, weight))


@pytest.mark.parametrize("length", [1, 2, 3, 8, 9, 200, 201])
def test_same_padding_is_that_of_nn_conv1d(length):
    torch.manual_seed(0)
    signal = torch.randn(2, 8, 3000, dtype=torch.float64)
    module = nn.Conv1d(8, 8, length, padding="same", dtype=torch.float64)
    output = conv1d(signal, module.weight, module.bias, padding=same_padding(length))
    assert_close(output, module(signal), DOUBLE, "output")


def test_stride_and_uneven_padding():
    torch.manual_seed(0)
    signal, weight = torch.randn(2, 3, 50), torch.randn(4, 3, 7)
    expected = F.conv1d(F.pad(signal, (5, 2)), weight, stride=3)
    assert torch.equal(conv1d(signal, weight, stride=3, padding=(5, 2)), expected)


def test_the_choice_follows_the_shapes():
    def chosen(batch: int, channels: int, samples: int, filters: int, length: int, stride: int = 1) -> bool:
        signal = torch.empty(1).expand(batch, channels, samples)  # no memory
        weight = torch.empty(filters, channels, length)
        return cost_model.frames(signal, weight, stride, same_padding(length)) is not None

    assert chosen(32, 40, 48_000, 40, 40)
    assert chosen(32, 40, 4_800, 40, 400)
    assert chosen(32, 40, 48_000, 40, 4_000)
    assert not chosen(32, 26, 599, 32, 3)
    assert not chosen(32, 6, 1_000, 24, 12)
    assert not chosen(32, 16, 1_000, 24, 12)
    assert not chosen(32, 40, 48_000, 40, 40, stride=2)
    assert not chosen(0, 40, 48_000, 40, 40)


def test_memory_of_the_500_ms_filters_is_bounded():
    """The spectra of one chunk of the authors' literal layer, 40 -> 40 filters of 4,000 taps, stay below 0.5 GB."""
    signal, weight = torch.empty(1).expand(32, 40, 48_000), torch.empty(1).expand(40, 40, 4_000)
    frames = cost_model.frames(signal, weight, 1, same_padding(4_000))
    values = 40 * frames.frequencies * frames.count * frames.chunk(40)
    assert 8 * values < 0.5e9
    assert 8 * 40 * 40 * frames.frequencies < 0.5e9


def test_autocast_leaves_the_fast_path_in_float32():
    torch.manual_seed(0)
    block, signal = ConvBlock(8, 12, 150, 5), torch.randn(4, 8, 3000)
    expected = block(signal)
    with torch.autocast("cpu", torch.bfloat16):
        output = block(signal)
        output.float().sum().backward()
    assert_close(output.float(), expected, 0.05, "output")


@pytest.fixture
def whole_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way of a GPU, on the CPU."""
    monkeypatch.setattr(cost_model, "whole_batch", lambda device: True)


@pytest.mark.long
@pytest.mark.usefixtures("split")
@pytest.mark.parametrize("way", ["spectral", "rows", "direct"])
@pytest.mark.parametrize("needs_signal", [False, True], ids=["first", "inner"])
@pytest.mark.parametrize("shape", [*BLOCKS, *(pytest.param(one, marks=pytest.mark.slow) for one in LARGE)], ids=str)
def test_the_whole_batch_at_once_equals_plain_modules(
    shape, needs_signal, way, whole_batch, monkeypatch: pytest.MonkeyPatch
):
    """In float64 to 1e-10; in float32 as near to float64 as PyTorch's own float32, but for 1e-5."""
    batch, channels, samples, *rest = shape
    stride = rest[-1]
    if (way == "spectral" and stride > 1) or (way == "rows" and (channels > 1 or needs_signal)):
        pytest.skip("impossible this way")
    taken = []
    real = batched.way

    def watched(*shapes: object) -> batched.Way:
        taken.append(real(*shapes))
        return taken[-1]

    if way == "spectral":
        monkeypatch.setattr(
            cost_model, "frames", lambda signal, weight, _, padding: cost_model.cheapest(signal, weight, padding)
        )
    else:
        monkeypatch.setattr(cost_model, "frames", lambda *_: None)
    monkeypatch.setattr(cost_model, "ROWS", way == "rows")
    monkeypatch.setattr(batched, "way", watched)
    torch.manual_seed(0)
    block = make_block(channels, *rest, torch.float64).train()
    signal = torch.randn(batch, channels, samples, dtype=torch.float64)
    single = copy.deepcopy(block).float()
    exact = results(plain(block), signal, needs_signal)
    rounded = results(plain(single), signal.float(), needs_signal)
    for name, value in results(block, signal, needs_signal).items():
        assert_close(value, exact[name], 1e-10, name)
    for name, value in results(single, signal.float(), needs_signal).items():
        scale = max(1.0, exact[name].abs().max().item())
        error, plain_error = ((one - exact[name]).abs().max().item() for one in (value, rounded[name]))
        assert error <= 1e-5 * scale + 2 * plain_error, name
    assert {type(one).__name__.lower() for one in taken} == {way}


def test_the_whole_batch_learns_from_a_scale_of_zero(whole_batch) -> None:
    """Everything but that scale's own slope is PyTorch's; the slope is that of the largest value of each window."""
    torch.manual_seed(0)
    block = make_block(2, 3, 9, 4, 1, torch.float64).train()
    with torch.no_grad():
        block.norm.weight[1] = 0
    signal = torch.randn(2, 2, 100, dtype=torch.float64)
    nearly = copy.deepcopy(block)
    expected = results(plain(block), signal, True)
    found = results(block, signal, True)
    for name in expected.keys() - {"scale"}:
        assert_close(found[name], expected[name], 1e-10, name)
    with torch.no_grad():
        nearly.norm.weight[1] = 1e-9
    assert_close(found["scale"], results(plain(nearly), signal, True)["scale"], 1e-6, "scale")


def test_a_gpu_is_given_few_kernels_and_never_waited_for() -> None:
    """On a device without memory nothing can be read; the paper's three layers there, both passes."""
    with torch.device("meta"):
        blocks = nn.Sequential(ConvBlock(1, 40, 80, 2), ConvBlock(40, 40, 40, 10), ConvBlock(40, 40, 400, 32)).train()
        signal = torch.empty(32, 1, 96_000)
    with Watch() as watch:
        output = blocks(signal)
        output.sum().backward()
    assert output.shape == (32, 40, 150)
    assert blocks[0].conv.weight.grad.shape == (40, 1, 80)
    assert watch.crossings == []
    assert watch.kernels < 300  # slice by slice they would be some 2,200


def test_a_gpu_takes_the_batch_in_one_piece_where_a_cpu_splits_it() -> None:
    pieces = {}
    for device in ("cpu", "meta"):
        signal, weight = torch.empty(32, 40, 48_000, device=device), torch.empty(40, 40, 400, device=device)
        pieces[device] = cost_model.cheapest(signal, weight, (199, 200)).chunk(40)
    assert pieces["cpu"] < 32 <= pieces["meta"]


def test_a_first_layer_of_long_filters_is_left_to_transforms(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Gram matrix of 1,500 taps would take seven times as long."""
    torch.manual_seed(0)
    block = make_block(1, 6, 450, 5, 1, torch.float64).train()
    monkeypatch.setattr(pooled.windows, "moments", lambda *_: pytest.fail("the Gram matrix was taken"))
    compare(block, torch.randn(2, 1, 3_000, dtype=torch.float64), DOUBLE, needs_signal=False)
