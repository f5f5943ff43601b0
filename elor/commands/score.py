"""`elor score`: anybody's predictions by the pipeline's definitions, intervals and tests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from elor.commands.printing import echo
from elor.commands.results import Detail, How
from elor.errors import UserError
from elor.report.text import Format

Target = Literal["classes", "regression", "distribution", "emotion"]
Protocol = Literal["paper", "strict"]


def score(
    predictions: Annotated[
        list[Path], typer.Argument(metavar="PREDICTIONS.csv", help="Several files are compared in pairs.")
    ],
    corpus: Annotated[
        Path,
        typer.Option(help="An IEMOCAP root, a manifest CSV, or the folder data/ of a workspace.", show_default=False),
    ],
    rater: Annotated[
        str | None,
        typer.Option(help="Whose ratings are the labels; or mean.", show_default="that of data/, else E-2"),
    ] = None,
    target: Annotated[Target, typer.Option(help="What was predicted.")] = "classes",
    head: Annotated[list[str] | None, typer.Option(help="Score this dimension only; may be given again.")] = None,
    classes: Annotated[int, typer.Option(min=2, help="Classes per dimension.")] = 5,
    low: Annotated[float, typer.Option(help="Lowest rating of the corpus' scale.")] = 1.0,
    high: Annotated[float, typer.Option(help="Highest rating.")] = 5.0,
    minimum_s: Annotated[float, typer.Option(min=0.0, help="Leave out utterances shorter than this (s).")] = 0.0,
    partial: Annotated[bool, typer.Option("--partial", help="Go on without sound files that are missing.")] = False,
    folds: Annotated[Path | None, typer.Option(help="fold, slice, role; without it each speaker is a fold.")] = None,
    protocol: Annotated[Protocol, typer.Option(help="What the folds are checked against.")] = "paper",
    name: Annotated[list[str] | None, typer.Option(help="A name per file; else the file's own.")] = None,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.999, help="Of the intervals.")] = 0.95,
    seed: Annotated[int, typer.Option(min=0, help="Of bootstrap and permutations.")] = 1,
    json: Annotated[
        Path | None, typer.Option(help="Write all scores here as well, keyed as in metrics/.", show_default=False)
    ] = None,
    detail: Detail = False,
    how: How = Format.terminal,
) -> None:
    """Score predictions with exactly the definitions, intervals and tests of this pipeline.

    A file of predictions has one row per slice (column slice) or one per
    utterance (column utterance), for every utterance that has the target and
    for no other. Slices are named after their utterance: NAME_0 is its first
    six seconds, NAME_1 the next; a rest of three seconds or less is dropped.
    The other columns, for each of arousal and valence:

    \b
        classes, distribution  arousal             the class, 0 .. 4, and/or
                               arousal_p0 .. _p4   probabilities, sum 1
        regression             arousal_value       on 0 .. 4 (a rating of 1 is 0)
        emotion                emotion             0 .. 3 for angry, happy or
                                                   excited, sad, neutral, and/or
                               emotion_p0 .. _p3

    More columns do no harm. An incomplete or overlapping file is refused and
    its rows are named. A file on one dimension alone is scored by --head. Two
    files and more are compared in all pairs, Holm over them. With the data/ of
    a workspace, its rater is taken; give the target and scale of its
    params.yaml. All of it, with examples and the definition of every score, is
    in docs/scores.md.

    Examples:

    \b
        elor score mine.csv --corpus IEMOCAP_full_release
        elor score mine.csv theirs.csv --corpus IEMOCAP_full_release
        elor score mine.csv --corpus labels.csv --high 7 --classes 7
        elor score mine.csv --corpus IEMOCAP_full_release --head arousal
        elor score data/predictions/ftr.csv --corpus data --folds data/folds.csv
    """
    from elor.api.score import rater_of
    from elor.api.score import score as scored
    from elor.evaluation.evaluate import Settings
    from elor.files import write_json
    from elor.report.blocks import results as blocks

    files = dict(zip(_names(predictions, name or []), predictions, strict=True))
    settings = Settings(
        confidence=confidence,
        seed=seed,
        rater=rater or rater_of(corpus) or "E-2",
        protocol=protocol,
        target=target,
        classes=classes,
        scale=(low, high),
    )
    found = scored(files, corpus, folds, minimum_s, partial, settings, head or ())
    if json is not None:
        write_json(json, vars(found))
    echo(blocks(found, detail), how)


def _names(files: list[Path], given: list[str]) -> list[str]:
    """A name per file: those given, or the files' own."""
    if given and len(given) != len(files):
        raise UserError(f"{len(given)} names are given for {len(files)} files; give --name once per file, or never.")
    names = given or [path.stem for path in files]
    if len(set(names)) < len(names):
        raise UserError(f"Two files have the same name ({', '.join(names)}); tell them apart by --name, once per file.")
    return names
