"""The tables of a run's scores: the paper's Table 5 with intervals, chance, comparisons.

Wieser et al. 2020, Table 5: WAR and UAR per network and dimension, pooled over all test speakers. Beside it stand what
guessing reaches and what people reach. `elor.report.blocks` puts the tables in their order, `elor.report.table_notes`
says how to read them, `elor.report.details` has what is printed on demand.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from elor.corpora.faults import plural
from elor.report.results import SCORE_TITLES, SHUFFLED, Results, Scores, class_name, rater_name, title
from elor.report.text import MISSING, Row, Table, interval, number, p_value

GUESSES = {
    "uniform": "guess: uniform",
    "prior": "guess: prior-matched",
    "majority": "guess: majority",
    "tested": "guess: majority, tests",
    "mean": "guess: training mean",
}
"""What hears nothing: all but the last guess classes, the last one values. `tested` is the paper's, from its tests."""

PEOPLE = "other evaluators"
"""The row of the people, whose ratings are scored as predictions."""

Column = tuple[str, Callable[[Scores], str]]
"""Its title, and what it holds of the scores of one network and dimension."""

ORDERED = ("kappa", "CCC")
"""Columns that mean nothing where classes have no order, as emotions have none."""


def headline(found: Results) -> Table:
    """The paper's Table 5, with guesses and people as further groups of rows."""
    scores = found.any_scores
    caption = (
        f"Pooled over {plural(scores['count'], 'slice')} of {plural(scores['utterance_count'], 'utterance')} by "
        f"{plural(scores['speakers'], 'speaker')}; labels: {_labels(found)}"
        f"{f' ({SHUFFLED})' if found.shuffled else ''}"
    )
    return table5(found, caption, found.people)


def table5(found: Results, caption: str, people: Mapping[str, Scores], before: str = "") -> Table:
    """A row per network, guess and kind of people, two columns per dimension.

    Args:
        found: the metrics.
        caption: of the table.
        people: by dimension the scores of a last row; empty for none.
        before: what the keys begin with; `utterance_` for the scores by utterance.
    """
    networks = list(next(iter(found.scores.values())))
    columns: dict[str, tuple[Column, ...]] = {
        "uar": (("WAR", value(f"{before}war")), (f"UAR [{found.level}]", bounded(f"{before}uar", f"{before}ci_"))),
        "ccc": ((f"CCC [{found.level}]", bounded(f"{before}ccc", f"{before}ci_")), ("RMSE", value(f"{before}rmse"))),
    }
    shown = columns[found.headline]
    header = [f"{dimension} {name}" for dimension in found.scores for name, _ in shown]

    def row(name: str, scores: Iterable[Scores]) -> Row:
        return (name, *(write(one) for one in scores for _, write in shown))

    groups = [tuple(row(title(net), (by[net] for by in found.scores.values())) for net in networks)]
    guesses = [name for name in GUESSES if f"{before}baseline_{name}_{found.headline}" in found.any_scores]
    if guesses:
        groups.append(tuple(_guess(found, guess, networks[0], before) for guess in guesses))
    if people:
        groups.append((row(PEOPLE, (people[name] for name in found.scores)),))
    return Table(caption, ("network", *header), tuple(groups))


def further(found: Results) -> Table | None:
    """Further scores, chance, and the test-selection gap; people's beside them where they have any."""
    key, score = found.headline, found.score
    own = {
        "uar": (("F1", value("macro_f1")), ("kappa", value("kappa")), ("CCC", value("ccc"))),
        "ccc": (("r", value("r")),),
    }
    columns = (
        *own[key],
        (f"{score} utterances", value(f"utterance_{key}")),
        (f"{score} folds", value(f"{key}_folds")),
        ("p", value("permutation_p", p_value)),
        ("p utterances", value("utterance_permutation_p", p_value)),
        ("gap", value(f"selection_gap_{key}")),
    )
    return score_table(found, "Further scores, and chance", columns, found.people)


def spread(found: Results) -> Table | None:
    """How well the predicted spread, or the probabilities, meet that of the raters, where it is the target."""
    if found.has("divergence_constant"):
        return _deviations(found)
    columns = (("cross-entropy", value("cross_entropy")), ("raters' entropy", value("cross_entropy_floor")))
    return score_table(found, "Spread of the raters, in nats", columns)


def _deviations(found: Results) -> Table | None:
    """The predicted standard deviation against the raters', and against one for all slices."""
    columns: list[Column] = [
        (f"r [{found.level}]", bounded("spread_r", "spread_r_")),
        ("p", value("spread_p", p_value)),
        ("r given the means", bounded("spread_partial_r", "spread_partial_r_")),
        ("p", value("spread_partial_p", p_value)),
        ("KL", value("divergence")),
        ("KL, one for all", value("divergence_constant")),
        *((f"within {share} %", _both(f"coverage_{share}")) for share in (50, 80, 95)),
    ]
    caption = (
        "Spread of the raters: r of predicted and raters' deviation (the ends of a scale leave no room for it, so "
        "that a mean tells some of it: read what is left given the means); KL divergence in nats; "
    )
    caption += (
        "ratings within the predicted intervals, in brackets with one deviation for all"
        if found.has("coverage_50")
        else "single ratings are left out, since labels alone were shuffled"
    )
    scored = [one for by in found.scores.values() for one in by.values() if "divergence_constant" in one]
    if any(one.get("spread_r") is None for one in scored):
        caption += (
            "; no r where the raters' deviations, or the predicted ones, are all alike: nothing is to be followed"
        )
    return score_table(found, caption, columns)


def _both(key: str) -> Callable[[Scores], str]:
    """A share, and in brackets the same with one deviation for all slices."""

    def write(scores: Scores) -> str:
        return f"{number(scores[key])} ({number(scores[f'{key}_constant'])})" if key in scores else MISSING

    return write


def selected(found: Results) -> Table | None:
    """What the networks were trained with, the paper's Tables 1 to 4; None for predictions from elsewhere."""
    tuned = found.protocol.get("selected", {})
    names = list(dict.fromkeys(name for one in tuned.values() for name in one["provenance"]))
    rows = tuple((name.replace("_", " "), *(_selected(one, name) for one in tuned.values())) for name in names)
    caption = "Values that the networks were trained with; in brackets who says so, where no search does"
    return Table(caption, ("", *map(title, tuned)), (rows,)) if rows else None


def _selected(one: Mapping[str, Any], name: str) -> str:
    """One value of one network."""
    if name not in one["provenance"]:
        return MISSING
    origin, values = one["provenance"][name], one["values"]
    alike = set(values) <= set(one["provenance"])  # not `name in values`: a fold may be called alpha
    folds = [values] if alike else list(values.values())
    value = folds[0][name] if all(fold[name] == folds[0][name] for fold in folds) else "by fold"
    said = (
        ", ".join(map(str, value)) if isinstance(value, list) else f"{value:.3g}" if isinstance(value, float) else value
    )
    return str(said) if origin == "search" else f"{said} ({origin})"


def comparisons(found: Results) -> Table:
    """The comparisons, with p as it is and corrected by Holm; says whether they were declared beforehand."""
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
    caption = "Declared comparisons" if found.declared else "All pairs, Holm over them"
    return Table(caption, header, (rows,), labels=2)


def value(key: str, write: Callable[[float | None], str] = number) -> Callable[[Scores], str]:
    """What a column of one score holds."""
    return lambda scores: write(scores.get(key))


def bounded(key: str, before: str) -> Callable[[Scores], str]:
    """What a column of a score with its interval holds; the limits are `<before>low` and `<before>high`."""
    return lambda scores: interval(scores.get(key), scores.get(f"{before}low"), scores.get(f"{before}high"))


def score_table(
    found: Results, caption: str, columns: Sequence[Column], people: Mapping[str, Scores] | None = None
) -> Table | None:
    """A group per dimension, a row per network; columns that hold nothing are left out, and None is left of none.

    Args:
        found: the metrics.
        caption: of the table.
        columns: see `Column`.
        people: by dimension the scores of a last row, for people.
    """
    omitted = () if found.ordered else ORDERED
    groups = [
        [(dimension, title(network), scores) for network, scores in networks.items()]
        + ([(dimension, "evaluators", people[dimension])] if people and dimension in people else [])
        for dimension, networks in found.scores.items()
    ]
    every = [scores for group in groups for _, _, scores in group]
    kept = [
        (name, write)
        for name, write in columns
        if name not in omitted and any(write(scores) != MISSING for scores in every)
    ]
    if not kept:
        return None
    rows = tuple(
        tuple((dimension, name, *(write(scores) for _, write in kept)) for dimension, name, scores in group)
        for group in groups
    )
    return Table(caption, ("", "network", *(name for name, _ in kept)), rows, labels=2)


def _guess(found: Results, guess: str, network: str, before: str) -> Row:
    """A guess's row, with the class that it answers by head (`-`: folds answer different ones); the same beside each
    network."""
    keys = ("war", "uar") if found.headline == "uar" else ("ccc", "rmse")
    scores = {name: found.scores[name][network] for name in found.scores}
    said = {name: one.get(f"{before}baseline_{guess}_class") for name, one in scores.items()}
    cells = (number(one[f"{before}baseline_{guess}_{key}"]) for one in scores.values() for key in keys)
    if set(said.values()) == {None}:
        return (GUESSES[guess], *cells)
    names = ", ".join(MISSING if label is None else class_name(name, label) for name, label in said.items())
    return (f"{GUESSES[guess]} ({names})", *cells)


def _labels(found: Results) -> str:
    """Whose judgement the predictions are scored against."""
    classes = f"{found.corpus['labels']['classes']} classes"
    if not found.ordered:
        return "emotion in four classes"
    if found.headline == "ccc":
        return "mean of all evaluators"
    if found.has("cross_entropy"):
        return f"mean of all evaluators, rounded to {classes}"
    return f"{rater_name(found)}, {classes}"
