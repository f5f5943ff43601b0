"""The parts of `benchmarks.gpu` that are whole pieces of work: sharing, drawn shapes, a kill, a fold's saliency."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import islice
from typing import Any

import numpy as np
import torch

from benchmarks import projection
from benchmarks.gpuparts import Setup, variant
from benchmarks.measure import ROOT
from benchmarks.toy import our_step
from elor.device import settle
from elor.fastconv import cost_model
from elor.fastconv.layer import same_padding
from elor.networks import INPUTS, SHAPES
from elor.params import Settings
from elor.registry import WORDLESS
from elor.training.job import TrainingJob
from elor.training.loop import Trainer, train
from elor.training.resume import epochs_done

COUNTS = {"lom": (1, 2, 4, 8), "ftr": (1, 2, 4, 8), "elor": (1, 2)}
"""How many jobs share the card, by network."""


def packing(setup: Setup) -> dict[str, Any]:
    """Steps per second in all, of one, two, .. processes that train at the same time."""
    counts = {"ftr": (1, 2)} if setup.small else COUNTS
    rounds = [(network, count) for network, numbers in counts.items() for count in numbers]
    most, context = max(max(numbers) for numbers in counts.values()), multiprocessing.get_context("spawn")
    barrier, queue = context.Barrier(most), context.Queue()
    workers = [
        context.Process(target=_share, args=(index, rounds, setup, barrier, queue), daemon=True)
        for index in range(most)
    ]
    for worker in workers:
        worker.start()
    rates: dict[str, dict[str, float]] = {network: {} for network in counts}
    try:
        for network, count in rounds:
            done = [queue.get(timeout=max(1.0, setup.left())) for _ in range(count)]
            rates[network][str(count)] = sum(done)
            setup.keep({"rates": rates})
    finally:
        for worker in workers:
            worker.terminate()
    return {"rates": rates}


def _share(index: int, rounds: list[tuple[str, int]], setup: Setup, barrier: Any, queue: Any) -> None:
    """One of the processes that share the card: it steps in the rounds that it is part of."""
    torch.set_num_threads(1)
    trainers = {network: Trainer(setup.job(network)) for network in dict.fromkeys(network for network, _ in rounds)}
    for network, count in rounds:
        step, device = our_step(trainers[network]), torch.device(setup.device)
        if index < count:
            step()
            settle(device)
        barrier.wait(120)
        if index < count:
            began, steps = time.perf_counter(), 0
            while time.perf_counter() - began < (0.1 if setup.small else 2.0):
                step()
                settle(device)
                steps += 1
            queue.put(steps / (time.perf_counter() - began))
        barrier.wait(120)


def drawn(setup: Setup) -> dict[str, Any]:
    """The step of shapes that the paper profile's search really draws, beside the default's."""
    found: dict[str, list[dict[str, Any]]] = {}
    for network in ("ftr",) if setup.small else ("elor", "lom", "ftr"):
        rows, reserve = found.setdefault(network, []), 0.0 if network == "ftr" else setup.left() / 2
        for settings in islice(_draws(network, setup), 2 if setup.small else 12):
            if setup.left() < reserve:
                break
            try:
                rows.append(settings.given() | variant(setup, network, settings))
            except Exception as error:
                rows.append(settings.given() | {"error": f"{type(error).__name__}: {error}"[:200]})
            setup.keep({"networks": found})
    return {"networks": found}


def _draws(network: str, setup: Setup) -> Iterator[Settings]:
    """Values as the paper profile's search draws them at random, always the same ones."""
    from hyperopt.pyll.stochastic import sample

    from elor.training.tpe import dimensions, settings_at

    scale, base, random = setup.params.scales["paper"], setup.settings(network), np.random.default_rng(0)
    searched = dimensions(base, Settings(), scale.space | scale.networks[network].space)
    while True:
        yield settings_at({one.label: float(sample(one.expression, rng=random)) for one in searched}, base, searched)


KERNELS = {"lom": 250, "ftr": 107}
"""Kernels that a step of the small networks launches, counted on a stub of the driver."""

LAUNCH_S, BYTES_S, PASSES, GAIN = 1e-5, 4.8e12, 5, 4.0
"""What `estimated` supposes: seconds of a launch from Python; an H200's bandwidth, and how often a step passes over a
layer's output beside convolving; how much more eight small trainings do than one."""


def estimated(setup: Setup, shapes: int = 200) -> dict[str, Any]:
    """What `projected` takes, of an H200 that nobody has measured: by the costs of `elor.fastconv.cost_model`."""
    steps = {network: _estimate(network, setup.settings(network)) for network in WORDLESS}
    ways = {network: {"blocks, chosen": {"step": step, "predict": step / 6}} for network, step in steps.items()}
    drawn = {
        network: [
            {"batch": one.batch, "step": _estimate(network, one)} for one in islice(_draws(network, setup), shapes)
        ]
        for network in ("elor", "lom")
    }
    return {
        "steps": {"cases": [{"network": name, "size": "paper", "ways": way} for name, way in ways.items()]},
        "drawn": {"networks": drawn},
        "packing": {"rates": {network: {"1": 1.0, "8": GAIN} for network in KERNELS}},
    }


def _estimate(network: str, settings: Settings) -> float:
    """Seconds of a step, both heads' updates: its convolutions and the passes over their outputs, or its launches."""
    channels, samples = SHAPES[INPUTS[network][0]] if settings.filters else (0, 0)
    batch, seconds = settings.batch or 1, 0.0
    for filters, length, pool in zip(settings.filters or (), settings.lengths or (), settings.pools or (), strict=True):
        signal = torch.empty(batch, channels, samples, device="meta")
        weight = torch.empty(filters, channels, length, device="meta")
        frames = cost_model.frames(signal, weight, 1, same_padding(length))
        direct = 6 * cost_model.costs_of(signal.device).direct * batch * weight.numel() * samples
        seconds += 1e-9 * (direct if frames is None else cost_model.cost(frames, batch, weight))
        seconds += PASSES * 4 * batch * filters * samples / BYTES_S
        channels, samples = filters, samples // pool
    return max(2 * seconds, LAUNCH_S * KERNELS.get(network, 0))


def resume(setup: Setup) -> dict[str, Any]:
    """A training of the paper-size network, killed after its first epoch and resumed, against an undisturbed one."""
    slices, digests = 12 if setup.small else 96, []
    whole, killed = (replace(setup.job("elor", slices=slices, epochs=3, patience=3), fold="none") for _ in range(2))
    killed = replace(killed, files=whole.files)
    whole, killed = (replace(job, validation=job.train[:4], test=job.train[4:8]) for job in (whole, killed))
    context = multiprocessing.get_context("spawn")
    victim = context.Process(target=_train_alone, args=(killed,), daemon=True)
    victim.start()
    while epochs_done(killed.scratch) < 1 and victim.is_alive() and setup.left() > 5:
        time.sleep(0.02)
    alive = victim.is_alive()
    os.kill(victim.pid, signal.SIGKILL)
    victim.join()
    done = epochs_done(killed.scratch)
    for job in (killed, whole):
        outcome = train(job)
        digests.append([value.numpy().tobytes() for value in outcome.tensors.values()])
    return {"killed": alive, "epochs_before": done, "same": digests[0] == digests[1]}


def _train_alone(job: TrainingJob) -> None:
    torch.set_num_threads(1)
    train(job)


def saliency(setup: Setup) -> dict[str, Any]:
    """The whole saliency analysis of a few slices of a fold, by a paper-size network with random weights."""
    from elor.explain.saliency.job import EXEMPLARY, OWN, SaliencyJob
    from elor.explain.saliency.measure import measure
    from elor.training import weights_file

    job = setup.job("elor", slices=8)
    trainer, path = Trainer(job), setup.folder / "a.safetensors"
    notes = {"fold": "a", "architecture": asdict(job.architecture), "epoch": 1}
    weights_file.save(path, {name: value.cpu() for name, value in trainer.network.state_dict().items()}, notes)
    rows = np.arange(2 if setup.small else 8)
    asked = SaliencyJob(
        fold="a", networks={OWN: path, EXEMPLARY: path}, files=job.files, rows=rows,
        supports=np.full(len(rows), 96_000), others=rows[::-1].copy(), sample=rows[:1], shown=rows[:0],
        seeds=(0,), steps=8 if setup.small else 64, most=8 if setup.small else 64, seed=0, device=setup.device,
    )  # fmt: skip
    began = time.monotonic()
    found = measure(asked)
    return {
        "slices": len(rows),
        "correlations": len(found.correlations),
        "slice_seconds": (time.monotonic() - began) / len(rows),
    }


def projected(found: dict[str, Any], setup: Setup) -> dict[str, Any]:
    """Hours of the paper's whole experiment on one such card, from the measured steps, draws and sharing.

    Returns:
        Per network the mean step of drawn shapes over the default's (`drawn`), the gain by sharing the card (`packed`),
        hours at all epochs, the share of epochs that trainings use, and the hours that follow (`likely`).
    """
    ways = {
        case["network"]: case["ways"] for case in found.get("steps", {}).get("cases", ()) if case["size"] == "paper"
    }
    rows = []
    for network in WORDLESS:
        own = next(
            (ways[network][way] for way in ("blocks, chosen", "plain") if "step" in ways.get(network, {}).get(way, {})),
            None,
        )
        if own is None:
            continue
        batch = setup.settings(network).batch
        case = {
            "network": network,
            "size": "paper",
            "slice_seconds": {name: own[name] / batch for name in ("step", "predict")},
        }
        row = projection.project([case], setup.params, 1, ROOT / "plots" / "data" / "curves")["networks"][0]
        shapes = [one for one in found.get("drawn", {}).get("networks", {}).get(network, ()) if "step" in one]
        per_slice = [one["step"] / one["batch"] * batch / own["step"] for one in shapes]
        rates = found.get("packing", {}).get("rates", {}).get(network, {})
        row["drawn"] = float(np.mean(per_slice)) if per_slice else 1.0
        row["packed"] = max(rates.values()) / rates["1"] if "1" in rates else 1.0
        row["hours"]["search"] *= row["drawn"] / row["packed"]
        row["hours"]["folds"] /= row["packed"]
        row["likely"] = sum(row["hours"].values()) * (row["share"] or 1.0)
        rows.append(row | {"audio": "audio" in INPUTS[network]})
    return {"networks": rows} if rows else {"skipped": "no step was measured"}
