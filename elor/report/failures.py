"""Where networks fail, as tables: confusions, scores by group of slices, what probabilities are worth, and training."""

from collections.abc import Iterator

from elor.corpora.faults import joined, plural
from elor.report import series
from elor.report.findings import Findings
from elor.report.results import class_name, title
from elor.report.text import MISSING, Table, interval, number

FACTORS = {
    "speaker": "speaker",
    "gender": "gender",
    "session": "session",
    "scenario": "scenario",
    "corpus": "corpus",
    "language": "language",
    "length": "seconds of speech in the slice",
    "agreement": "agreement among the raters",
}
"""The groups that are shown, and what they are called."""


def factors(found: Findings) -> dict[str, str]:
    """Those of `FACTORS` that the run has groups of."""
    known = set(series.groups(found)["factor"])
    return {factor: words for factor, words in FACTORS.items() if factor in known}


def left_out(found: Findings) -> str:
    """Which groups are too many to be shown; empty where none are."""
    many = [
        f"{FACTORS.get(factor, factor)} ({plural(count, 'group')})" for factor, count in series.crowded(found).items()
    ]
    return f"Too many to be shown: {joined(many)}; they stand in plots/data/scores/breakdown.csv." if many else ""


def group_tables(found: Findings) -> Iterator[Table]:
    """A table per dimension: a row per group, a column per network."""
    for dimension, rows in series.groups(found).groupby("dimension", sort=False):
        networks, lines = list(dict.fromkeys(rows["network"])), []
        for factor in FACTORS:
            some = []
            for name, part in rows[rows["factor"] == factor].groupby("group", sort=False):
                one, by_network = part.iloc[0], part.set_index("network")
                classes = MISSING if one.isna()["classes"] else f"{one['classes']:g}"
                known = (by_network.loc[net, ["value", "low", "high"]].astype(float) for net in networks)
                cells = (interval(*(None if value != value else value for value in values)) for values in known)
                some.append((FACTORS[factor], str(name), str(one["slices"]), str(one["speakers"]), classes, *cells))
            lines += [tuple(some)] if some else []
        header = ("", "group", "slices", "speakers", "classes", *map(title, networks))
        caption = f"{found.results.score} of {dimension} by group, with {found.results.level} intervals"
        yield Table(f"{caption} over speakers", header, tuple(lines), labels=2)


def confusion_tables(found: Findings) -> Iterator[Table]:
    """A table per dimension and network: rated classes down, predicted ones across."""
    for dimension, networks in found.confusion.items():
        for network, counts in networks.items():
            classes = tuple(class_name(dimension, label) for label in range(len(counts)))
            rows = tuple((name, *map(str, row)) for name, row in zip(classes, counts, strict=True))
            caption = f"{title(network)}, {dimension}: slices by rated class (down) and predicted class (across)"
            yield Table(f"{caption}, n = {counts.sum()}", ("rated", *classes), (rows,))


def bin_tables(found: Findings) -> Iterator[Table]:
    """A table per dimension: the bins of confidence of every network, and its expected calibration error."""
    for dimension, rows in series.reliability(found).groupby("dimension", sort=False):
        lines = tuple(
            tuple(
                (
                    one["network"],
                    f"{one['low']:.2f}-{one['high']:.2f}",
                    f"{one['count']:g}",
                    number(one["confidence"]),
                    number(one["accuracy"]),
                )
                for _, one in part.iterrows()
            )
            for _, part in rows.groupby("network", sort=False)
        )
        scores = found.results.scores[str(dimension)]
        said = ", ".join(f"{title(network)} {number(one.get('ece'))}" for network, one in scores.items())
        header = ("network", "bin", "slices", "mean probability", "share of hits")
        yield Table(f"Reliability of {dimension}; ECE: {said}", header, lines, labels=2)


def training_tables(found: Findings) -> Iterator[Table]:
    """A table per network: of each fold the epoch whose weights were kept and the last one, with their scores."""
    for network, curves in found.curves.items():
        lines = []
        for fold, rows in curves.groupby("fold", sort=False):
            kept, last = rows.loc[rows["selected"].idxmax()], rows.iloc[-1]
            cells = (f"{kept['epoch']:g}", number(kept["score"]), f"{last['epoch']:g}", number(last["score"]))
            lines.append((str(fold), *cells))
        header = ("fold", "epoch kept", "validation score", "last epoch", "validation score")
        if lines:
            yield Table(f"Training of {title(network)}: its epochs, counted from 0", header, (tuple(lines),))
