"""What is printed of scores on demand: other intervals, scores beside the headline, calibration, each rater."""

from collections.abc import Iterator
from typing import Any

from elor.report.results import SCORE_TITLES, Results, Scores, title
from elor.report.score_tables import Column, bounded, score_table, table5, value
from elor.report.text import MISSING, Row, Table, interval, number

CALIBRATION: tuple[Column, ...] = ("slices", value("ece")), ("utterances", value("utterance_ece"))
MOST_RATERS = 20
"""Raters and pairs of raters that are listed, those with the most ratings; a corpus may have thousands."""


def tables(found: Results) -> list[Table]:
    """All tables, those that hold something."""
    score = found.score
    every: list[Table | None] = []
    if found.has(f"utterance_{found.headline}"):
        every.append(table5(found, "Averaged over each utterance's slices", {}, "utterance_"))
    every += [
        score_table(found, f"{score} by {unit}: {found.level} intervals over speakers", _intervals(score, before))
        for unit, before in (("slice", ""), ("utterance", "utterance_"))
        if found.has("ci_low")
    ]
    every += [
        score_table(found, "Beside the headline", _beside(found)),
        score_table(found, "Means over folds; on the right, over speakers", _means(found)),
        score_table(found, "Calibration: expected calibration error", CALIBRATION),
    ]
    return [table for table in (*every, _raters(found), _pairs(found), *_groups(found)) if table is not None]


def _groups(found: Results) -> Iterator[Table]:
    """The headline by speaker, gender, session, ..: a table per dimension, a column per network."""
    score = found.headline
    for dimension in found.scores:
        rows: dict[tuple[str, str], dict[str, Any]] = {}
        for row in found.breakdown:
            if row["dimension"] == dimension:
                rows.setdefault((row["factor"], row["group"]), {})[row["network"]] = row
        factors = dict.fromkeys(factor for factor, _ in rows)
        cells = {
            (factor, group): (
                factor,
                group,
                f"{next(iter(by.values()))['slices']:,}",
                *(interval(one[score], one["ci_low"], one["ci_high"]) for one in by.values()),
            )
            for (factor, group), by in rows.items()
        }
        if cells:
            groups = tuple(tuple(row for (of, _), row in cells.items() if of == factor) for factor in factors)
            header = ("", "", "slices", *(f"{title(net)} {SCORE_TITLES[score]}" for net in found.scores[dimension]))
            yield Table(f"{dimension} by group; a group's UAR goes over the classes that it has", header, groups, 2)


def _intervals(score: str, before: str) -> tuple[Column, ...]:
    key = before + score.lower()
    return (
        (score, value(key)),
        ("jackknife t", _limits(f"{before}ci_")),
        ("bootstrap-t", _limits(f"{before}bootstrap_t_")),
        ("percentile", _limits(f"{before}bootstrap_")),
        ("covers", value(f"{before}bootstrap_covers", _percent)),
    )


def _beside(found: Results) -> tuple[Column, ...]:
    if found.headline == "uar":
        return (
            (f"WAR [{found.level}]", bounded("war", "war_ci_")),
            (f"WAR utterances [{found.level}]", bounded("utterance_war", "utterance_war_ci_")),
            ("WAR folds", value("war_folds")),
        )
    return (
        ("r", value("r")),
        ("r utterances", value("utterance_r")),
        ("RMSE", value("rmse")),
        ("RMSE utterances", value("utterance_rmse")),
    )


def _means(found: Results) -> tuple[Column, ...]:
    if found.headline == "uar":
        return (
            ("UAR", value("uar_folds")),
            ("F1", value("macro_f1_folds")),
            ("kappa", value("kappa_folds")),
            ("CCC", value("ccc_folds")),
            (f"UAR, speakers [{found.level}]", bounded("uar_speakers", "uar_speakers_")),
        )
    return (
        ("CCC", value("ccc_folds")),
        ("r", value("r_folds")),
        ("RMSE", value("rmse_folds")),
        (f"CCC, speakers [{found.level}]", bounded("ccc_speakers", "ccc_speakers_")),
    )


def _limits(before: str) -> Any:
    """What a column of limits alone holds."""

    def write(scores: Scores) -> str:
        low, high = scores.get(f"{before}low"), scores.get(f"{before}high")
        return MISSING if low is None or high is None else interval(0.0, low, high).split(" ", 1)[1]

    return write


def _percent(share: float | None) -> str:
    return MISSING if share is None else f"{100 * share:.0f} %"


def _raters(found: Results) -> Table | None:
    """Each rater's ratings as predictions of the chosen rater's, or of the mean of the others."""
    columns = _rated(found)

    def row(dimension: str, one: Scores) -> Row:
        name = one["rater"] + (" (self-report)" if one["kind"] == "self" else "")
        return (dimension, name, f"{one['ratings']:,}", *(write(one) for _, write in columns))

    listed = ((dimension, _most(part["raters"], "ratings")) for dimension, part in _people(found))
    groups = tuple(tuple(row(dimension, one) for one in some) for dimension, some in listed if some)
    if not groups:
        return None
    header = ("", "rater", "ratings", *(name for name, _ in columns))
    caption = f"Raters as predictors of {found.reference}{_rest(found, 'raters')}"
    return Table(caption, header, groups, labels=2)


def _rated(found: Results) -> tuple[Column, ...]:
    if found.headline == "uar":
        return ("WAR", value("war")), (f"UAR [{found.level}]", bounded("uar", "ci_")), ("kappa", value("kappa"))
    return (f"CCC [{found.level}]", bounded("ccc", "ci_")), ("RMSE", value("rmse")), ("kappa", value("kappa"))


def _pairs(found: Results) -> Table | None:
    """How far every two evaluators agree, and all of them together."""
    groups = []
    for dimension, part in _people(found):
        rows = [
            (dimension, f"{p['a']}, {p['b']}", f"{p['utterances']:,}", number(p["exact"]), number(p["kappa"]), MISSING)
            for p in _most(part["pairs"], "utterances")
        ]
        if rows:
            every = part.get("pairs_summary", {})
            means = (number(every.get("exact")), number(every.get("kappa")))
            groups.append((*rows, (dimension, "all pairs, all evaluators", MISSING, *means, number(part["alpha"]))))
    if not groups:
        return None
    header = ("", "evaluators", "utterances", "same class", "kappa", "alpha")
    return Table(f"Evaluators with each other{_rest(found, 'pairs')}", header, tuple(groups), labels=2)


def _people(found: Results) -> Iterator[tuple[str, dict[str, Any]]]:
    """What agreement.json says of each dimension that was scored."""
    return (
        (dimension, found.agreement[dimension])
        for dimension in found.scores
        if "raters" in found.agreement.get(dimension, {})
    )


def _most(entries: list[Scores], by: str) -> list[Scores]:
    """Those with the most of something, in their own order."""
    kept = sorted(entries, key=lambda one: -one[by])[:MOST_RATERS]
    return [one for one in entries if one in kept]


def _rest(found: Results, what: str) -> str:
    count = max(part.get(f"{what}_summary", {}).get(what, len(part[what])) for _, part in _people(found))
    return f"; the {MOST_RATERS} of {count:,} with the most ratings" if count > MOST_RATERS else ""
