"""The results as blocks of text: the paper's Table 5 with intervals, and what one must know to trust it.

Wieser et al. 2020, Table 5: WAR and UAR per network and dimension, pooled over all test speakers. Beside it stand what
guessing reaches and what people reach; below it chance, the declared comparisons, the test-selection gap, and what the
search has seen of test speakers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elor.corpora.faults import plural
from elor.errors import UserError
from elor.files import plain
from elor.report.text import Block, Notes, Row, Table, interval, number, p_value

if TYPE_CHECKING:  # the evaluation brings pandas and scipy, which reading metrics does not need
    from elor.evaluation.score import Evaluation

Scores = dict[str, Any]

TITLES = {"elor": "ELoR", "lom": "LoM", "ftr": "FTR", "elor_ftr": "ELoR+FTR"}
"""The paper's names of its networks."""

GUESSES = {"uniform": "guess: uniform", "prior": "guess: prior-matched", "majority": "guess: majority"}

SCORE_TITLES = {"uar": "UAR", "ccc": "CCC"}
"""The headlines of classes and of values."""

Column = tuple[str, str, Callable[[float | None], str]]

DETAILS: dict[str, tuple[Column, ...]] = {
    "uar": (
        ("F1", "macro_f1", number),
        ("kappa", "kappa", number),
        ("CCC", "ccc", number),
        ("UAR utterances", "utterance_uar", number),
        ("UAR folds", "uar_folds", number),
        ("p", "permutation_p", p_value),
        ("p utterances", "utterance_permutation_p", p_value),
        ("gap", "selection_gap_uar", number),
    ),
    "ccc": (
        ("r", "r", number),
        ("CCC utterances", "utterance_ccc", number),
        ("CCC folds", "ccc_folds", number),
        ("p", "permutation_p", p_value),
        ("p utterances", "utterance_permutation_p", p_value),
        ("gap", "selection_gap_ccc", number),
    ),
}
"""Columns of the second table, by headline: title, key in the metrics, how it is written."""

ORDERED = ("kappa", "ccc")
"""Scores that mean nothing where classes have no order, as emotions have none."""

MOST_DEVIATIONS = 3
"""Deviations of the corpus that are spelt out."""


@dataclass(frozen=True)
class Results:
    """The metrics of one run, as plain JSON values.

    Attributes:
        scores: by dimension and network, as in metrics/<dimension>/<network>.json.
        comparisons: metrics/comparisons.json.
        agreement: metrics/agreement.json.
        protocol: metrics/protocol.json; empty for predictions from elsewhere without folds.
        corpus: metrics/corpus.json.
    """

    scores: dict[str, dict[str, Scores]]
    comparisons: dict[str, Any]
    agreement: dict[str, Any]
    protocol: dict[str, Any]
    corpus: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Results:
        """Read a folder of metrics; its uar.json says which dimensions and networks there are.

        Raises:
            UserError: if a file is absent or no JSON.
        """
        scores: dict[str, dict[str, Scores]] = {}
        for key in read_json(folder / "uar.json"):
            dimension, network = key.split(".", 1)
            scores.setdefault(dimension, {})[network] = read_json(folder / dimension / f"{network}.json")
        others = (read_json(folder / f"{name}.json") for name in ("comparisons", "agreement", "protocol", "corpus"))
        return cls(scores, *others)

    @classmethod
    def of(cls, found: Evaluation, corpus: dict[str, Any], confidence: float) -> Results:
        """The same from an evaluation in memory, rounded as the files are."""
        protocol = found.protocol | {"confidence": confidence}
        parts = (found.metrics, found.comparisons, found.agreement, protocol, corpus)
        return cls(*(plain(part, digits=4) for part in parts))

    @property
    def headline(self) -> str:
        """`uar`, or `ccc` where the heads answer with values."""
        return "uar" if "uar" in self.any_scores else "ccc"

    @property
    def any_scores(self) -> Scores:
        """One network's scores, for what is the same in all of them."""
        return next(iter(next(iter(self.scores.values())).values()))

    @property
    def level(self) -> str:
        """The confidence of the intervals: `95 %`; `interval` where the metrics do not say."""
        confidence = self.protocol.get("confidence")
        return "interval" if confidence is None else f"{100 * confidence:g} %"

    @property
    def people(self) -> dict[str, Scores]:
        """By dimension, the other evaluators' ratings scored as predictions of the labels; empty where they are not.

        They are comparable only where one evaluator's classes are the labels.
        """
        if self.headline != "uar" or "cross_entropy" in self.any_scores:
            return {}
        found = {name: self.agreement[name]["others"] for name in self.scores if name in self.agreement}
        return {name: others for name, others in found.items() if others["ratings"]}


def results(found: Results) -> list[Block]:
    """All blocks: the headline, details, the spread of raters, the declared comparisons, notes; those that apply."""
    blocks: list[Block] = [headline(found), details(found)]
    if "cross_entropy" in found.any_scores:
        blocks.append(spread(found))
    if found.comparisons["comparisons"]:
        blocks.append(comparisons(found))
    return [*blocks, reading(found), setting(found)]


def read_json(path: Path) -> dict[str, Any]:
    """Read a file of metrics.

    Raises:
        UserError: if it is absent or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{path} does not exist: run dvc repro, which makes it, in the folder of the project."
        ) from None
    except ValueError as error:
        raise UserError(f"{path} is no JSON ({error}); run dvc repro again.") from None


def title(network: str) -> str:
    """The paper's name of a network; other names as they are."""
    return TITLES.get(network, network)


def headline(found: Results) -> Table:
    """The paper's Table 5, with guesses and people as further groups of rows."""
    networks = list(next(iter(found.scores.values())))
    columns = _class_cells if found.headline == "uar" else _value_cells
    header = [f"{dimension} {name}" for dimension in found.scores for name in _headline_titles(found)]
    groups = [
        tuple((title(net), *_across(columns(found.scores[name][net]) for name in found.scores)) for net in networks)
    ]
    if "baseline_uniform_uar" in found.any_scores:
        groups.append(tuple(_guess(found, guess, networks[0]) for guess in GUESSES))
    if found.people:
        groups.append((("other evaluators", *_across(_class_cells(others) for others in found.people.values())),))
    scores = found.any_scores
    caption = (
        f"Pooled over {plural(scores['count'], 'slice')} of {plural(scores['utterance_count'], 'utterance')} by "
        f"{plural(scores['speakers'], 'speaker')}; labels: {_labels(found)}"
    )
    return Table(caption, ("network", *header), tuple(groups))


def details(found: Results) -> Table:
    """Further scores, chance, and the test-selection gap, a row per dimension and network."""
    every = [scores for networks in found.scores.values() for scores in networks.values()]
    omitted = ORDERED if "emotion" in found.scores else ()
    columns = [
        column
        for column in DETAILS[found.headline]
        if column[1] not in omitted and any(scores.get(column[1]) is not None for scores in every)
    ]
    rows = _rows(found, [(key, write) for _, key, write in columns])
    return Table("Further scores, and chance", ("", "network", *(name for name, _, _ in columns)), rows, labels=2)


def spread(found: Results) -> Table:
    """How well the probabilities meet the shares of the raters, where these are the target."""
    rows = _rows(found, [("cross_entropy", number), ("cross_entropy_floor", number)])
    return Table("Spread of the raters, in nats", ("", "network", "cross-entropy", "raters' entropy"), rows, labels=2)


def comparisons(found: Results) -> Table:
    """The comparisons declared beforehand, with p as it is and corrected by Holm."""
    tests = found.comparisons["comparisons"]
    score = SCORE_TITLES[tests[0]["score"]]
    rows = tuple(
        (
            test["dimension"],
            f"{title(test['a'])} - {title(test['b'])}",
            interval(test["difference"], test["ci_low"], test["ci_high"]),
            p_value(test["p"]),
            p_value(test["p_holm"]),
        )
        for test in tests
    )
    header = ("", "networks", f"{score} difference [{found.level}]", "p", "p Holm")
    return Table("Declared comparisons", header, (rows,), labels=2)


def reading(found: Results) -> Notes:
    """What the columns mean."""
    score = SCORE_TITLES[found.headline]
    items = [
        f"Intervals: jackknife t over speakers, since the slices of a speaker are not independent. {score} utterances: "
        f"predictions averaged over each utterance; {score} folds: mean over folds.",
        f"p: how often labels permuted within speakers reach this {score}, by slice and by utterance.",
    ]
    if f"selection_gap_{found.headline}" in found.any_scores:
        items.append(f"gap: what {score} would have gained by picking the epoch on the test speaker.")
    if tests := found.comparisons["comparisons"]:
        how = "all" if all(test["exact"] for test in tests) else "random"
        items.append(
            f"p of a difference: {how} {plural(tests[0]['patterns'], 'sign flip')} over speakers, two-sided; p Holm: "
            f"corrected for {plural(len(tests), 'comparison')}."
        )
    return Notes("How to read it", tuple(items + list(_ceiling(found))))


def setting(found: Results) -> Notes:
    """Corpus, protocol, and what the search has seen of test speakers."""
    corpus, protocol = found.corpus, found.protocol
    labelled = corpus["labels"]["utterances"]
    items = [
        f"Corpus: {plural(corpus['utterances'], 'utterance')}, {labelled:,} of them labelled by {_rater(found)}; "
        f"{corpus['minutes']:.1f} min, {plural(corpus['speakers'], 'speaker')}, {plural(corpus['ratings'], 'rating')}."
    ]
    if deviations := corpus.get("deviations"):
        more = len(deviations) - MOST_DEVIATIONS
        rest = f"; and {more} more" if more > 0 else ""
        items.append(f"Its deviations: {'; '.join(deviations[:MOST_DEVIATIONS])}{rest}.")
    if "folds" in protocol:
        items.append(
            f"Protocol {protocol['protocol']}: {plural(protocol['folds'], 'fold')}. Summed over them, training and "
            f"validation share {plural(protocol['shared_speakers'], 'speaker')} and "
            f"{plural(protocol['split_utterances'], 'utterance')}, training and test no speaker but "
            f"{plural(protocol['shared_sessions'], 'session')}."
        )
    else:
        items.append("No folds: each speaker counts as one, and the guesses know the labels of all other speakers.")
    seen: dict[str, list[str]] = {}
    for network, sentence in protocol.get("search_has_seen", {}).items():
        seen.setdefault(sentence, []).append(title(network))
    items += [f"Search ({', '.join(networks)}): {sentence}" for sentence, networks in seen.items()]
    return Notes("Corpus and protocol", tuple(items))


def _headline_titles(found: Results) -> Row:
    if found.headline == "uar":
        return "WAR", f"UAR [{found.level}]"
    return f"CCC [{found.level}]", "RMSE"


def _class_cells(scores: Scores) -> Row:
    return number(scores["war"]), interval(scores["uar"], scores["ci_low"], scores["ci_high"])


def _value_cells(scores: Scores) -> Row:
    return interval(scores["ccc"], scores["ci_low"], scores["ci_high"]), number(scores["rmse"])


def _guess(found: Results, guess: str, network: str) -> Row:
    """A guess's row; it is the same beside each network."""
    scores = (found.scores[name][network] for name in found.scores)
    return (GUESSES[guess], *_across([number(s[f"baseline_{guess}_{key}"]) for key in ("war", "uar")] for s in scores))


def _across(cells: Iterable[Sequence[str]]) -> Row:
    return tuple(cell for dimension in cells for cell in dimension)


def _rows(found: Results, columns: Sequence[tuple[str, Callable[[float | None], str]]]) -> tuple[tuple[Row, ...], ...]:
    """A group per dimension, a row per network, a cell per key."""
    return tuple(
        tuple(
            (dimension, title(network), *(write(scores.get(key)) for key, write in columns))
            for network, scores in networks.items()
        )
        for dimension, networks in found.scores.items()
    )


def _labels(found: Results) -> str:
    """Whose judgement the predictions are scored against."""
    classes = f"{found.corpus['labels']['classes']} classes"
    if "emotion" in found.scores:
        return "emotion in four classes"
    if found.headline == "ccc":
        return "mean of all evaluators"
    if "cross_entropy" in found.any_scores:
        return f"mean of all evaluators, rounded to {classes}"
    return f"{_rater(found)}, {classes}"


def _rater(found: Results) -> str:
    rater = found.corpus["labels"]["rater"]
    return {"mean": "the mean of all evaluators", "gold": "the corpus' own rater"}.get(rater, rater)


def _ceiling(found: Results) -> Iterator[str]:
    """How well people agree, as far as the corpus has several ratings of an utterance."""
    for others in list(found.people.values())[:1]:  # raters count with both dimensions or with none
        yield (
            f"Other evaluators, the human ceiling: {plural(others['ratings'], 'rating')} of "
            f"{plural(others['utterances'], 'utterance')} as predictions of {_rater(found)}'s."
        )
    alphas = {name: part["alpha"] for name, part in found.agreement.items() if isinstance(part, dict)}
    known = [f"{name} {number(alpha)}" for name, alpha in sorted(alphas.items()) if alpha is not None]
    if not known:
        yield "No utterance has ratings of several evaluators that differ: there is no human ceiling."
        return
    yield (
        f"Evaluators among themselves: Krippendorff's ordinal alpha {', '.join(known)}; all agree on both in "
        f"{100 * found.agreement['exact']:.0f} % of {plural(found.agreement['exact_utterances'], 'utterance')}."
    )
