"""Digests of what must be the same on every processor: single operations, and what the project makes of them.

    python -m tests.portability.digests                 prints them, one a line
    python -m tests.portability.digests --only NAME...  of these works alone
    python -m tests.portability.digests --keep NAME     keeps them in digests.json, as those of a processor
    python -m tests.portability.digests --renew NAME    likewise, after a change of the code that was meant to change
                                                        numbers: other processors' works are forgotten, not operations

Operations come first, so that the first line that differs names the cause of those that follow. Another maker's
processor can be imitated by QEMU, slowly: `qemu-x86_64 -cpu Haswell-v4 -E PYTHONPATH=... python -m ...`.
"""

from __future__ import annotations

import elor  # noqa: F401  # isort: skip  # before numpy and torch

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import scipy.fft
import scipy.linalg
import torch
import torch.nn.functional as F
from torch import Tensor

from elor import matrix_products
from elor.audio import AudioInfo, to_int16
from elor.corpora.demo.cues import plan_utterance
from elor.corpora.demo.recipe_schema import load_recipe
from elor.corpora.demo.voice import synthesise
from elor.engine import Engine
from elor.explain.attribution import gradient
from elor.explain.prototypes.ascent import Ascent, Goal, prototypes
from elor.fastconv.pooled import pooled_convolution
from elor.features import is10, mfcc
from elor.features.slices import SLICE_SAMPLES
from elor.networks import MultiHeadNetwork
from elor.training import loop, together
from elor.training.augment import augmented
from elor.training.job import Outcome, TrainingJob
from elor.training.train import place
from tests.worlds import toy
from tests.worlds.project import NETWORKS

KEPT = Path(__file__).with_name("digests.json")
ROOT = Path(__file__).parents[2]

CNN = {"filters": [8, 12], "lengths": [96, 12], "pools": [12, 8], "stride": 8, "hidden": [40, 20]}
SETTINGS = {
    "elor": CNN,
    "lom": {"filters": [16, 12], "lengths": [8, 6], "pools": [4, 6], "hidden": [40, 20]},
    "ftr": {"hidden": [64, 33]},
    "elor_ftr": CNN,
}
"""Sizes near those of the demonstration run."""


def digest(values: Sequence[object]) -> str:
    """Of the bytes of arrays and tensors, and of the exact text of anything else."""
    found = hashlib.sha256()
    for value in values:
        array = torch.view_as_real(value) if isinstance(value, Tensor) and value.is_complex() else value
        array = array.detach().numpy() if isinstance(array, Tensor) else array
        found.update(np.ascontiguousarray(array).tobytes() if isinstance(array, np.ndarray) else repr(array).encode())
    return found.hexdigest()[:12]


def operations() -> Iterator[tuple[str, Callable[[], Sequence[object]]]]:
    """What the numbers are made of, on random values, by name."""
    random = np.random.default_rng(0)

    def rand(*shape: int, dtype: type = np.float32) -> Tensor:
        return torch.from_numpy(random.standard_normal(shape).astype(dtype))

    def complex_of(*shape: int) -> Tensor:
        return torch.complex(rand(*shape), rand(*shape))

    def slopes(function: Callable[..., Tensor], *values: Tensor) -> list[Tensor]:
        leaves = [value.clone().requires_grad_() for value in values]
        output = function(*leaves)
        return [output, *torch.autograd.grad(output.square().sum(), leaves)]

    x, wide, wave, deep = rand(64, 300), rand(16, 1_582), rand(4, 1, 6_000), rand(4, 16, 1_000)
    d = x.numpy().astype(np.float64)
    positive = np.abs(d) + 1e-3
    yield "draws of numpy", lambda: [random.standard_normal(9), random.beta(2, 3, 9), random.gamma(2.0, 1.0, 9)]
    yield "draws of torch", lambda: [torch.randn(99, generator=torch.Generator().manual_seed(1))]
    yield "exp, log and kin (numpy)", lambda: [np.exp(d), np.log(positive), np.log10(positive), np.log1p(positive)]
    yield "sine and kin (numpy)", lambda: [np.sin(d), np.cos(d), np.tanh(d), np.arctan2(d, positive), np.sqrt(positive)]
    yield "powers (numpy)", lambda: [positive**1.3, 10 ** (d / 20), np.hypot(d, positive), np.exp(1j * d)]
    yield "sums (numpy)", lambda: [d.sum(), d.sum(0), d.std(1), x.numpy().mean(), np.cumsum(d), np.median(d, 0)]
    yield "products (numpy)", lambda: [d @ d.T, x.numpy() @ x.numpy().T, d @ d[0], np.einsum("ij,kj->ik", d, d)]
    yield (
        "linear systems (numpy, scipy)",
        lambda: [
            np.linalg.lstsq(d.T, d[0], rcond=None)[0],
            scipy.linalg.solve(d @ d.T + np.eye(64), d[:, 0]),
            np.linalg.svd(d, compute_uv=False),
        ],
    )
    yield "Fourier transforms (numpy, scipy)", lambda: [np.fft.rfft(d), scipy.fft.dct(d), scipy.fft.rfft(x.numpy())]
    yield "exp, log and kin (torch)", lambda: [x.exp(), x.abs().log(), x.sigmoid(), x.tanh(), x.sin(), x.abs().rsqrt()]
    yield "softmax", lambda: [x.softmax(1), x.log_softmax(1), F.cross_entropy(x, torch.arange(64))]
    yield "sums (torch)", lambda: [deep.sum(), deep.sum(2), deep.mean((0, 2)), deep.var((0, 2)), x.norm(dim=1)]
    yield (
        "Fourier transforms (torch)",
        lambda: [
            torch.fft.rfft(deep, n=1_024),
            torch.fft.irfft(torch.fft.rfft(wave)),
            torch.fft.rfft(deep),
        ],
    )
    yield "products (torch)", lambda: [*slopes(F.linear, wide, rand(64, 1_582)), wide @ wide[0]]
    yield (
        "products (elor.matrix_products)",
        lambda: [
            matrix_products.bmm(rand(6, 16, 300), rand(6, 40, 300).mT),
            matrix_products.bmm(rand(6, 1, 30), rand(6, 30, 1)),
            matrix_products.bmm(complex_of(33, 12, 16), complex_of(33, 16, 64)),
            matrix_products.bmm(complex_of(33, 12, 64), complex_of(33, 16, 64).mT),
        ],
    )
    yield "convolution of one channel", lambda: slopes(lambda a, b: F.conv1d(a, b, stride=8), wave, rand(16, 1, 96))
    yield "convolution of channels", lambda: slopes(F.conv1d, deep, rand(24, 16, 12))
    yield (
        "pooling and normalisation",
        lambda: slopes(lambda a: F.max_pool1d(F.batch_norm(a, None, None, training=True), 7), deep),
    )
    yield (
        "block convolution, windows",
        lambda: slopes(lambda w: pooled_convolution(wave, w, 8, (47, 48), 2)[0], rand(16, 1, 96)),
    )
    yield (
        "block convolution, transforms",
        lambda: slopes(lambda a, w: pooled_convolution(a, w, 1, (149, 150), 5)[0], rand(2, 6, 3_000), rand(8, 6, 300)),
    )


def works(folder: Path) -> Iterator[tuple[str, Callable[[], Sequence[object]]]]:
    """What the stages make: sound, features, one small training per network, a map, a prototype."""
    recipe = load_recipe(ROOT / "data" / "demo.yaml")
    speaker = next(iter(recipe.speakers))
    spoken = synthesise(plan_utterance(recipe, speaker, 0.3, -0.4, "one", 1, duration_s=3.0)).samples
    signal = np.resize(spoken, SLICE_SAMPLES)
    yield "sound of the demonstration corpus", lambda: [spoken]
    yield "resampling", lambda: list(to_int16([spoken[:20_000, None] / 2**15], 20_000, _foreign(), "error", "a file"))
    yield "MFCCs", lambda: [mfcc.mfcc(torch.from_numpy(signal[None].copy()))]
    yield "IS10", lambda: [is10.functionals(signal[:16_000])]
    yield (
        "eGeMAPSv02 and ComParE_2016",
        lambda: [is10.functionals(signal[:16_000], name) for name in ("eGeMAPSv02", "ComParE_2016")],
    )
    jobs = {network: _jobs(network, folder) for network in NETWORKS}
    trained: dict[str, Outcome] = {}
    for network in NETWORKS:

        def train(network: str = network) -> list[object]:
            trained[network] = loop.train(jobs[network][0])
            return _left(trained[network])

        yield f"training of {network}", train
    yield (
        "training of ftr, folds together",
        lambda: [
            value for outcome in together.train_together(_jobs("ftr", folder / "together")) for value in _left(outcome)
        ],
    )
    audio = torch.from_numpy(signal[None, None].copy()) / 2**15
    yield (
        "altered training slices",
        lambda: augmented(
            [audio, mfcc.mfcc(torch.from_numpy(signal[None].copy()))], ["audio", "mfcc"], [3], [1.0], "all", 1, 2
        ),
    )
    yield "map", lambda: list(gradient(_network(jobs, trained), audio).values())
    how = Ascent(parametrisation="fourier", mode="level", steps=4, restarts=1)
    yield "prototype", lambda: [prototypes(_network(jobs, trained), [Goal("arousal", 1)], how).signals]


def _foreign() -> AudioInfo:
    """The header of a recording that has to be resampled."""
    return AudioInfo(frames=20_000, rate=22_050, channels=1, subtype="PCM_16")


def _jobs(network: str, folder: Path) -> list[TrainingJob]:
    """The folds of a small experiment."""
    os.environ["ELOR_SCRATCH"] = str(folder / "scratch")
    (folder / "inputs").mkdir(parents=True, exist_ok=True)
    slices = toy.tables(speakers=3, each=5)
    files = toy.write_inputs(folder / "inputs", slices)
    how = toy.TRAIN.model_copy(update={"fast": True})
    task = toy.task(network, files, slices, how=how, epochs=2, patience=2)
    return place(
        [task.job(fold, toy.settings(network, **SETTINGS[network])) for fold in task.fold_names()], Engine("cpu")
    )


def _left(outcome: Outcome) -> list[object]:
    """All numbers of a training."""
    return [*outcome.tensors.values(), *outcome.predictions.values(), outcome.history, outcome.audit, outcome.kept]


def _network(jobs: dict[str, list[TrainingJob]], trained: dict[str, Outcome]) -> MultiHeadNetwork:
    """The trained network that hears sound."""
    network = MultiHeadNetwork(jobs["elor"][0].architecture)
    network.load_state_dict(trained["elor"].tensors)
    return network.eval()


def measure(only: Collection[str] = ()) -> Iterator[tuple[str, str, str]]:
    """Kind, name and digest of everything, one after the other; or `only` of these works.

    Of operations there is no choice: each goes on with the random numbers of those before it. A map and a prototype
    need the training of elor.
    """
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="elor-") as folder:
        kinds = (() if only else (("operation", operations()),)) + (("work", works(Path(folder))),)
        for kind, found in kinds:
            for name, make in found:
                if not only or name in only:
                    yield kind, name, digest(list(make()))


def main(arguments: Sequence[str]) -> None:
    """Print the digests; keep them if asked to."""
    found: dict[str, dict[str, str]] = {"operation": {}, "work": {}}
    only = arguments[1:] if arguments[:1] == ["--only"] else []
    for kind, name, value in measure(only):
        found[kind][name] = value
        print(f"{kind:10} {name:36} {value}", flush=True)
    if arguments and not only:
        how, processor = arguments
        kept = json.loads(KEPT.read_text()) if KEPT.is_file() else {}
        if how == "--renew":
            kept = {name: {"operation": old["operation"]} for name, old in kept.items()}
        KEPT.write_text(json.dumps(kept | {processor: found}, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
