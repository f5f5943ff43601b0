"""Predictions from elsewhere, or of trained networks, scored against any corpus.

Of a corpus only tables and the headers of its sounds are read, unless networks have to hear it.

The slices are planned by the very functions of the stages `labels` and `slices`, and scored by that of `evaluate`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from elor.audio import Sounds, Stereo
from elor.corpora.faults import joined, some
from elor.corpora.labels import label, targets
from elor.corpora.making import spoken
from elor.corpora.reader import open_corpus
from elor.corpora.schema import Tables, counts, read_ratings, read_utterances
from elor.corpora.sources import joined_names, labels_together
from elor.corpus_params import RECIPES, corpus_name
from elor.errors import UserError
from elor.evaluation.evaluate import evaluate
from elor.evaluation.leakage import PARTITION
from elor.evaluation.predictions import check_predictions, tested
from elor.evaluation.settings import Settings
from elor.features.slices import plan_slices, split
from elor.report.results import ALL_PAIRS, Results
from elor.tables import read_rows, read_table, write_table
from elor.targets import DIMENSIONS, Head

if TYPE_CHECKING:  # networks bring torch, which tables do not need
    from elor.ensemble import Ensemble


@dataclass(frozen=True)
class Truth:
    """What predictions are scored against.

    Attributes:
        slices: slices.csv, with the target's columns.
        utterances: utterances.csv, labelled by the chosen rater.
        ratings: ratings.csv.
        report: what metrics/corpus.json holds.
        sound: the slices themselves, int16 (96000,) each, in their order.
        copies: copies.csv of a workspace: recordings under two speakers; None where nobody has looked for them.
    """

    slices: pd.DataFrame
    utterances: pd.DataFrame
    ratings: pd.DataFrame
    report: dict[str, Any]
    sound: Callable[[], Iterable[NDArray[np.int16]]]
    copies: pd.DataFrame | None = None


def score(
    files: Mapping[str, Path],
    corpus: Path,
    folds: Path | None = None,
    minimum_s: float = 0.0,
    partial: bool = False,
    settings: Settings | None = None,
    only: Sequence[str] = (),
    models: Mapping[str, Ensemble] | None = None,
    stereo: Stereo = "mean",
    output: Path | None = None,
    strangers: bool = False,
) -> Results:
    """Score predictions against a corpus and compare every two; `elor score --help` says what their files hold.

    Args:
        files: by name.
        corpus, minimum_s, partial, stereo: as in `read_truth`.
        folds: folds.csv (fold, slice, role); None: each speaker is a fold, all others its training part.
        settings: rater, target, classes, scale, protocol and what the folds hold out; its comparisons are replaced.
        only: names of the heads to score; all of the target's if empty, of dimensions those of a `data/`, else those of
            the networks.
        models: trained networks (`elor.load`) that predict the corpus first, by name. Whom they have heard in training
            stands in the results' `heard`; a network that has heard a speaker does not answer for that one.
        strangers: whether its speakers are others than those of the networks' corpora, whatever their names.
        output: a CSV file for what the one network predicted, in the columns of data/predictions/.

    Raises:
        UserError: as `read_truth` and `read_predictions` do, for a head that the target has not, for networks that
            answer something else than the target asks, and for folds that hold out what the corpus does not have.
    """
    settings = settings or Settings()
    models = models or {}
    for name, model in models.items():
        _check_heads(name, model, settings)
    answers = {name: [head.name for head in model.heads] for name, model in models.items()}
    settings = replace(settings, dimensions=_dimensions(corpus, settings, only, answers))
    known = [head.name for head in settings.asked.heads]
    if unknown := [name for name in only if name not in known]:
        raise UserError(f"Target {settings.target} has no head {', '.join(unknown)}; choose {' or '.join(known)}.")
    settings = replace(settings, only=tuple(only))
    asked = [head.name for head in settings.heads]
    for name, answered_by in answers.items():
        _check_answers(name, answered_by, asked)
    settings = replace(
        settings, comparisons=tuple((name, a, b) for name in asked for a, b in combinations([*files, *models], 2))
    )
    truth = read_truth(corpus, settings, minimum_s, partial, stereo)
    if isinstance(settings.rater, str):
        settings = replace(settings, rater=truth.report["labels"]["rater"])  # `gold` where nobody else rated
    roles = None if folds is None else _read(folds, ("fold", "slice", "role"))
    if roles is not None and settings.hold_out not in truth.slices:
        raise UserError(
            f"{corpus} has no column {settings.hold_out} whose values the folds could hold out; give --hold-out."
        )
    wanted = tested(truth.slices, roles if settings.hold_out == PARTITION else None)
    given = {name: read_predictions(path, wanted, settings.heads) for name, path in files.items()}
    heard = {}
    if models:
        from elor.api.answers import answered  # late: it brings torch, which tables do not need
    for name, model in models.items():
        said, heard[name] = answered(model, truth.slices, truth.sound(), strangers)
        given[name] = said[said["slice"].isin(wanted["slice"])]
        if not only and (unscored := [head for head in answers[name] if head not in asked]):
            heard[name] += (f"what it says of {joined(unscored)} is not scored, since {corpus} has no labels of it",)
        if model.heads[0].valued and model.provenance.classes is None:
            heard[name] += (UNKNOWN.format(classes=settings.classes),)
        if output is not None:
            write_table(said, output, "%.7g")
    found = evaluate(truth.slices, roles, truth.utterances, truth.ratings, given, {}, settings, truth.copies)
    left_out = [name for name in dict.fromkeys([*known, *chain(*answers.values())]) if only and name not in asked]
    found = replace(
        found,
        comparisons=found.comparisons | {"family": ALL_PAIRS},
        protocol=found.protocol | ({"heads_left_out": left_out} if left_out else {}),
    )
    return Results.of(found, truth.report, settings.confidence, heard)


UNKNOWN = "its file does not say on which scale its values lie, and they are taken for those of {classes} classes"
"""Of networks that answer with values: their heads have no classes."""


def asked_by(heads: Sequence[Head], classes: int | None = None) -> dict[str, Any]:
    """The target and classes, as of `Settings`, that networks with these heads have learned.

    Args:
        heads: of the networks.
        classes: of their run, as their provenance has them: what values lie on is not known by the heads.
    """
    first = heads[0]
    if not first.ordered:
        return {"target": "emotion"}
    if first.valued:
        known = {} if classes is None else {"classes": classes}
        return {"target": "spread" if first.spread else "regression"} | known
    return {"target": "distribution" if first.soft else "classes", "classes": first.classes}


def _check_heads(name: str, model: Ensemble, settings: Settings) -> None:
    """Networks must answer what is scored; the mean of a spread is a value as well."""
    asked = asked_by(model.heads, model.provenance.classes)
    if (asked["target"], settings.target) == ("spread", "regression"):
        asked["target"] = "regression"
    if any(getattr(settings, key) != value for key, value in asked.items()):
        said = " of ".join(str(value) for value in asked.values())
        raise UserError(
            f"The networks {name} answer the target {said}, not {settings.target} of {settings.classes}; give --target "
            "and --classes as they were trained, or neither."
        )


def _check_answers(name: str, answers: Sequence[str], asked: Sequence[str]) -> None:
    """Networks must answer on every head that is scored; said before they hear anything."""
    if absent := [head for head in asked if head not in answers]:
        there = [head for head in asked if head in answers] or answers
        raise UserError(
            f"The networks {name} say nothing on {', '.join(absent)}; score {', '.join(there)} alone by "
            f"{' '.join(f'--head {head}' for head in there)}."
        )


def _dimensions(
    corpus: Path, settings: Settings, only: Sequence[str], answers: Mapping[str, Sequence[str]]
) -> tuple[str, ...]:
    """Whose ratings count: what a `data/` was made for, else what the networks answer, else the usual; and what is
    asked for by name."""
    learned = [name for name in DIMENSIONS if any(name in heads for heads in answers.values())]
    usual = [name for name in learned if not only or name in settings.dimensions]
    known = dimensions_of(corpus) or tuple(usual) or settings.dimensions
    return (*known, *(name for name in only if name in DIMENSIONS and name not in known))


def _said(corpus: Path, file: str) -> dict[str, Any]:
    """What a workspace's metrics say of its own `data/`; nothing of any other corpus, or where they cannot be read."""
    try:
        found = json.loads((corpus / "../metrics" / file).read_text(encoding="utf-8")) if is_data(corpus) else {}
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def hold_out_of(corpus: Path) -> str:
    """The column whose values the folds of a workspace's `data/` test once each; of any other corpus `speaker`."""
    return str(_said(corpus, "protocol.json").get("hold_out", Settings.hold_out))


def is_data(corpus: Path) -> bool:
    """Whether it is a workspace's folder `data/`."""
    return (corpus / "slices.csv").is_file()


def rater_of(corpus: Path) -> str | dict[str, str] | None:
    """Whose ratings are the labels of a workspace's `data/`, of several corpora by their names; None if none says."""
    report = _said(corpus, "corpus.json")
    try:
        used = {name: str(one["labels"]["rater"]) for name, one in report.get("corpora", {}).items()}
        return joined_names(used) or str(report["labels"]["rater"])
    except (KeyError, TypeError, AttributeError):
        return None


def dimensions_of(corpus: Path) -> tuple[str, ...]:
    """The dimensions that a workspace's `data/` was made for; none if it is no such folder, or learns emotions."""
    columns = read_table(corpus / "slices.csv").columns if is_data(corpus) else ()
    return tuple(name for name in DIMENSIONS if name in columns)


def read_truth(
    path: Path, settings: Settings, minimum_s: float = 0.0, partial: bool = False, stereo: Stereo = "mean"
) -> Truth:
    """Read a corpus, label it and plan its slices.

    Args:
        path: an IEMOCAP root, a manifest CSV, the recipe of a demonstration corpus, which is spoken first, or a
            workspace's folder `data/`, whose slices are taken as they are.
        settings: rater, target, classes and scale.
        minimum_s: shorter utterances are left out.
        partial: go on without sound files that are missing.
        stereo: what several channels become where networks hear them; for the tables lengths alone count.

    Raises:
        UserError: if it is none of these, the rater or target is not to be had, or a `data/` folder was made for
            another rater, target or scale.
    """
    folder, copies = is_data(path), None
    low, high = settings.scale
    if folder:
        utterances, ratings = read_utterances(path / "utterances.csv"), read_ratings(path / "ratings.csv")
        sounds, tables = Sounds({}), Tables(utterances, ratings, counts(utterances, ratings))
    else:
        named, path = path, spoken(path) if path.suffix in RECIPES else path
        source = open_corpus(path, partial=partial, low=low, high=high, stereo="mean", keep=settings.hold_out)
        sounds, tables = Sounds.of(source.root, stereo), source.read()
        tables = replace(tables, utterances=tables.utterances.assign(corpus=corpus_name(str(named))))
    tables = _labelled(tables, settings)
    wanted = targets(tables.utterances, tables.ratings, settings.asked, low, high)
    if folder:
        slices = read_table(path / "slices.csv", settings.hold_out)
        copies = read_table(path / "copies.csv") if (path / "copies.csv").is_file() else None
        _check_targets(slices, wanted, path)
    else:
        slices = plan_slices(tables.utterances, wanted, minimum_s)

    def sound() -> Iterable[NDArray[np.int16]]:
        return np.load(path / "slices.npy", mmap_mode="r") if folder else _slices(tables.utterances, slices, sounds)

    return Truth(slices, tables.utterances, tables.ratings, tables.report, sound, copies)


def _labelled(tables: Tables, settings: Settings) -> Tables:
    """Label a corpus by its rater, or each of several by its own."""
    how = (settings.asked, *settings.scale)
    if isinstance(settings.rater, str):
        return label(tables, settings.rater, *how)
    parts = {}
    for name, rater in settings.rater.items():
        turns = tables.utterances[tables.utterances.corpus == name]
        rated = tables.ratings[tables.ratings.utterance.isin(turns.utterance)]
        parts[name] = label(Tables(turns, rated, {}), rater, *how)
    labels = labels_together({name: part.report["labels"] for name, part in parts.items()})
    utterances = pd.concat([part.utterances for part in parts.values()]).sort_values("utterance", ignore_index=True)
    return replace(tables, utterances=utterances, report=tables.report | {"labels": labels})


def _slices(utterances: pd.DataFrame, slices: pd.DataFrame, sounds: Sounds) -> Iterator[NDArray[np.int16]]:
    """The sound of every planned slice, utterance by utterance."""
    turns = utterances.set_index("utterance")
    for utterance, rows in slices.groupby("utterance", sort=False):
        yield from split(sounds.read(turns.loc[utterance]))[rows["part"].to_numpy()]


def read_predictions(path: Path, slices: pd.DataFrame, wanted: Sequence[Head]) -> pd.DataFrame:
    """Read and check one file, in the format of `elor.evaluation.predictions`.

    Raises:
        UserError: if it is absent, no table, incomplete or overlapping; it and the rows are named.
    """
    table = _read(path, ())
    absent = [head.name for head in wanted if not {head.name, f"{head.name}_p0", f"{head.name}_value"} & set(table)]
    if absent and len(absent) < len(wanted):
        there = [head.name for head in wanted if head.name not in absent]
        raise UserError(
            f"{path}: beside {some(table)} it has nothing on {', '.join(absent)}; add it, or score "
            f"{', '.join(there)} alone by {' '.join(f'--head {name}' for name in there)}."
        )
    try:
        check_predictions(table, slices, wanted)
    except UserError as error:  # named here, since only here its name is known
        raise UserError(f"{path}: {error}") from None
    return table


def _check_targets(slices: pd.DataFrame, wanted: pd.DataFrame, folder: Path) -> None:
    """A workspace's slices must bear the targets that the options ask for."""
    expected = wanted.set_index("utterance").reindex(slices["utterance"])
    for name in expected:
        held = slices[name].to_numpy(dtype=float) if name in slices else np.full(len(slices), np.nan)
        if not np.allclose(held, expected[name].to_numpy(dtype=float), rtol=0, atol=1e-9):
            raise UserError(
                f"{folder / 'slices.csv'} has other values of `{name}` than these options ask for; give --rater, "
                "--target, --classes, --low and --high as in the params.yaml that made it. With labels.shuffle: true "
                "it holds shuffled labels, which are no truth: its scores stand in its own metrics/ alone."
            )


def _read(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    if not path.is_file():
        raise UserError(f"{path} does not exist; `elor score --help` says what it should hold.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            for _ in read_rows(stream, path):  # pandas fills up short rows, renames columns, and shifts long ones
                pass
        table = read_table(path)
    except (UnicodeDecodeError, pd.errors.ParserError) as error:
        raise UserError(f"{path} is no CSV table in UTF-8: {' '.join(str(error).split())}") from None
    if missing := [name for name in columns if name not in table]:
        raise UserError(
            f"{path} lacks the columns {', '.join(missing)}; found were {some(table)}; `elor score --help` says what "
            "it should hold."
        )
    return table
