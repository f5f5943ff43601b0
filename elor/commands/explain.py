"""`elor explain`: what a network rests on in a recording, with every map beside its controls."""

from pathlib import Path
from typing import Annotated

import typer

from elor.commands.predict import Channels
from elor.commands.printing import How, echo, refuse, refuse_idle
from elor.errors import UserError
from elor.report.text import Format


def explain(
    files: Annotated[
        list[Path], typer.Argument(help="Sound files of any rate and number of channels.", readable=False)
    ],
    model: Annotated[
        Path, typer.Option(help="Trained networks: a run's data/models, or a safetensors file of elor export.")
    ] = Path("data/models"),
    factory: Annotated[
        str | None, typer.Option(help="package.module:function that makes a torch network; explained in their place.")
    ] = None,
    weights: Annotated[Path | None, typer.Option(help=".safetensors, or .pt with a state dict.")] = None,
    rate: Annotated[
        int, typer.Option(min=1_000, help="Sampling rate of the network's input, Hz: it hears recordings so.")
    ] = 16_000,
    samples: Annotated[
        int | None, typer.Option(min=1, help="Fixed length of its input, in its samples; else the whole recording.")
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option(help="Head whose outputs are values (arousal, valence), not classes; once per head."),
    ] = None,
    fold: Annotated[str | None, typer.Option(help="Only the network of this fold; else the mean of all.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for numbers, maps and players.")] = Path(
        "explained"
    ),
    stereo: Annotated[Channels, typer.Option(help="What several channels become.")] = "mean",
    most: Annotated[float, typer.Option(min=0.1, help="Longest recording that is taken, s.")] = 60.0,
    twins: Annotated[int, typer.Option(min=2, help="Untrained networks beside every number.")] = 5,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Slow methods beside all controls, alterations, and prototypes, too.")
    ] = False,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Of integrated gradients, to begin with (at most 8 times); 16, or 64 if thorough."),
    ] = None,
    restarts: Annotated[
        int | None, typer.Option(min=0, help="Of each prototype, 0 for none; if thorough 2 of one network, else 0.")
    ] = None,
    ascents: Annotated[int, typer.Option(min=2, help="Steps of each prototype.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 1,
    how: How = Format.terminal,
) -> None:
    """Explain what a network says of recordings: anybody's, or the networks of this workspace.

    Maps by every method of attribution beside untrained twins, the other
    class, another or a shifted waveform; deletion and insertion against random
    and loudest-first order. With --thorough also the slow methods beside
    untrained twins, what would change the answer, dose by dose, and the
    signals that it would answer most gladly. A method that the network does
    not allow is listed with the reason.

    A factory is a function without arguments that returns a torch module from
    (batch, 1, samples) to logits, one tensor or one per head; what is no logit
    but a value is named by --values (`output`, where there is one tensor).
    Called again it makes the untrained twins.

    The folder holds explain.html (all of it on one page that opens from disk),
    explain.json, summary.md, and per recording maps (.npz) and players (.wav):
    the sound, and the sound weighted by occlusion.

    Examples:

    \b
        elor explain turn.wav
        elor explain turn.wav --fold Ses03F --thorough
        elor explain *.wav --factory mynet:build --weights best.safetensors
        elor explain a.wav --factory mynet:build --rate 8000 --samples 32000
    """
    from elor.api.explain import explain_files, foreign_network, own_networks
    from elor.explain.any_network.window import Effort
    from elor.explain.prototypes.ascent import Ascent
    from elor.files import write_text
    from elor.inference import MODELS
    from elor.report.explanation import blocks
    from elor.report.recording import recordings
    from elor.report.text import render
    from elor.shipped import MODEL, at_hand

    if ":" in model.name and not model.exists():
        raise UserError(f"{model} is no file of trained networks; a network of your own is named by --factory.")
    if factory is not None:
        refuse_idle(
            {"--fold": fold is not None, "--model": model != MODELS},
            "the networks of a run, in whose place --factory stands",
        )
        explained = foreign_network(factory, weights, rate, samples, values or (), files)
    elif weights is not None or samples is not None or rate != 16_000 or values:
        raise UserError(
            "--weights, --samples, --rate and --values belong to a network of your own; name it by --factory."
        )
    else:
        explained = own_networks(at_hand(model, MODELS, MODEL), fold)
    if restarts is None:  # the prototypes of a whole run are a stage of the pipeline
        restarts = 2 if thorough and (factory is not None or fold is not None) else 0
    steps = steps or (64 if thorough else 16)
    effort = Effort(twins, steps, 8 * steps, seed, thorough)
    prototypes = Ascent(restarts=restarts, steps=ascents, seed=seed) if restarts else None
    result = explain_files(files, explained, output, effort, most, prototypes, stereo)
    if result["recordings"]:
        write_text(output / "summary.md", render(blocks(result), Format.markdown) + "\n")
        page = output / "explain.html"
        write_text(page, recordings(result, output))
        echo(blocks(result), how, page)
    if result["failed"]:
        refuse(result["failed"], len(files), "explain", "explained")
