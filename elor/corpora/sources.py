"""The corpora of a run as one: each is read by its own reader and labelled by its own rater and range; then they join.

Of a single corpus nothing changes its name. Of several, utterances, speakers, sessions, dialogues and raters bear their
corpus' name in front (`emodb-03`), so that no two are taken for one, and ratings move linearly onto the one range that
is declared for the run.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import pandas as pd

from elor.audio import Sounds
from elor.corpora.faults import plural, some
from elor.corpora.labels import MEAN, check_disagreement, choose_rater, label, scaled, targets
from elor.corpora.schema import FURTHER_COLUMNS, UTTERANCE_COLUMNS, Reader, Tables, counts
from elor.corpus_params import Source
from elor.errors import UserError
from elor.tables import SEPARATOR
from elor.targets import DIMENSIONS, Target

NAMED = ("utterance", "speaker", "session", "dialogue")
"""Columns of utterances.csv that bear the corpus' name where there are several."""


LABELLER = "the labels' rater"
"""Whoever labels a corpus, where each of several has another one."""


class Opened(NamedTuple):
    """A source, and what reads it."""

    source: Source
    reader: Reader


def sounds_of(opened: Iterable[Opened]) -> Sounds:
    """Where the sounds of some corpora lie."""
    return Sounds({source.name: (reader.root, source.stereo) for source, reader in opened})


def read(opened: Sequence[Opened], rater: str, target: Target, scale: tuple[float, float]) -> Tables:
    """Read the corpora of a run, label each, and join them.

    Args:
        opened: the sources, in the order of params.yaml.
        rater: whose ratings are the labels where a source names nobody.
        target: what the networks learn.
        scale: lowest and highest rating of the joined table.

    Returns:
        Labelled tables, ratings on `scale`; their report is that of the one corpus, or the counts of all with each
        one's own below `corpora`.

    Raises:
        UserError: as `Reader.read` and `label` do; of several corpora it names the one at fault.
    """
    found = {}
    for source, reader in opened:
        with naming(source, len(opened)):
            tables = of_source(reader.read(), source)
            found[source] = label(tables, source.rater or rater, target, source.low, source.high)
    if len(found) == 1:
        ((source, tables),) = found.items()
        return _on_scale(tables, source, scale)
    return _joined(found, scale)


def learned(
    tables: Tables, sources: Sequence[Source], target: Target, scale: tuple[float, float], shuffle: int | None = None
) -> pd.DataFrame:
    """What the networks learn of the corpora of a run, as `elor.corpora.labels.targets`.

    Args:
        tables: as `read` returned them.
        sources, target, scale: as there.
        shuffle: as in `targets`.

    Raises:
        UserError: as `targets` and `check_disagreement`; also if one corpus has nothing of what is learned, though
            another has.
    """
    found = targets(tables.utterances, tables.ratings, target, *scale, shuffle)
    having = set(tables.utterances.corpus[tables.utterances.utterance.isin(found.utterance)])
    for source in sources:
        if source.name not in having:
            turns = tables.utterances[tables.utterances.corpus == source.name]
            with naming(source, len(sources)):  # what is said of all without is said of this one
                targets(turns, tables.ratings[tables.ratings.utterance.isin(turns.utterance)], target, *scale)
    check_disagreement(found, target)
    return found


WITHOUT = {
    "classes": "the rater of the labels rated none of the others",
    "spread": "of the others no utterance has two ratings",
    "emotion": "the others have none of the four emotions",
}
"""Why speakers are not learned from, by the kind of the target."""


def learned_from(tables: Tables, found: pd.DataFrame, target: Target, fewest: int) -> pd.DataFrame:
    """The rows of utterances.csv that are learned from.

    Args:
        tables: as `read` returned them.
        found: as `learned` returned it.
        target: what is learned.
        fewest: speakers that the folds need.

    Raises:
        UserError: if they are of too few speakers, though the corpus has more.
    """
    rows = tables.utterances[tables.utterances.utterance.isin(found.utterance)]
    names, every = sorted(rows.speaker.unique()), tables.utterances.speaker.nunique()
    if len(names) < min(fewest, every):
        why = WITHOUT.get(target.kind, "nobody rated the others")
        raise UserError(
            f"Only {len(names)} of {plural(every, 'speaker')} ({some(names)}) can be learned from by labels.target "
            f"{target.kind}: {why}; folds need at least {fewest} speakers: choose another target or rater."
        )
    return rows


def texts_by_utterance(opened: Sequence[Opened]) -> dict[str, str]:
    """What was said in every utterance of the corpora of a run, by the name that `read` gives it.

    Raises:
        UserError: as `Reader.texts` does; of several corpora it names the one at fault.
    """
    found: dict[str, str] = {}
    for source, reader in opened:
        front = f"{source.name}{SEPARATOR}" if len(opened) > 1 else ""
        with naming(source, len(opened)):
            found |= {front + name: text for name, text in reader.texts().items()}
    return found


def of_source(tables: Tables, source: Source) -> Tables:
    """The tables of one source with its name and, where it says none itself, its language."""
    language = tables.utterances.language
    language = language.where(language != "", source.language)
    return replace(tables, utterances=tables.utterances.assign(corpus=source.name, language=language))


def raters(
    ratings: pd.DataFrame, utterances: pd.DataFrame, sources: Sequence[Source], rater: str, target: Target
) -> dict[str, str]:
    """Who labels each corpus, by its name, as the joined table calls that rater.

    Args:
        ratings, utterances: the tables that `read` returned.
        sources, rater, target: as there.

    Raises:
        UserError: if the rater rated nothing.
    """
    if len(sources) == 1:
        return {sources[0].name: choose_rater(ratings, sources[0].rater or rater, target)}
    corpus = ratings.utterance.map(utterances.set_index("utterance").corpus)
    found = {}
    for source in sources:
        own = ratings[corpus == source.name]
        own = own.assign(rater=own.rater.str.removeprefix(source.name + SEPARATOR))
        with naming(source, len(sources)):
            found[source.name] = choose_rater(own, source.rater or rater, target)
    return joined_names(found)


def joined_names(used: Mapping[str, str]) -> dict[str, str]:
    """Raters by corpus, in their own names, as the table of several corpora calls them."""
    return {name: rater if rater == MEAN else f"{name}{SEPARATOR}{rater}" for name, rater in used.items()}


def under_one_name(
    ratings: pd.DataFrame, utterances: pd.DataFrame, chosen: Mapping[str, str]
) -> tuple[pd.DataFrame, str]:
    """The ratings with all corpora's labelling raters under one name, and that name; arguments as `raters` has them."""
    names = set(chosen.values())
    if len(names) == 1:
        return ratings, names.pop()
    who = ratings.utterance.map(utterances.set_index("utterance").corpus.map(chosen))
    return ratings.assign(rater=ratings.rater.where(ratings.rater != who, LABELLER)), LABELLER


@contextmanager
def naming(source: Source, count: int) -> Iterator[None]:
    """Say which of several corpora a mistake in this block is in."""
    try:
        yield
    except UserError as error:
        if count == 1:
            raise
        raise UserError(f"Corpus {source.name}: {error}") from None


def _on_scale(tables: Tables, source: Source, scale: tuple[float, float]) -> Tables:
    """The tables with ratings between the run's ends, where the source's own are others."""
    if (source.low, source.high) == scale:
        return tables
    rated = tables.ratings.copy()
    for dimension in DIMENSIONS:
        known = rated[dimension].notna()
        share = scaled(rated.loc[known, dimension].to_numpy(), 2, source.low, source.high)
        rated.loc[known, dimension] = (scale[0] + share * (scale[1] - scale[0])).round(9)
    labels = tables.report["labels"] | {"range": list(scale)}
    return replace(tables, ratings=rated, report=tables.report | {"labels": labels})


def _joined(found: Mapping[Source, Tables], scale: tuple[float, float]) -> Tables:
    utterances, ratings = [], []
    for source, tables in found.items():
        turns, rated = tables.utterances.copy(), _on_scale(tables, source, scale).ratings.copy()
        for table, names in ((turns, NAMED), (rated, ("utterance", "rater"))):
            for name in names:
                table[name] = table[name].where(table[name] == "", source.name + SEPARATOR + table[name])
        utterances.append(turns)
        ratings.append(rated)
    turns = pd.concat(utterances).sort_values("utterance", ignore_index=True)
    texts = [name for name in turns if name not in (*UTTERANCE_COLUMNS, *FURTHER_COLUMNS)]  # of some corpora only
    turns = turns.assign(**{name: turns[name].fillna("") for name in texts})
    rated = pd.concat(ratings).sort_values(["utterance", "rater"], ignore_index=True)
    return Tables(turns, rated, counts(turns, rated) | _report({one.name: t.report for one, t in found.items()}, scale))


def _report(reports: Mapping[str, dict[str, Any]], scale: tuple[float, float]) -> dict[str, Any]:
    """What is said of several corpora beside their counts."""
    labels = {}
    for name, report in reports.items():
        one = report["labels"]
        labels[name] = one | {"by_speaker": {f"{name}{SEPARATOR}{who}": n for who, n in one["by_speaker"].items()}}
    return {
        "source": "several",
        "left_out": _sum([report["left_out"] for report in reports.values()]),
        "deviations": [f"{name}: {text}" for name, report in reports.items() for text in report["deviations"]],
        "labels": labels_together(labels) | {"range": list(scale)},
        "corpora": dict(reports),
    }


def labels_together(reports: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """What `label` reports of several corpora, by name, added up."""
    first = next(iter(reports.values()))
    alike = {key: first[key] for key in ("rater", "asked_for", "classes", "range")}
    if len({one["rater"] for one in reports.values()}) > 1:
        alike["rater"] = ", ".join(f"{one['rater']} ({name})" for name, one in reports.items())
    return alike | _sum([{key: value for key, value in one.items() if key not in alike} for one in reports.values()])


def _sum(values: Sequence[Any]) -> Any:
    """Numbers added up, within lists and mappings of any keys."""
    first = values[0]
    if isinstance(first, Mapping):
        keys = dict.fromkeys(key for value in values for key in value)
        return {key: _sum([value[key] for value in values if key in value]) for key in keys}
    return [sum(column) for column in zip(*values, strict=True)] if isinstance(first, list) else sum(values)
