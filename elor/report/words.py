"""What the page says of a network that is told the words: what it adds, and whether it hears otherwise."""

from collections.abc import Iterator

from elor.corpora.faults import plural
from elor.evidence.words import Effects, Test, Words
from elor.registry import TITLES
from elor.report.results import SCORE_TITLES
from elor.report.text import Table, interval, number, p_value

LEVEL = 0.05
TOLD, PLAIN = TITLES["elor_txt"], TITLES["elor"]


def sentences(found: Words) -> Iterator[str]:
    """What may be said, and what must be known."""
    for name, one in found.leak.items():
        if one.heard_before is not None and name != "all":
            yield (
                f"Of {one.slices:,} slices of {name} speech {100 * one.heard_before:.0f} % have a text that stands "
                "word for word in the training part."
            )
    if any((one.heard_before or 0) > 0 for one in found.leak.values()):
        yield "Such words may tell the place in a script, not the emotion: trust improvised speech and new texts."
    for head, maps in found.maps.items():
        yield (
            f"Maps of {head}: r {number(maps.plain)} between two networks without words, {number(maps.told)} between "
            f"two with words, {number(maps.between)} between one of each: {_verdict(maps, 'they look elsewhere')}."
        )
    if found.effects is not None:
        yield f"Alterations of the sound: {_verdict(found.effects, 'they answer otherwise')}."


def _verdict(test: Test, otherwise: str) -> str:
    """Whether the kinds differ; `otherwise` says how."""
    if not test.patterns:
        return "nothing to compare, since some are undefined"
    if (floor := 1 / test.patterns) > LEVEL:
        least = f"of {test.patterns} ways to name them none gives less than {number(floor)}"
        return f"too few seeds to tell (p {p_value(test.p)}; {least})"
    said = otherwise if test.p is not None and test.p <= LEVEL else "no more apart than seeds are"
    return f"{said} (p {p_value(test.p)}, {test.patterns} ways to name the networks)"


def tables(found: Words) -> list[Table]:
    """What the words add, by head and part; what alterations do to both kinds."""
    return [_added(found), *([_effects(found, found.effects)] if found.effects is not None else [])]


def _added(found: Words) -> Table:
    heads = dict.fromkeys(one.head for one in found.added)
    groups = tuple(
        tuple(
            (
                *(head, one.part, f"{one.slices:,}", number(one.told), number(one.plain)),
                *(interval(one.difference, one.ci_low, one.ci_high), p_value(one.p)),
            )
            for one in found.added
            if one.head == head
        )
        for head in heads
    )
    score = SCORE_TITLES[found.added[0].score] if found.added else ""
    caption = f"{score} of {TOLD} and of {PLAIN}, {found.terms:,} different {found.unit}"
    return Table(caption, ("", "speech", "slices", TOLD, PLAIN, "difference", "p"), groups, labels=2)


def _effects(found: Words, effects: Effects) -> Table:
    rows = tuple(
        (one.answer, one.intervention, number(one.plain), number(one.told), number(one.spread)) for one in effects.rows
    )
    caption = (
        f"Change of the answer from the lowest to the highest dose, means over {plural(found.seeds, 'network')} of "
        f"fold {found.fold}"
    )
    return Table(caption, ("answer", "alteration", PLAIN, TOLD, "spread over seeds"), (tuple(sorted(rows)),), labels=2)
