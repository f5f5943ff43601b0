"""Measures fast convolutions against PyTorch's plain ones: `python -m benchmarks.convolutions`.

Every row is a training step (forward and backward) in float32. Fast and plain steps alternate, so that other load on
the machine meets both; ratios are medians over the pairs. GFLOP/s are dense-equivalent: the operations that a direct
convolution would take, 2 x 3 per weight and output (2 x 2 in a first layer), over the time taken; they are compared
with the rate at which this machine multiplies large matrices, measured in the same minute.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
import typer
from torch import Tensor, nn

from benchmarks.measure import alternated, ratio
from elor.fastconv import ConvBlock, cost_model, same_padding
from elor.fastconv.layer import SpectralConvolution

SAMPLES = 96_000


@dataclass(frozen=True)
class Case:
    """A stack of blocks on signals (batch, channels, samples); a block is (filters, length, pool, stride)."""

    name: str
    batch: int
    blocks: tuple[tuple[int, int, int, int], ...]
    channels: int = 1
    samples: int = SAMPLES
    plain: bool = True

    def build(self, fast: bool) -> nn.Sequential:
        """Makes the network, plain or fast, with the same weights either way."""
        torch.manual_seed(0)
        channels = (self.channels, *(block[0] for block in self.blocks))
        return nn.Sequential(
            *(ConvBlock(inputs, *block, fast=fast) for inputs, block in zip(channels, self.blocks, strict=False))
        )

    def operations(self) -> float:
        """Floating-point operations of one step per signal, done directly."""
        total, channels, samples = 0, self.channels, self.samples
        for index, (filters, length, pool, stride) in enumerate(self.blocks):
            samples = -(-samples // stride)
            total += 2 * (3 if index or self.channels > 1 else 2) * channels * filters * length * samples
            channels, samples = filters, samples // pool
        return total


CASES = (
    Case("paper: 40x80, 40x40, 40x400", 2, ((40, 80, 2, 1), (40, 40, 10, 1), (40, 400, 32, 1))),
    Case("demo: 6x32, 24x12, 32x8", 32, ((6, 32, 96, 1), (24, 12, 8, 1), (32, 8, 26, 1))),
    Case("demo, strided: 16x96/8, 24x12, 32x8", 32, ((16, 96, 12, 8), (24, 12, 8, 1), (32, 8, 26, 1))),
    Case("layer 1 -> 40, 80 taps", 2, ((40, 80, 2, 1),)),
    Case("layer 40 -> 40, 40 taps", 2, ((40, 40, 10, 1),), channels=40, samples=48_000),
    Case("layer 40 -> 40, 400 taps", 4, ((40, 400, 32, 1),), channels=40, samples=4_800),
    Case("layer 40 -> 40, 4000 taps", 8, ((40, 4_000, 10, 1),), channels=40, samples=48_000, plain=False),
)


LAYERS = (  # batch, channels, filters, length, samples
    (32, 26, 32, 3, 599),
    (32, 24, 32, 8, 125),
    (32, 6, 24, 12, 1_000),
    (32, 16, 24, 12, 1_000),
    (4, 40, 40, 12, 4_800),
    (1, 40, 40, 24, 48_000),
    (1, 8, 8, 40, 24_000),
    (1, 2, 8, 100, 96_000),
    (1, 1, 16, 200, 48_000),
)
"""Layers around the point where spectral convolution begins to win."""


def training_step(network: nn.Module, signal: Tensor) -> Callable[[], None]:
    """A step that runs forward and backward and leaves gradients behind."""

    def step() -> None:
        network.zero_grad(set_to_none=True)
        network(signal).square().sum().backward()

    return step


def row(case: Case, rounds: int) -> str:
    """Measures a case; returns its row of the table."""
    torch.manual_seed(1)
    signal = torch.randn(case.batch, case.channels, case.samples).requires_grad_(case.channels > 1)
    matrix = torch.randn(1024, 1024)
    steps = [lambda: matrix @ matrix, training_step(case.build(fast=True), signal)]
    if case.plain:
        steps.append(training_step(case.build(fast=False), signal))
    product, fast, *plain = alternated(steps, rounds)
    machine = 2 * 1024**3 / statistics.median(product) / 1e9
    rate = case.batch * case.operations() / statistics.median(fast) / 1e9
    cells = [case.name, f"{statistics.median(fast) / case.batch * 1e3:.1f}"]
    if plain:
        cells += [f"{statistics.median(plain[0]) / case.batch * 1e3:.1f}", f"{ratio(plain[0], fast):.1f}"]
    else:
        cells += ["-", "-"]
    return "| " + " | ".join([*cells, f"{rate:.0f}", f"{rate / machine:.2f}"]) + " |"


def choice_row(shape: tuple[int, int, int, int, int], rounds: int) -> str:
    """Measures one layer both ways and says which way is chosen; returns its row of the table."""
    batch, channels, filters, length, samples = shape
    padding = same_padding(length)
    signal = torch.randn(batch, channels, samples, requires_grad=True)
    weight = torch.randn(filters, channels, length, requires_grad=True)
    error = torch.randn(batch, filters, samples)
    frames = cost_model.cheapest(signal, weight, padding)
    direct, spectral = alternated(
        [
            lambda: F.conv1d(F.pad(signal, padding), weight).backward(error),
            lambda: SpectralConvolution.apply(signal, weight, frames).backward(error),
        ],
        rounds,
    )
    chosen = "spectral" if cost_model.frames(signal, weight, 1, padding) else "direct"
    shape_cell = f"{batch} x {channels} -> {filters}, {length} taps, {samples} samples"
    return f"| {shape_cell} | {ratio(direct, spectral):.2f} | {chosen} |"


def main(
    threads: Annotated[list[int], typer.Option(help="Threads to measure with; may be given more than once.")] = [1, 2],  # noqa: B006
    rounds: Annotated[int, typer.Option(min=1, help="Pairs of steps per case.")] = 7,
    only: Annotated[str, typer.Option(help="Measure only cases whose name holds this.")] = "",
    choices: Annotated[bool, typer.Option("--choice", help="Compare the two ways of convolving instead.")] = False,
) -> None:
    """Prints a Markdown table per number of threads."""
    if choices:
        torch.set_num_threads(1)
        print("| layer, 1 thread | direct / spectral | chosen |\n|---|---|---|")
        for shape in LAYERS:
            print(choice_row(shape, rounds), flush=True)
        return
    for count in threads:
        torch.set_num_threads(count)
        print(f"\n{count} thread{'s' * (count > 1)}, float32, milliseconds per signal and step\n")
        print("| network or layer | fast, ms | plain, ms | ratio | dense-equivalent GFLOP/s | of the matmul rate |")
        print("|---|---|---|---|---|---|")
        for case in CASES:
            if only in case.name:
                print(row(case, rounds), flush=True)


if __name__ == "__main__":
    typer.run(main)
