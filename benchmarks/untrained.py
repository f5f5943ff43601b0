"""What maps of networks that have learned nothing look like: the paper's two statistics, over shapes and seeds.

It reads the demonstration run's slices and metrics, which `dvc repro` leaves in a workspace. What was measured before
this project (on synthetic speech, in `explain.md` of its specification) stands beside what its own networks show.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer

from benchmarks.measure import ROOT
from benchmarks.publish import command, publish
from elor.errors import UserError
from elor.evidence.model import read
from elor.evidence.prototypes import Prototypes
from elor.evidence.saliency import Saliency
from elor.explain.controls import untrained
from elor.explain.correlation import View
from elor.explain.guided import guided_and_plain
from elor.explain.model import targets_of
from elor.networks import MultiHeadNetwork
from elor.params import load
from elor.progress import Progress
from elor.report.text import Block, Table, number
from elor.tables import read_table
from elor.targets import Target
from elor.training.task import architecture

SEEDS = 3
WIDTHS = (8, 16)
"""Filters per layer of the paper's shape made narrower, beside its own and the demonstration's."""

PAIRS = ("arousal~input", "valence~input", "arousal~valence")
METHODS = ("guided", "gradient")
PAPER = (0.50, 0.53, 0.96)

Rows = dict[str, dict[str, list[float]]]


def measure(workspace: Path = Path(), seeds: int = SEEDS) -> dict[str, Any]:
    """Explain one slice of every speaker by untrained networks of several shapes.

    Args:
        workspace: a folder with the data and metrics of a finished run.
        seeds: networks per shape.

    Returns:
        `shapes`, by name and method the mean of each pair's r (`padded`, as the paper has it), of |map| in the padding
        and of what padding adds to r(|S|, |x|); `trained`, the same of the run's own networks; `signs`, of the trend of
        the arousal prototypes' centroid by parametrisation; `swap`, the r of two classes of one head.

    Raises:
        UserError: if the workspace holds no finished run.
    """
    run = _of_the_run(workspace)
    try:
        slices = read_table(workspace / "data" / "slices.csv")
        sound = np.load(workspace / "data" / "slices.npy", mmap_mode="r")
    except FileNotFoundError as missing:
        raise UserError(f"{workspace} holds no {missing.filename}; run dvc repro first.") from None
    first = slices.reset_index().groupby("speaker")["index"].first().to_numpy()
    audio = torch.from_numpy(sound[np.sort(first)].astype(np.float32) / 32_768)[:, None]
    supports = slices["samples"].to_numpy()[np.sort(first)].tolist()
    shapes = _shapes()
    with Progress("untrained networks", len(shapes) * seeds, "network") as progress:
        found = {}
        for name, shape in shapes.items():
            rows: Rows = {method: {} for method in METHODS}
            for seed in range(seeds):
                network = untrained(lambda shape=shape: MultiHeadNetwork(shape), seed)
                _explain(network, audio, supports, rows)
                progress.advance(1)
            found[name] = {method: {key: float(np.nanmean(v)) for key, v in by.items()} for method, by in rows.items()}
    return {"seeds": seeds, "slices": len(audio), "shapes": found} | run


def _shapes() -> dict[str, Any]:
    params = load(ROOT / "params.yaml")
    asked = Target("classes", 5).heads
    demo, paper = (
        architecture("elor", asked, params.scales[size].networks["elor"].defaults, params.train.standardize)
        for size in ("demo", "paper")
    )
    named = {f"paper's shape, {width} filters": replace(paper, filters=(width,) * 3) for width in WIDTHS}
    width = "-".join(map(str, demo.filters))
    return {f"demo, {width} filters": demo} | named | {f"paper's, {paper.filters[0]} filters": paper}


def _explain(network: MultiHeadNetwork, audio: torch.Tensor, supports: list[int], rows: Rows) -> None:
    """Append every slice's numbers."""
    for signal, support in zip(audio, supports, strict=True):
        _, maps = guided_and_plain(network, signal[None], lambda logits: [targets_of(logits, None)])
        wave = View(signal[0].numpy(), support)
        for method, (by_head,) in maps.items():
            views = {head: View(values[0].numpy(), support) for head, values in by_head.items()}
            r = {f"{head}~input": view.r(wave) for head, view in views.items()}
            r |= {"arousal~valence": views["arousal"].r(views["valence"])}
            found = {pair: values["padded"] for pair, values in r.items()}
            found["padding"] = float(np.mean([view.beyond for view in views.values()]))
            inputs = [values for pair, values in r.items() if pair.endswith("~input")]
            if support < signal.shape[-1]:
                found["inflation"] = float(np.mean([v["padded magnitude"] - v["magnitude"] for v in inputs]))
            for key, value in found.items():
                rows[method].setdefault(key, []).append(value)


def _of_the_run(workspace: Path) -> dict[str, Any]:
    """The run's trained networks: each fold's on its test slices."""
    saliency = read(Saliency, workspace / "metrics" / "saliency.json").tree().get("own", {})
    trends = read(Prototypes, workspace / "metrics" / "prototypes.json").tree().get("trends", {})
    trained = {m: {pair: saliency[m][pair]["as_the_paper"] for pair in PAIRS} for m in METHODS if m in saliency}
    for method in trained:
        inputs = [saliency[method][pair] for pair in PAIRS[:2]]
        shares = [entry["padding"]["trained"] for entry in inputs if entry["padding"]]
        trained[method]["padding"] = float(np.mean(shares)) if shares else None
    swap = saliency.get("guided", {}).get("arousal~valence", {}).get("controls", {}).get("class swap", {})
    centroid = trends.get("arousal", {}).get("centroid_hz", {}).get("monotone", {})
    return {
        "trained": trained,
        "swap": swap.get("readings", {}).get("signed", {}).get("r"),
        "signs": {name: one["statistic"] for by in ("per", "beside") for name, one in centroid.get(by, {}).items()},
    }


def tables(measured: dict[str, Any]) -> list[Block]:
    """The statistics by shape, and what was said before beside what is found here."""
    header = ("networks", "method", "arousal map, input", "valence map, input", "the two maps", "|map| in the padding")
    lines = [
        (f"untrained, {name}", method, *(number(by[method][pair], 2) for pair in PAIRS), _share(by[method]["padding"]))
        for name, by in measured["shapes"].items()
        for method in METHODS
    ]
    own = [
        ("trained, the demonstration", method, *(number(by[pair], 2) for pair in PAIRS), _share(by["padding"]))
        for method, by in measured["trained"].items()
    ]
    paper = ("trained, the paper", "guided", *(number(value, 2) for value in PAPER), "-")
    caption = f"r by guided backpropagation and by the gradient, one slice of each of {measured['slices']} speakers"
    said = ("what was measured before, on synthetic speech", "there", "here", "")
    return [
        Table(f"{caption}, {measured['seeds']} seeds", header, (tuple(lines), (*own, paper)), labels=2),
        Table("Said before, and found here", said, (tuple(_checked(measured)),), labels=1),
    ]


def _checked(measured: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Each statement with its numbers here, and whether they agree."""
    shapes = measured["shapes"]
    guided, plain = ([by[method] for by in shapes.values()] for method in METHODS)
    inputs = [by[pair] for by in guided for pair in PAIRS[:2]]
    between = [by["arousal~valence"] for by in guided]
    widths = [by["guided"]["arousal~valence"] for name, by in shapes.items() if name.startswith("paper's")]
    gradients = [abs(by[pair]) for by in plain for pair in PAIRS]
    trained = measured["trained"].get("guided", {})
    shares, added = ([by[key] for by in guided if key in by] for key in ("padding", "inflation"))
    shares += [trained["padding"]] if trained.get("padding") is not None else []
    rows = [
        ("untrained networks: guided r(map, input)", "0.38 to 0.69", _range(inputs), _overlap(inputs, 0.38, 0.69)),
        ("untrained networks: guided r of two heads", "0.58 to 0.94", _range(between), _overlap(between, 0.58, 0.94)),
        ("it rises with the width", "yes", _range(widths), _agrees(widths == sorted(widths))),
        ("untrained networks: the gradient's |r|", "< 0.08", _range(gradients), _agrees(max(gradients) < 0.08)),
        ("padding's share of a guided map", "0.17 to 0.29", _range(shares), _overlap(shares, 0.17, 0.29)),
        ("what padding adds to r(|S|, |x|)", "0.06 to 0.09", _range(added), _overlap(added, 0.06, 0.09)),
    ]
    if trained and measured["swap"] is not None:
        swap, own = measured["swap"], trained["arousal~valence"]
        found = f"{swap:.2f} and {own:.2f}"
        rows.append(("two classes of one head: r as of two heads", "yes", found, _agrees(swap >= own)))
    if signs := measured["signs"]:
        moves = ", ".join(f"{name} {value:+.3g}" for name, value in signs.items())
        several = len({value > 0 for value in signs.values()}) > 1
        rows.append(("centroid over arousal: sign by parametrisation", "changes", f"{moves} Hz", _agrees(several)))
    return rows


def _range(values: list[float]) -> str:
    return f"{min(values):.2f} to {max(values):.2f}" if values else "-"


def _share(value: float | None) -> str:
    return "-" if value is None or not np.isfinite(value) else f"{value:.0%}"


def _agrees(same: bool) -> str:
    return "confirmed" if same else "not confirmed"


def _overlap(values: list[float], low: float, high: float) -> str:
    """Whether all values lie where they did before, or some do."""
    inside = [low <= value <= high for value in values]
    return "confirmed" if inside and all(inside) else "confirmed in part" if any(inside) else "not confirmed"


def main(
    workspace: Annotated[Path, typer.Option(help="A folder with the data of a finished run.")] = Path(),
    seeds: Annotated[int, typer.Option(min=1, help="Untrained networks per shape.")] = SEEDS,
) -> None:
    """Explain untrained networks; write benchmarks/results/untrained.json and its page's table."""
    publish("untrained", "untrained", lambda: measure(workspace, seeds), tables)


if __name__ == "__main__":
    command(main)
