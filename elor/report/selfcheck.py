"""The tables of `elor selfcheck`: what each method finds, what the networks rest on, and what the trained ones use."""

from collections.abc import Iterator, Mapping

from elor.explain.selfcheck.scoring import WIDE
from elor.explain.selfcheck.suite import EXPECTED
from elor.report.text import Block, Notes, Table, number

COLUMNS = {
    "disjoint": "two cues",
    "frequency": "pitch",
    "pauses": "pauses",
    "hum": "hum",
    "random labels": "random labels",
}
"""The planted sets with a place to find, as they are called in the table."""

HOW = (
    "AUC: the chance that a 50-ms segment (a mel band) of the planted cue ranks above another one; mean over networks "
    "trained from other weights on other signals. In brackets the same of untrained networks on the same signals.",
    "A method finds a cue if the 95 % t-interval of its AUC over networks lies above 0.5, that of the difference to "
    "untrained networks in the mass on the cue above 0, and the mean AUC is at least 0.8 (below that it points to it). "
    "With two cues, a head's own must rank above the other head's, or the method marks sounds.",
    "Distractor: share of the map's mass on a part that is five times as loud and that no class depends on.",
)


def blocks(found: Mapping) -> list[Block]:
    """All tables of a self-check.

    Args:
        found: what `elor.commands.selfcheck.measured` returns: `methods`, `learned`, `networks`, `failures`, and for
            the demonstration corpus `corpus`.
    """
    parts: list[Block] = [_methods(found), _verdicts(found), _learned(found)]
    if found.get("corpus"):
        parts += [_cues(found["corpus"]), _maps(found["corpus"])]
    failures = found["failures"] or tuple(_passed(found["methods"]))
    return [*parts, Notes("How to read it", HOW), Notes("Verdict", tuple(failures))]


def _passed(methods: Mapping) -> Iterator[str]:
    """What was required and is met, and what cannot be told; all else in the table is a finding."""
    wide = {(cue, method) for cue, method in EXPECTED if methods[cue][method]["verdict"] == WIDE}
    if wide:
        yield f"Too few networks to tell ({_listed(wide)}): the intervals are wide. Run it without --quick."
    which = "Each other cue" if wide else "Each cue"
    met = f"({_listed(EXPECTED - wide)})"
    yield f"{which} is found by the methods that must find it {met}, and none is found in random labels."


def _listed(pairs: set[tuple[str, str]]) -> str:
    """Cues with the methods that they are to be found by."""
    by_cue = {name: sorted(f"`{method}`" for cue, method in pairs if cue == name) for name in COLUMNS}
    return "; ".join(f"{COLUMNS[name]} by {' and '.join(methods)}" for name, methods in by_cue.items() if methods)


def _methods(found: Mapping) -> Table:
    """Method by cue: the AUC, untrained in brackets; for two cues also the distractor and r of the two heads' maps."""
    names = list(dict.fromkeys(method for entries in found["methods"].values() for method in entries))
    rows = tuple(
        (
            method,
            *(_cell(found["methods"][name].get(method)) for name in COLUMNS),
            *(_mean(found["methods"]["disjoint"].get(method), score) for score in ("distractor", "between")),
        )
        for method in names
    )
    header = ("method", *COLUMNS.values(), "distractor", "r of two heads")
    return Table(f"Which methods find a planted cue: AUC over {found['networks']} networks", header, (rows,))


def _verdicts(found: Mapping) -> Table:
    rows = tuple(
        (COLUMNS[name], method, entry["verdict"])
        for name, entries in found["methods"].items()
        for method, entry in entries.items()
    )
    return Table("The verdicts", ("cue", "method", "verdict"), (rows,), labels=3)


def _learned(found: Mapping) -> Table:
    """What interventions say of the same networks, and the paper's r(S, x) beside that."""
    columns = ("accuracy", "own", "other", "gain", "guided_r")
    rows = tuple(
        (name, *(number(value["trained"][key], 2) for key in columns), number(value["initial"]["guided_r"], 2))
        for name, value in found["learned"].items()
    )
    header = ("set", "accuracy", "own cue", "other cue", "gain", "r(S, x) guided", "untrained")
    caption = (
        "What the networks rest on: share of predictions that change when their own head's cue is swapped, when the "
        "other head's is, and when the level moves by 10 dB; and the paper's r(S, x), which does not tell them apart"
    )
    return Table(caption, header, (rows,))


def _cues(corpus: Mapping) -> Table:
    """Which planted cues the trained networks use, and whether the alteration of the sound says the same."""
    heads = list(next(iter(corpus["cues"].values()))["heads"])
    rows = tuple(
        (
            cue,
            *(number(entry["planted"][mood], 2) for mood in ("arousal", "valence")),
            *(_change(entry["heads"][head]["cue"]) for head in heads),
            entry["alteration"] or "",
            *(_change(entry["heads"][head].get("alteration")) for head in heads),
        )
        for cue, entry in corpus["cues"].items()
    )
    header = ("cue", "planted A", "planted V", *heads, "alteration", *heads)
    caption = (
        "What ELoR uses of the demonstration corpus: change of its answer (expected label, value, or an emotion's "
        "probability) when the same utterance is spoken with one cue a standard deviation higher "
        f"({corpus['utterances']} utterances, {corpus['speakers']} speakers; "
        "* the 95 % interval over speakers excludes 0), and when the finished sound is altered instead. Planted: "
        "correlation of the cue with the latent mood"
    )
    return Table(caption, header, (rows,))


def _maps(corpus: Mapping) -> Table:
    rows = tuple(
        (method, f"{100 * entry['change']:+.1f}", f"[{100 * entry['low']:.1f}, {100 * entry['high']:.1f}]")
        for method, entry in corpus["maps"].items()
    )
    caption = "Share of ELoR's maps in the planted pauses, less their share of the time, in per cent"
    return Table(caption, ("method", "excess", "over speakers"), (rows,))


def _cell(entry: Mapping | None) -> str:
    return "" if entry is None else f"{entry['auc']['mean']:.2f} ({entry['initial']['auc']:.2f})"


def _mean(entry: Mapping | None, score: str) -> str:
    return "" if entry is None else number(entry[score]["mean"], 2)


def _change(effect: Mapping | None) -> str:
    if effect is None:
        return ""
    return f"{effect['change']:+.3f}" + ("" if effect["low"] <= 0 <= effect["high"] else "*")
