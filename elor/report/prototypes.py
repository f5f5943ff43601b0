"""What the page says of prototypes: how strong they are, their trends, the slices that come closest, what is played."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from elor.audio import SAMPLE_RATE
from elor.evidence.names import Finding
from elor.evidence.prototypes import Label, Pattern
from elor.report import series
from elor.report.exhibits import SIGNS, Exemplar, Prototype, answered, output
from elor.report.findings import Findings
from elor.report.sentences import quantity
from elor.report.text import Table, number

EXCERPT = 2 * SAMPLE_RATE
"""Samples of a prototype, or of a slice that comes close, that the page plays; the files hold all of it."""

PLAYED = 2
"""Ways of making prototypes that the page plays: what more there is would double its weight."""


@dataclass(frozen=True)
class Card:
    """What the page shows of one label: its prototype by way of making, and the real slices that come closest."""

    head: str
    label: str
    made: dict[str, Prototype]
    exemplars: list[Exemplar]


def cards(found: Findings) -> list[Card]:
    """A card per head and label, in their order."""
    made: dict[tuple[str, str], dict[str, Prototype]] = {}
    for way in series.ways(found.prototypes):
        for one in found.fig5.get(way, ()):
            made.setdefault((one.head, one.label), {})[way] = one
    near: dict[tuple[str, str], list[Exemplar]] = {}
    for exemplar in found.exemplars:
        near.setdefault((exemplar.head, exemplar.label), []).append(exemplar)
    return [Card(*key, made.get(key, {}), near.get(key, [])) for key in dict.fromkeys([*made, *near])]


def near(one: Exemplar) -> str:
    """A real slice in a line."""
    return f"{one.name}: {output(one.label)} {number(answered(one.label, one.logit))}, rated {_rated(one)}"


def described(entry: Label) -> dict[str, str]:
    """Mean and interval over the folds' networks of every descriptor that has a value, with its unit."""
    return {
        f"{name} ({unit})": f"{quantity(one.mean)} [{quantity(one.ci_low)}, {quantity(one.ci_high)}]"
        for key, (name, unit) in series.DESCRIPTOR_NAMES.items()
        if (one := entry.descriptors[key]).mean is not None
    }


def without(found: Findings) -> dict[str, list[str]]:
    """By way the descriptors that no label's prototype has a value of, in words; ways that lack none are left out."""
    lacking = {
        way: [words for key, (words, _) in series.DESCRIPTOR_NAMES.items() if not series.has_values(heads, key)]
        for way, heads in found.prototypes.table.items()
    }
    return {way: names for way, names in lacking.items() if names}


def tables(found: Findings) -> Iterator[Table]:
    """How strong prototypes are, and all slices that come closest."""
    yield from strength_tables(found)
    yield from exemplar_tables(found.exemplars)


def strength_tables(found: Findings) -> Iterator[Table]:
    """A table per way: what the shown network's prototypes reach, beside natural slices and untrained networks."""
    for key in series.ways(found.prototypes):
        heads = found.prototypes.table[key]
        groups = tuple(
            tuple((head, label, note(label, entry)) for label, entry in labels.items())
            for head, labels in heads.items()
        )
        yield Table(f"Prototypes: {series.way(key)}", ("head", "label", "how strong"), groups, labels=3)


def exemplar_tables(found: Sequence[Exemplar]) -> Iterator[Table]:
    """The slices with a label's highest logits, or the lowest and highest values, a table per head with a group per
    label."""
    heads: dict[str, dict[str, list[tuple[str, ...]]]] = {}
    for one in found:
        cells = (one.label, str(one.rank), one.name, number(answered(one.label, one.logit)), _rated(one))
        heads.setdefault(one.head, {}).setdefault(one.label, []).append(cells)
    for head, by in heads.items():
        header = ("label", "rank", "slice", output(next(iter(by))), "rated")
        yield Table(f"The slices that {head} answers most strongly", header, tuple(map(tuple, by.values())), labels=3)


def trends(found: Mapping[str, Mapping[str, Mapping[str, Pattern]]], varying: bool = False) -> Table | None:
    """The trends, or only those that vary with the label; None without any."""
    lines = tuple(
        (head, _title(name), kind.replace("_", " to "), one.direction or "-", one.verdict)
        for head, by_descriptor in found.items()
        for name, kinds in by_descriptor.items()
        for kind, one in kinds.items()
        if not varying or one.finding is Finding.varies
    )
    caption = "Trends that vary with the label" if varying else "All trends"
    header = ("head", "descriptor", "trend", "direction", "verdict")
    return Table(caption, header, (lines,), labels=5) if lines else None


def _title(descriptor: str) -> str:
    return series.DESCRIPTOR_NAMES.get(descriptor, (descriptor,))[0]


def played_ways(keys: Sequence[str]) -> list[str]:
    """The first way, which is the paper's where it was taken, and one that shares neither mode nor parametrisation."""
    first = keys[0]
    others = [key for key in keys[1:] if not set(key.split(".")) & set(first.split("."))]
    return [first, *(others or keys[1:])[: PLAYED - 1]]


def note(label: str, entry: Label) -> str:
    """Logits, or values, of the trained and the untrained networks, where they lie among natural ones, and what has
    converged."""
    best = "" if entry.converged_best_first[0] else ", the best one not"
    return (
        f"{output(label)} {_placed(label, entry.logit, entry.percentile, 'the natural slices')}; in untrained networks "
        f"{_placed(label, entry.calibrated_logit, entry.calibrated_percentile, 'theirs')}; "
        f"{entry.converged} of {entry.restarts} restarts converged{best}"
    )


def _rated(one: Exemplar) -> str:
    return one.rated if isinstance(one.rated, str) else f"{one.rated:g}"


def _placed(label: str, logit: float | None, percentile: float | None, among: str) -> str:
    """What was answered, and its percentile: that of a value which was turned round counts from the other end."""
    if logit is None:
        return "undefined"
    where = percentile if percentile is None or SIGNS.get(label, 1.0) > 0 else 100.0 - percentile
    return f"{answered(label, logit):.2f}" + ("" if where is None else f" (percentile {where:.3g} of {among})")
