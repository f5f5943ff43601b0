"""`elor score`: anybody's predictions by the pipeline's definitions, intervals and tests."""

from pathlib import Path
from typing import Annotated

import typer

from elor.commands.predict import Channels
from elor.commands.printing import AsJson, How, Output, answer, refuse_idle
from elor.commands.results import Detail
from elor.errors import UserError
from elor.params import Protocol
from elor.report.text import Format
from elor.targets import Kind

NETWORK_FILES = (".safetensors", ".onnx")
"""Ends of files that hold networks."""


def score(
    corpus: Annotated[
        Path,
        typer.Option(
            help="An IEMOCAP root, a manifest CSV, a demonstration corpus' recipe, or the folder data/ of a workspace.",
            show_default=False,
        ),
    ],
    predictions: Annotated[
        list[Path] | None, typer.Argument(metavar="[PREDICTIONS.csv]...", help="Several files are compared in pairs.")
    ] = None,
    model: Annotated[
        list[Path] | None,
        typer.Option(help="Trained networks that predict the corpus first: data/models, or a file of elor export."),
    ] = None,
    network: Annotated[
        list[str] | None, typer.Option(help="Which networks of a folder; may be given again.", show_default="elor")
    ] = None,
    fold: Annotated[str | None, typer.Option(help="Only the networks of this fold.", show_default=False)] = None,
    rater: Annotated[
        str | None, typer.Option(help="Whose ratings are the labels; or mean.", show_default="that of data/, else E-2")
    ] = None,
    target: Annotated[
        Kind | None, typer.Option(help="What was predicted.", show_default="that of --model, else classes")
    ] = None,
    head: Annotated[list[str] | None, typer.Option(help="Score this dimension only; may be given again.")] = None,
    classes: Annotated[
        int | None, typer.Option(min=2, help="Classes per dimension.", show_default="those of --model, else 5")
    ] = None,
    low: Annotated[float, typer.Option(help="Lowest rating of the corpus' scale.")] = 1.0,
    high: Annotated[float, typer.Option(help="Highest rating.")] = 5.0,
    minimum_s: Annotated[float, typer.Option(min=0.0, help="Leave out utterances shorter than this (s).")] = 0.0,
    partial: Annotated[bool, typer.Option("--partial", help="Go on without sound files that are missing.")] = False,
    stereo: Annotated[Channels, typer.Option(help="What several channels become for --model.")] = "mean",
    strangers: Annotated[
        bool, typer.Option("--strangers", help="Its speakers are none that --model has heard, whatever their names.")
    ] = False,
    folds: Annotated[Path | None, typer.Option(help="fold, slice, role; without it each speaker is a fold.")] = None,
    hold_out: Annotated[
        str | None,
        typer.Option(help="The column of which --folds hold out values.", show_default="that of data/, else speaker"),
    ] = None,
    protocol: Annotated[Protocol, typer.Option(help="What the folds are checked against.")] = "paper",
    name: Annotated[list[str] | None, typer.Option(help="A name per file; else the file's own.")] = None,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.999, help="Of the intervals.")] = 0.95,
    seed: Annotated[int, typer.Option(min=0, help="Of bootstrap and permutations.")] = 1,
    csv: Annotated[
        Path | None, typer.Option(help="Write what the networks predict, a row per slice.", show_default=False)
    ] = None,
    as_json: AsJson = False,
    output: Output = None,
    detail: Detail = False,
    how: How = Format.terminal,
) -> None:
    """Score predictions, or trained networks, with exactly the definitions, intervals and tests of this pipeline.

    With --model the networks hear the corpus first. A network that has heard
    a speaker in training does not answer for that speaker, and who was heard
    is said. Their target and classes are taken from their file, the classes of
    values from their run or the notes of an export; where these do not tell
    them, that is said too.

    A file of predictions has one row per slice (column slice) or one per
    utterance (column utterance), for every utterance that has the target and
    for no other. Slices are named after their utterance: NAME_0 is its first
    six seconds, NAME_1 the next; a rest of three seconds or less is dropped.
    The other columns, for each of arousal and valence:

    \b
        classes, distribution  arousal             the class, 0 .. 4, and/or
                               arousal_p0 .. _p4   probabilities, sum 1
        regression             arousal_value       on 0 .. 4 (a rating of 1 is 0;
                                                   with --classes 9 on 0 .. 8)
        spread                 the same, and       the raters' standard
                               arousal_deviation   deviation
        emotion                emotion             0 .. 3 for angry, happy or
                                                   excited, sad, neutral, and/or
                               emotion_p0 .. _p3

    More columns do no harm. An incomplete or overlapping file is refused and
    its rows are named. A file on one dimension alone is scored by --head. Two
    files and more are compared in all pairs, Holm over them. With the data/ of
    a workspace, its rater and what its folds hold out are taken; give the
    target and scale of its params.yaml. All of it, with examples and the
    definition of every score, is in docs/scores.md.

    Examples:

    \b
        elor score mine.csv --corpus IEMOCAP_full_release
        elor score mine.csv theirs.csv --corpus IEMOCAP_full_release
        elor score mine.csv --corpus labels.csv --high 7 --classes 7
        elor score mine.csv --corpus IEMOCAP_full_release --head arousal
        elor score data/predictions/ftr.csv --corpus data --folds data/folds.csv
        elor score --model data/models --corpus my/table.csv
        elor score --model elor.onnx --corpus my/table.csv --low 1 --high 7
    """
    from elor.api.score import asked_by, hold_out_of, rater_of
    from elor.api.score import score as scored
    from elor.evaluation.settings import Settings
    from elor.files import plain
    from elor.report.blocks import results as blocks

    predictions, chosen = predictions or [], _models(model or [], network or [])
    if not predictions and not chosen:
        raise UserError("There is nothing to score; give a file of predictions, or trained networks by --model.")
    if csv is not None and len(chosen) != 1:
        raise UserError(f"--csv holds what one network predicts, and {len(chosen)} are given; give one --model.")
    alone = {"--network": bool(network), "--fold": fold is not None, "--strangers": strangers}
    refuse_idle({} if chosen else alone, "--model")
    names = _names([*predictions, *chosen], name or [])
    files = dict(zip(names, predictions, strict=False))
    models = {}
    if chosen:
        from elor.inference import load

        loaded = [load(path, which, fold) for (path, which) in chosen.values()]
        models = dict(zip(names[len(files) :], loaded, strict=True))
    own = asked_by(loaded[0].heads, loaded[0].provenance.classes) if chosen else {}
    asked = {"target": "classes", "classes": 5} | own
    asked |= {key: value for key, value in (("target", target), ("classes", classes)) if value is not None}
    settings = Settings(
        confidence=confidence,
        seed=seed,
        rater=rater or rater_of(corpus) or "E-2",
        protocol=protocol,
        hold_out=hold_out or hold_out_of(corpus),
        scale=(low, high),
        **asked,
    )
    found = scored(files, corpus, folds, minimum_s, partial, settings, head or (), models, stereo, csv, strangers)
    answer(plain(vars(found), digits=4), blocks(found, detail), how, as_json, output)


def _models(paths: list[Path], networks: list[str]) -> dict[Path, tuple[Path, str | None]]:
    """What to load, by the path whose stem names it: files as they are, of a folder the networks that are asked for.

    Raises:
        UserError: if several networks are asked for, and no path holds more than one.
    """
    single = {path for path in paths if path.suffix in NETWORK_FILES or any(path.glob("*.safetensors"))}
    if paths and len(networks) > 1 and single.issuperset(paths):
        raise UserError(f"{paths[0]} holds one network, and --network names {len(networks)}; give a run's data/models.")
    found: dict[Path, tuple[Path, str | None]] = {}
    for path in paths:
        if path in single:
            found[path] = (path, networks[0] if len(networks) == 1 else None)
        else:
            found |= {path / (network or "elor"): (path, network) for network in networks or [None]}
    return found


def _names(files: list[Path], given: list[str]) -> list[str]:
    """A name per file or network: those given, or the files' own."""
    if given and len(given) != len(files):
        raise UserError(f"{len(given)} names are given for {len(files)} files; give --name once per file, or never.")
    names = given or [path.stem for path in files]
    if len(set(names)) < len(names):
        raise UserError(f"Two files have the same name ({', '.join(names)}); tell them apart by --name, once per file.")
    return names
