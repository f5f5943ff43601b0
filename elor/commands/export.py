"""`elor export`: the trained networks as files that stand alone."""

from __future__ import annotations

import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elor.errors import UserError
from elor.params import Network, Params, load

if TYPE_CHECKING:
    from elor.networks import MultiHeadNetwork
    from elor.report.card import File
    from elor.report.results import Results

DECIDING = ("torch", "numpy")
"""Packages whose versions the card names; the others stand in requirements.lock."""


def export(
    network: Annotated[Network, typer.Argument(help="Which network.")] = "elor",
    fold: Annotated[
        str | None, typer.Option(help="Only the network of this fold; without it all, in one file.", show_default=False)
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the files.")] = Path("data/export"),
    onnx: Annotated[bool, typer.Option(help="Write ONNX as well.")] = True,
    model: Annotated[Path, typer.Option(help="Trained networks: a run's data/models.")] = Path("data/models"),
    metrics: Annotated[
        Path | None, typer.Option(help="The folder that dvc repro wrote.", show_default="metrics above --model")
    ] = None,
    params: Annotated[
        Path | None, typer.Option(help="The parameters of the run.", show_default="params.yaml beside the metrics")
    ] = None,
) -> None:
    """Write a network of this workspace as safetensors and ONNX, with a card that says what it can and cannot do.

    The files are called after the network, and its fold if one is given. Both
    formats hold every fold's network; `elor predict --model` reads either.
    The card takes its scores from the metrics of this run.

    ONNX needs three more packages: python -m pip install 'elor\\[onnx]'.

    Examples:

    \b
        elor export
        elor export ftr --no-onnx
        elor export elor --fold Ses03F -o models
    """
    from elor.files import write_text
    from elor.inference import load_networks
    from elor.onnx_model import need, write_onnx
    from elor.provenance import Provenance
    from elor.report.card import Model, card, results_of
    from elor.report.results import Results
    from elor.safetensors_model import write_weights

    if onnx:
        need()
    networks = load_networks(model, network, fold)
    metrics, params = _run(model, metrics, params)
    run = load(params)
    results = results_of(Results.read(metrics), next(iter(networks.values())).architecture)
    name = network if fold is None else f"{network}-{fold.replace('/', '-')}"  # one of several networks of a fold
    weights, graph, text = (output / f"{name}.{suffix}" for suffix in ("safetensors", "onnx", "md"))
    about = Provenance.of_files(params, metrics, network)
    write_weights(networks, weights, about)
    files = [_file(weights, f"weights, {_size(networks)} numbers")]
    if onnx:
        written = write_onnx(networks, graph, about)
        close = f"equal to torch's within {written.difference:.0e}"
        files.append(_file(graph, f"graph, ONNX opset {written.opset}; logits {close}"))
    model = Model(
        architectures={fold: found.architecture for fold, found in networks.items()},
        files=tuple(files),
        corpus=_corpus(run, results),
        shareable=run.corpus.all_shareable,
        made_by=_versions(params.parent),
    )
    write_text(text, card(model, results))
    for path in (weights, *([graph] if onnx else []), text):
        typer.echo(path)


def _run(model: Path, metrics: Path | None, params: Path | None) -> tuple[Path, Path]:
    """The metrics and parameters of the run that trained the networks; what is not given lies beside the other.

    Raises:
        UserError: if neither is given, and no folder above the networks has metrics.
    """
    from elor.provenance import project_of

    given = metrics or params
    project = project_of(model) if given is None else given.resolve().parent
    if project is None:
        raise UserError(
            f"No run lies around {model}, whose scores a card could tell; give --metrics of the run that trained these "
            "networks."
        )
    return metrics or project / "metrics", params or project / "params.yaml"


def _file(path: Path, holds: str) -> File:
    from elor.files import file_digest
    from elor.report.card import File

    return File(path.name, path.stat().st_size, file_digest(path), holds)


def _size(networks: dict[str, MultiHeadNetwork]) -> str:
    """How many numbers the networks have learnt, in all."""
    return f"{sum(value.numel() for network in networks.values() for value in network.parameters()):,}"


def _corpus(params: Params, results: Results) -> str:
    """`demo`, `iemocap` or `manifest`: the demonstration corpus is released in IEMOCAP's layout, and is none."""
    return "demo" if params.corpus.all_invented else str(results.corpus["source"])


def _versions(project: Path) -> str:
    """The versions of this package, of what decides numbers, and of the project's files if git knows them."""
    packages = ", ".join(f"{name} {version(name)}" for name in DECIDING)
    try:
        shown = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=project, capture_output=True, text=True)
    except FileNotFoundError:  # no git
        shown = None
    commit = f", commit {shown.stdout.strip()}" if shown and shown.returncode == 0 else ""
    return f"elor {version('elor')}{commit}, with {packages}"
