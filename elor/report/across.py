"""Corpora and languages beside each other, in tables and sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from elor.corpora.faults import joined, some
from elor.evidence.across import Across, Difference, Said, Transfer
from elor.report.results import SCORE_TITLES, title
from elor.report.text import MISSING, Block, Notes, Table, interval, number, p_value

if TYPE_CHECKING:  # findings bring pandas, which a table on the terminal does not need
    from elor.report.findings import Findings

ALONE = "alone"
"""What is added to the machine's name where it was trained on one corpus alone."""

SAID = {
    "transfers": "transfers with",
    "not shown": "is not shown to transfer with",
    "turned round": "arrives turned round, worse than permuted labels, with",
}
"""Verdicts in a sentence."""


def several(found: Findings) -> bool:
    """Whether there is more than one corpus, or language, to be set beside each other."""
    return found.across is not None and bool(found.across.scores)


def blocks(across: Across | None, detailed: bool = False) -> list[Block]:
    """What is printed of several corpora: sentences and the matrix; of one nothing."""
    if across is None or not across.scores:
        return []
    notes = Notes("Across corpora", tuple(verdict_sentences(across)))
    return [notes, transfer_table(across), *(tables(across) if detailed else ())]


def rows(found: Findings) -> Iterator[dict]:
    """The cells of the transfer matrices, for the chart."""
    if found.across is None:
        return
    for one, name in _cells(found.across):
        kept = ("dimension", "trained_on", "tested_on", "value", "chance", "slices", "speakers", "verdict")
        yield {"network": _called(name)} | {key: getattr(one, key) for key in kept}


def verdict_sentences(across: Across) -> Iterator[str]:
    """What transfers and what does not, a sentence per pair of corpora and dimension."""
    abroad: dict[tuple[str, str, str], list[Transfer]] = {}
    for one in across.transfer:
        if one.tested_on not in one.trained_on.split(" + "):
            abroad.setdefault((one.trained_on, one.tested_on, one.dimension), []).append(one)
    for (trained, tested, dimension), cells in abroad.items():
        named: dict[str, list[str]] = {}
        for one in cells:
            named.setdefault(one.verdict, []).append(f"{title(one.network)} {number(one.value, 2)}")
        chance = f"chance {number(cells[0].chance, 2)}" if cells[0].classes else "nothing is 0"
        parts = [f"{words} {some(named[key])}" for key, words in SAID.items() if key in named]
        yield f"From {trained} to {tested}, {dimension} {'; '.join(parts)} ({chance})."
    yield from unlike_classes(across)


def unlike_classes(across: Across) -> Iterator[str]:
    """What must be said where UAR over some of the classes stands beside UAR over more of them."""
    having: dict[str, dict[str, int]] = {}
    for one, _ in _cells(across):
        if one.classes is not None:
            places = having.setdefault(one.dimension, {})
            places[one.tested_on] = max(one.classes, places.get(one.tested_on, 0))
    alike: dict[tuple[tuple[str, int], ...], list[str]] = {}
    for dimension, places in having.items():
        alike.setdefault(tuple(sorted(places.items())), []).append(dimension)
    for places, dimensions in alike.items():
        counts = sorted({count for _, count in places}, reverse=True)
        if len(counts) == 1:
            continue
        where = "; ".join(f"{count} in {joined([name for name, n in places if n == count])}" for count in counts)
        chances = joined([number(1 / count, 2) for count in counts])
        yield (
            f"UAR of {joined(dimensions)} is a mean over the classes that a corpus has ({where}), so chance differs "
            f"({chances}), and who learned more classes may answer with those that a corpus lacks, which is never "
            "right: between these corpora neither scores nor their differences are comparable."
        )


def transfer_table(across: Across) -> Table:
    """Every cell with its interval, chance and p."""
    groups: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    for one, name in _cells(across):
        row = (one.dimension, _called(name), one.trained_on, one.tested_on, f"{one.slices:,}", str(one.speakers))
        row += (interval(one.value, one.ci_low, one.ci_high), number(one.chance, 2), p_value(one.p_holm), one.verdict)
        groups.setdefault((one.dimension, name), []).append(row)
    score = SCORE_TITLES[across.transfer[0].score]
    header = ("", "network", "trained on", "tested on", "slices", "speakers", score, "chance", "p Holm", "shown")
    return Table("Trained on, tested on", header, tuple(map(tuple, groups.values())), labels=4)


def difference_table(caption: str, entries: Sequence[Difference], altered: bool) -> Table | None:
    """Two groups compared, row by row; of alterations with the mean of each."""
    if not entries:
        return None
    lines = []
    for one in entries:
        beside = (number(one.value_a, 2), number(one.value_b, 2)) if altered else ()
        names = (one.dimension, title(one.network), *((one.what,) if altered else ()), f"{one.a} - {one.b}")
        tested = (interval(one.difference, one.ci_low, one.ci_high), p_value(one.p), p_value(one.p_holm))
        lines.append((*names, *beside, *tested))
    if both := max(one.speakers_both for one in entries):
        caption += f"; who speaks in both ({both} at the most) is a pair"
    header = ("", "network", *(("alteration",) if altered else ()), "groups", *(("first", "second") if altered else ()))
    return Table(caption, (*header, "difference", "p", "p Holm"), (tuple(lines),), labels=4 if altered else 3)


def claims_table(across: Across) -> Table | None:
    """The claims on scores and ratings, a column per corpus or language."""
    groups = list(dict.fromkeys((one.factor, one.group) for one in across.claims))
    said = {(one.id, one.factor, one.group): one for one in across.claims}
    lines = []
    for name, claim in dict.fromkeys((one.id, one.claim) for one in across.claims):
        every = (said.get((name, factor, group)) for factor, group in groups)
        lines.append((f"that {claim}", *(MISSING if one is None else _decided(one) for one in every)))
    caption = "Claims on scores and ratings, decided in each alone; in brackets the number that the verdict hangs on"
    return Table(caption, ("claim", *(group for _, group in groups)), (tuple(lines),)) if lines else None


def _decided(one: Said) -> str:
    """The verdict, and the number that it hangs on."""
    return one.verdict if one.missing else f"{one.verdict} ({number(one.ours, 2)})"


def reasons(across: Across) -> Notes | None:
    """Why claims have no number, a sentence per reason."""
    lacking: dict[str, list[Said]] = {}
    for one in across.claims:
        if one.missing:
            lacking.setdefault(one.missing, []).append(one)
    said = []
    for reason, some_claims in lacking.items():
        count = len({one.id for one in some_claims})
        where = joined(list(dict.fromkeys(one.group for one in some_claims)))
        said.append(f"{'One claim' if count == 1 else f'{count} claims'} in {where}: {reason}.")
    return Notes("Why some have no number", tuple(said)) if said else None


def tables(across: Across) -> list[Block]:
    """Differences of scores and of alterations, the claims, and why some of these have no number."""
    moved = "Alterations compared: mean change of the answer at the strongest dose"
    every = (
        difference_table("Scores compared: speakers dealt out anew between the two", across.scores, altered=False),
        difference_table(moved, across.alterations, altered=True),
        claims_table(across),
        reasons(across),
    )
    return [one for one in every if one is not None]


def _cells(across: Across) -> Iterator[tuple[Transfer, str]]:
    yield from ((one, one.network) for one in across.transfer)
    yield from ((one, f"{one.network} {ALONE}") for one in across.machine)


def _called(name: str) -> str:
    """A network's title, and what stands behind its name."""
    first, _, rest = name.partition(" ")
    return f"{title(first)} {rest}".strip()
