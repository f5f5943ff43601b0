"""A saliency map by each method: its time, the memory of integrated gradients, and all maps of the full release.

The networks are untrained, which decides no time. Methods take turns in one process with one thread, on whole 6-s
slices of noise. A map is that of one head: methods that explain both heads in one go are divided by two.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import torch
import typer
from torch import Tensor

from benchmarks.measure import ROOT, alternated
from benchmarks.projection import RELEASE_SLICES
from benchmarks.publish import command, publish
from elor.engine import available_cores
from elor.explain.attribution import gradient, segment_saliency, segment_sums
from elor.explain.controls import untrained
from elor.explain.erasure import erasure
from elor.explain.guided import guided_backprop
from elor.explain.integrated import STEPS, integrated_gradients
from elor.explain.model import predict
from elor.explain.occlusion import band_occlusion, occlusion
from elor.networks import SHAPES, MultiHeadNetwork
from elor.params import Params, load
from elor.progress import clock
from elor.report.text import Block, Table, number
from elor.targets import Target
from elor.training.task import architecture
from stages.cost import MIB, Watch

BATCH = {"demo": 16, "paper": 1}
"""Slices per call of the methods that take a batch."""

ONE_BY_ONE = ("integrated", "occlusion", "bands", "erasure")
"""Methods of many passes per slice: a single slice is enough to time them."""

TITLES = {
    "gradient": "gradient",
    "guided": "guided backpropagation",
    "segments": "input x gradient by segments",
    "integrated": f"integrated gradients, {STEPS} steps",
    "occlusion": "occlusion, 100-ms windows",
    "bands": "occlusion, mel bands",
    "erasure": "deletion and insertion, one order",
}

MEMORY_BATCH = 4
"""Slices whose gradients are integrated at a time while memory is watched."""

MOST_STEPS = 1_024
"""Of integrated gradients, as in the profiles `lab` and `paper`."""

AIM_S = 600
"""All maps of guided backpropagation of the full release, with the demo network."""


def measure(rounds: int = 5, heavy_rounds: int = 1, steps: int = MOST_STEPS, only: str = "") -> dict[str, Any]:
    """Time every method, and take the memory of integrated gradients.

    Args:
        rounds, heavy_rounds: how often each method is timed with the demo and the paper-size network.
        steps: of integrated gradients in the second look at memory; the first takes 64.
        only: sizes that hold this text.
    """
    torch.set_num_threads(1)
    params, sizes = load(ROOT / "params.yaml"), {}
    for size, count in (("demo", rounds), ("paper", heavy_rounds)):
        if only in size:
            print(f"maps: {size}", flush=True)
            sizes[size] = seconds_per_map(network_of(params, size), BATCH[size], count)
    cores = available_cores()
    result: dict[str, Any] = {"rounds": rounds, "cores": cores, "seconds": sizes}
    if "demo" in sizes:
        network = network_of(params, "demo")
        result["peak_mb"] = {str(n): peak_memory(network, n) for n in (STEPS, steps)}
        result["release_s"] = RELEASE_SLICES * len(network.heads) * sizes["demo"]["guided"] / cores
    return result


def network_of(params: Params, size: str) -> MultiHeadNetwork:
    """ELoR with the default values of a profile, untrained, for two dimensions."""
    settings = params.scales[size].networks["elor"].defaults
    shape = architecture("elor", Target("classes", params.labels.classes).heads, settings, standardize=True)
    return untrained(lambda: MultiHeadNetwork(shape), seed=0)


def noise(slices: int) -> Tensor:
    """Whole slices at the level of speech, (slices, 1, samples)."""
    return 0.05 * torch.randn(slices, *SHAPES["audio"], generator=torch.Generator().manual_seed(0))


def seconds_per_map(network: MultiHeadNetwork, batch: int, rounds: int) -> dict[str, float]:
    """Median seconds of one map of one head, by method."""
    calls = methods(network, batch)
    times = dict(zip(calls, alternated(list(calls.values()), rounds), strict=True))
    maps = {
        name: 1 if name == "erasure" else len(network.heads) * (1 if name in ONE_BY_ONE else batch) for name in calls
    }
    return {name: statistics.median(times[name]) / maps[name] for name in calls}


def methods(network: MultiHeadNetwork, batch: int) -> dict[str, Callable[[], object]]:
    """What is timed: every method on noise, those of many passes on one slice."""
    whole, one = noise(batch), noise(1)
    return {
        "gradient": partial(gradient, network, whole),
        "guided": partial(guided_backprop, network, whole),
        "segments": partial(segment_saliency, network, whole),
        "integrated": partial(integrated_gradients, network, one, steps=STEPS, most=STEPS),
        "occlusion": partial(occlusion, network, one),
        "bands": partial(band_occlusion, network, one),
        "erasure": partial(_erase, network, one),
    }


def _erase(network: MultiHeadNetwork, audio: Tensor) -> object:
    """Deletion and insertion of one head, loudest first."""
    head, logits = next(iter(predict(network, audio).items()))
    orders = {"loudest": segment_sums(audio[0, 0].square())}
    return erasure(network, audio[0, 0], head, int(logits.argmax()), orders, audio.shape[-1], trusted=True)


def peak_memory(network: MultiHeadNetwork, steps: int) -> float:
    """MiB of private memory at the peak of integrated gradients of `MEMORY_BATCH` slices."""
    watch = Watch()
    watch.start()
    integrated_gradients(network, noise(MEMORY_BATCH), steps=steps, most=steps)
    watch.stop()
    return watch.peak / MIB


def tables(measured: dict[str, Any]) -> list[Block]:
    """Time per map, and a sentence on memory and the full release."""
    sizes = measured["seconds"]
    rows = tuple((TITLES[name], *(number(1e3 * by[name], 1) for by in sizes.values())) for name in TITLES)
    header = ("method", *(f"{size} network, ms" for size in sizes))
    found: list[Block] = [Table("One map of one head, 6 s of sound, one thread", header, (rows,))]
    if "peak_mb" not in measured:
        return found
    memory = [
        (f"peak private memory of {steps} steps of integrated gradients, MiB", number(mb, 0), "no more with more steps")
        for steps, mb in measured["peak_mb"].items()
    ]
    release = (
        f"guided backpropagation of both heads, {RELEASE_SLICES:,} slices, {measured['cores']} cores, projected",
        clock(measured["release_s"]),
        f"< {clock(AIM_S)}",
    )
    return [*found, Table("What maps of the demo network take", ("what", "measured", "aim"), ((*memory, release),))]


def main(
    rounds: Annotated[int, typer.Option(min=1, help="How often each method is timed, demo network.")] = 5,
    heavy: Annotated[int, typer.Option(min=1, help="How often each method is timed, paper-size network.")] = 1,
    steps: Annotated[
        int, typer.Option(min=1, help="Of integrated gradients, in the second look at memory.")
    ] = MOST_STEPS,
    only: Annotated[str, typer.Option(help="Measure only sizes that hold this.")] = "",
) -> None:
    """Measure maps; write benchmarks/results/maps.json and its page's table."""
    publish("maps", "maps", lambda: measure(rounds, heavy, steps, only), tables)


if __name__ == "__main__":
    command(main)
