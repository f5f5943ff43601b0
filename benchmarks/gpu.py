"""Everything about a GPU in nine minutes: is it right, how fast is it, what would the paper's experiment take.

`python -m benchmarks.gpu --out FOLDER` on a machine with PyTorch, torchaudio, numpy, pandas, scipy, scikit-learn and
pytest. What else is imported is small and can be carried along: pydantic, ruamel.yaml, hyperopt, safetensors, tqdm,
soundfile, soxr. Every part is a process with a time of its own, after which it and all that it has started are killed;
its results are written as soon as it ends: FOLDER/gpu.json. Here, `python -m benchmarks.gpu --tables FOLDER/gpu.json`
keeps them and writes their tables.

`--small` does the same with toys, on the CPU too: a rehearsal.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path
from typing import Any

import torch

from benchmarks import gpuparts, gpuwork
from benchmarks.gpuparts import Setup
from benchmarks.measure import ROOT, machine
from elor.device import configure, local
from elor.errors import UserError
from elor.files import write_json
from elor.params import load
from elor.report.text import Block, Format, Notes, Table, number, render

MINUTES = 9.0

DIGITS = 12
"""Decimals in gpu.json: errors of a millionth count."""

NOT_DONE = ("error", "skipped", "cut")
"""Keys of a part's results that say why it has none, or not all."""

GRACE_S = 8.0
"""Seconds between the end of a part's time, which it watches itself, and its being killed."""


@dataclass(frozen=True)
class Part:
    """One part: what does it, and the seconds that it may take."""

    do: Callable[[Setup], dict[str, Any]]
    seconds: float


PARTS = {
    "ceilings": Part(gpuparts.ceilings, 20),
    "tests": Part(gpuparts.tests, 150),
    "equality": Part(gpuparts.equality, 40),
    "steps": Part(gpuparts.steps, 110),
    "kernels": Part(gpuparts.kernels, 20),
    "layers": Part(gpuparts.layers, 30),
    "packing": Part(gpuwork.packing, 60),
    "drawn": Part(gpuwork.drawn, 50),
    "resume": Part(gpuwork.resume, 45),
    "saliency": Part(gpuwork.saliency, 30),
    "compile": Part(gpuparts.compiled, 60),
}
"""In the order of their worth, should the time run out. The projection is computed from them, and takes none."""


def measure(out: Path, device: str, minutes: float, small: bool, only: Sequence[str]) -> dict[str, Any]:
    """Run the parts, each guarded; write `gpu.json` into a folder after every one.

    Returns:
        The record: per part its results, or `error` with the last lines of what went wrong, or `skipped`.
    """
    started, on = time.monotonic(), machine()
    name = f"no GPU ({device})"
    if device.startswith("cuda"):
        versions = f"CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"
        name = f"{torch.cuda.get_device_name(device)} ({versions})"
    found: dict[str, Any] = {"gpu": name, "small": small}
    record = {"benchmark": "gpu", "machine": on, "seconds": 0.0, "measured": found}
    _fork(int).join()  # no part waits for the imports
    with tempfile.TemporaryDirectory(prefix="elor-") as folder:
        for part in only or PARTS:
            seconds = min(PARTS[part].seconds, started + 60 * minutes - GRACE_S - time.monotonic())
            setup = Setup(device, small, Path(folder), load(ROOT / "params.yaml"), time.monotonic() + seconds)
            found[part] = apart(PARTS[part].do, setup)
            found["projection"] = attempt(lambda setup: gpuwork.projected(found, setup), setup)
            record["seconds"] = time.monotonic() - started
            on["load_average_after"] = [round(value, 2) for value in os.getloadavg()]
            write_json(out / "gpu.json", record, digits=DIGITS)
            print(f"{part}: {next((found[part][how] for how in NOT_DONE if how in found[part]), 'done')}", flush=True)
    return record


def apart(do: Callable[[Setup], dict[str, Any]], setup: Setup) -> dict[str, Any]:
    """Attempt a part in a process group of its own, so that neither what hangs nor a spoiled CUDA context outlives it.

    Nothing goes through a pipe: one that a forgotten child holds open never ends, and this would wait for it.
    """
    seconds = setup.left()
    if seconds < 1:
        return {"skipped": "no time was left"}
    setup.answer.unlink(missing_ok=True)
    process = _fork(_alone, do, setup)
    try:
        ended = connection.wait([process.sentinel], seconds + GRACE_S)
        if setup.answer.exists():
            return json.loads(setup.answer.read_text())
        if not ended:
            return {"error": f"given up after {seconds + GRACE_S:.0f} s"}
        process.join()
        return {"error": f"it died, code {process.exitcode}"}
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()  # should it have had no group yet
        process.join()


def _fork(target: Callable[..., object], *given: object) -> multiprocessing.process.BaseProcess:
    """Start a process from a server that has imported everything, once, and woken no GPU."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.gpuparts", "benchmarks.gpuwork"])
    process = context.Process(target=target, args=given)
    process.start()
    return process


def _alone(do: Callable[[Setup], dict[str, Any]], setup: Setup) -> None:
    """Leave the answer in a file, and wait for no thread or process that the part may have left."""
    os.setsid()
    torch.set_num_threads(1)  # as in a worker
    write_json(setup.answer, attempt(do, setup), digits=None)
    os._exit(0)


def attempt(do: Callable[[Setup], dict[str, Any]], setup: Setup) -> dict[str, Any]:
    """Do a part; whatever goes wrong in it is part of the results."""
    began = time.monotonic()
    configure()
    try:
        return do(setup) | {"seconds": time.monotonic() - began}
    except Exception as error:
        trace = traceback.format_exc().splitlines()[-6:]
        return {
            "error": f"{type(error).__name__}: {error}"[:500],
            "trace": [line.replace(str(ROOT), "") for line in trace],
        }


def tables(measured: dict[str, Any]) -> list[Block]:
    """What was measured, part by part; what went wrong is said last."""
    blocks: list[Block] = []
    for name, write in (("ceilings", _ceilings), ("equality", _equality), ("steps", _steps), ("layers", _layers),
                        ("kernels", _kernels), ("packing", _packing), ("projection", _projection)):  # fmt: skip
        part = {key: value for key, value in measured.get(name, {}).items() if key not in ("seconds", "skipped", "cut")}
        if part and "error" not in part:
            blocks.append(write(part))
    said = [f"{name}: {text}" for name, part in measured.items() if isinstance(part, dict) and (text := _said(part))]
    if measured.get("small"):
        said.insert(0, "a rehearsal with toys: no figure here says anything about a card")
    return [*blocks, Notes("What else was found", tuple(said))] if said else blocks


def _said(part: dict[str, Any]) -> str:
    """A part in words, where it has no table, or failed."""
    if text := next((part[how] for how in NOT_DONE if how in part), ""):
        return text
    if "passed" in part:
        failed = f", failed: {', '.join(part['failed'])}" if part["failed"] else ""
        return f"{part['passed']} passed, {part['skipped_tests']} skipped{failed}"
    if "same" in part:
        return (
            f"a training killed after its first epoch ended {'with the same' if part['same'] else 'with OTHER'} numbers"
        )
    if "slice_seconds" in part:
        return f"{part['slice_seconds']:.2f} s per slice of all maps and controls, one job alone"
    if "launched" in part:
        return "the longest kernels of a step: " + "; ".join(
            f"{network}: " + ", ".join(f"{one['name']} {one['ms']:.2f} ms" for one in row["top"][:3])
            for network, row in part["launched"].items()
        )
    return ""


def _ceilings(part: dict[str, Any]) -> Table:
    rows = tuple((name.replace("_", " "), number(value, 1)) for name, value in part.items())
    return Table("The card's own ceilings: products in TFLOP/s, a copy in TB/s, a launch in microseconds",
                 ("what", "measured"), (rows,))  # fmt: skip


def _equality(part: dict[str, Any]) -> Table:
    rows = tuple((name, f"{value['loss']:.1e}", f"{value['gradient']:.1e}") for name, value in part["ways"].items())
    caption = "One step of the paper-size network against float64 on the CPU: largest relative error"
    return Table(caption, ("way", "loss", "gradients"), (rows,))


def _steps(part: dict[str, Any]) -> Table:
    rows = [
        (case["network"], case["size"], str(case["batch"]), name, number(1e3 * way["step"], 2),
         number(way["gflops"] / 1e3, 1), number(way["memory_gb"], 1))
        for case in part["cases"] for name, way in case["ways"].items() if "step" in way
    ]  # fmt: skip
    header = ("network", "size", "batch", "way", "step, ms", "TFLOP/s", "GB")
    return Table("A training step, dense-equivalent operations over its time", header, (tuple(rows),), labels=4)


def _layers(part: dict[str, Any]) -> Table:
    rows = tuple(
        (row["layer"], *(number(taken.get(way) and 1e3 * taken[way], 2) for way in gpuparts.WAYS), *_choices(row))
        for row in part["layers"]
        for taken in [row["seconds"]]
    )
    header = ("layer", *(f"{way}, ms" for way in gpuparts.WAYS), "chosen", "fastest")
    return Table("One layer with batch normalisation and pooling, both passes", header, (rows,))


def _choices(row: dict[str, Any]) -> tuple[str, str]:
    return row["chosen"], row["fastest"]


def _kernels(part: dict[str, Any]) -> Table:
    rows = tuple(
        (network, str(row["launches"]), number(1e3 * row["launching"], 2), number(1e3 * row["step"], 2),
         number(row["launching"] / row["step"], 2))
        for network, row in part["launched"].items()
    )  # fmt: skip
    caption = (
        "Kernels of a step, and the time of as many launches that do nothing: the most that a CUDA graph could save"
    )
    return Table(caption, ("network", "kernels", "launches, ms", "step, ms", "share"), (rows,))


def _packing(part: dict[str, Any]) -> Table:
    rows = tuple(
        (network, str(count), number(rate, 1))
        for network, rates in part["rates"].items()
        for count, rate in rates.items()
    )
    return Table("Steps per second in all, of jobs that share the card", ("network", "jobs", "steps/s"), (rows,))


def _projection(part: dict[str, Any]) -> Table:
    rows = [
        (row["network"], number(row["drawn"], 2), number(row["packed"], 2), number(row["hours"]["search"], 1),
         number(row["hours"]["folds"], 1), number(row["share"], 2), number(row["likely"], 1))
        for row in part["networks"]
    ]  # fmt: skip
    total = ("all", "", "", "", "", "", number(sum(row["likely"] for row in part["networks"]), 1))
    header = ("network", "drawn shape / default", "gain by sharing", "search", "ten folds", "epochs used", "hours")
    return Table("The paper's whole experiment on this card, hours", header, (tuple(rows), (total,)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, or keep what was measured elsewhere and write its tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("gpu"), help="folder for gpu.json")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, or cpu for a rehearsal")
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--small", action="store_true", help="toys instead of networks of paper size")
    parser.add_argument("--only", nargs="*", default=(), choices=list(PARTS), help="some of the parts")
    parser.add_argument("--tables", type=Path, help="keep these results and write their tables; measure nothing")
    parser.add_argument("--estimate", action="store_true", help="print what an H200 should take by its data sheet")
    given = parser.parse_args(arguments)
    if given.estimate:
        setup = Setup("cpu", False, Path(), load(ROOT / "params.yaml"), 0.0)
        print(render([_projection(gpuwork.projected(gpuwork.estimated(setup), setup))], Format.markdown))
        return
    if given.tables:
        from benchmarks.publish import RESULTS, republish

        record = json.loads(given.tables.read_text())
        write_json(RESULTS / "gpu.json", record, digits=DIGITS)
        republish(RESULTS / "gpu.json", tables)
        return
    try:
        device = str(local(given.device, "--device"))
    except UserError as error:
        sys.exit(str(error))
    given.out.mkdir(parents=True, exist_ok=True)
    measure(given.out, device, given.minutes, given.small, given.only)


if __name__ == "__main__":
    main()
