"""Writes docs/evidence.md, every key of every file in metrics/, from the models: `python -m benchmarks.evidence`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import get_args

from pydantic import BaseModel, RootModel

from benchmarks.measure import ROOT
from benchmarks.publish import command
from elor.evidence import names
from elor.evidence.across import Across
from elor.evidence.agreement import Agreement
from elor.evidence.claims import Claims
from elor.evidence.comparisons import Comparisons
from elor.evidence.corpus import Corpus
from elor.evidence.interventions import Interventions
from elor.evidence.protocol import Protocol
from elor.evidence.prototypes import Prototypes
from elor.evidence.saliency import Saliency
from elor.evidence.scores import Headline, Level, Scores, Unasked
from elor.evidence.tables import Table
from elor.evidence.words import Words
from elor.explain.claims.decide import CASES
from elor.files import write_text
from elor.report.sentences import VERDICTS

PAGE = ROOT / "docs" / "evidence.md"

FILES: tuple[type[BaseModel], ...] = (
    Headline,
    Scores,
    Unasked,
    Comparisons,
    Agreement,
    Protocol,
    Corpus,
    Saliency,
    Prototypes,
    Interventions,
    Claims,
    Words,
    Across,
)

HEAD = """# Every key of every file in `metrics/`

This page is made from the models in `elor/evidence` (`python -m benchmarks.evidence`; a test says if it is current).
Each file begins with its `schema`, a name and a version. A file of another version, or a damaged one, is refused in one
sentence. What is undefined is `null`; a key that does not apply is absent. Numbers are rounded to four digits (six in
`interventions.json` and `claims.json`), p values to four that count. docs/scores.md has the formulas of the scores.

The three largest keep what people read; the bulk is in tables below `data/evidence/`, CSV, which the file names under
`tables`, each with its digest. Their columns are the names in braces below and the keys of a part, those of its parts
with a dot; a list is JSON, `nan` is undefined, an empty cell absent; a text that reads like one of these (the language
`nan`) is JSON, too, in quotation marks. `elor.evidence.model.read` puts all together.
"""


def page() -> str:
    """The whole page, as Markdown."""
    before = (None, *FILES[:-1])
    parts = [HEAD, _cases(), *map(_file, FILES, before), _words()]
    return "\n".join(parts)


def _file(kind: type[BaseModel], before: type[BaseModel] | None) -> str:
    """A file: what it is, its keys, and those of its parts; what it shares with the one before is said there."""
    module, schema = inspect.getmodule(kind), getattr(kind, "SCHEMA", "")
    where = [_line((module.__doc__ or "").split("\n\n")[0]), ""]
    said = before is not None and inspect.getmodule(before) is module
    lines = [f"## {kind.__name__}", "", *([] if said else where), _line(kind.__doc__ or ""), ""]
    if schema:
        lines += [f"Schema `{schema}`.", ""]
    if tables := getattr(kind, "TABLES", ()):
        lines += [*(f"- `{table.name}.csv`: {_rows(table)}" for table in tables), ""]
    if not issubclass(kind, RootModel):
        for part in _parts(kind):
            lines += [
                *([] if part is kind else [f"### {part.__name__}", "", _line(part.__doc__), ""]),
                *_table(part),
                "",
            ]
    return "\n".join(lines)


def _rows(table: Table) -> str:
    """What a row of a table is."""
    kept = f", without {', '.join(f'`{key}`' for key in table.kept)}" if table.kept else ""
    return f"a row for each `{table.place}`{kept}"


def _parts(kind: type[BaseModel]) -> list[type[BaseModel]]:
    """A model and all that it is made of, each once, outermost first."""
    found = [kind]
    for part in found:
        for field in part.model_fields.values():
            found += [one for one in _models(field.annotation) if one not in found]
    return found


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def _table(kind: type[BaseModel]) -> list[str]:
    """The keys of a model; those per utterance are said once, as they repeat those per slice."""
    lines = ["| key | type | what |", "| :-- | :-- | :-- |"]
    for name, field in kind.model_fields.items():
        if name.startswith("utterance_"):
            continue
        said = _line(field.description or "").replace("|", r"\|")
        lines.append(f"| `{field.alias or name}` | {_type(field.annotation)} | {said} |")
    if issubclass(kind, Level):
        lines.append("| `recall_<k>` | number | recall of class k, n_kk / n_k. |")
        some = f"`utterance_{next(iter(Level.model_fields))}`"
        lines.append(
            f"| {some}, ... | | each of the keys from `count` to `permutation_999` and `recall_<k>`, by utterance |"
        )
    return lines


def _type(annotation: object) -> str:
    """A type in words of JSON."""
    text = annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else str(annotation)
    text = re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", text)
    for python, word in (
        ("float | None", "number"),
        ("int | None", "integer"),
        (" | None", ""),
        ("tuple", "list"),
        (", ...", ""),
        ("dict[str, ", "by name ["),
        ("str", "text"),
        ("bool", "true or false"),
        ("float", "number"),
        ("int", "integer"),
    ):
        text = re.sub(rf"(?<!\w){re.escape(python)}(?!\w)" if python.isalpha() else re.escape(python), word, text)
    return text.replace("|", "or")


def _cases() -> str:
    """How verdicts come about, as a table."""
    lines = [
        "## The table of cases",
        "",
        "How the pieces of a claim become its verdict: the first row that fits, by where pieces point; no row asks for",
        "their p. A piece that only stands beside the claim (role `illustrates`) does not count.",
        "A condition that can only stop a claim (a map no less like the input than untrained networks', or two heads'",
        "maps no less alike than one head's of two classes: random heads draw such maps) stands beside it otherwise.",
        "",
        "| case | where it fits | verdict | if this survives the correction |",
        "| :-- | :-- | :-- | :-- |",
        *(f"| {row.case} | {row.said} | {row.verdict} | {row.p} |" for row in CASES),
        f"| {names.Case.chance} | the p of {names.Case.against} or {names.Case.agree} does not survive | "
        f"{names.Verdict.undecided} | |",
        "",
    ]
    return "\n".join(lines)


def _words() -> str:
    """The words that stand in several files, and what each means."""
    lines = ["## Vocabulary", ""]
    for kind in (names.Control, names.Reference, names.Role, names.Finding, names.Case, names.Verdict):
        lines += [f"**{kind.__name__}**: {_line(kind.__doc__)}", "", *_members(kind), ""]
    return "\n".join(lines)


def _members(kind: type[StrEnum]) -> Iterator[str]:
    said = {one: one.words for one in names.Control} | VERDICTS
    for member in kind:
        yield f"- `{member}`" + (f": {said[member]}" if member in said else "")


def _line(text: str) -> str:
    """In one line, with what would be taken for HTML escaped, unless it stands in backticks."""
    parts = " ".join(inspect.cleandoc(text).split()).split("`")
    return "`".join(part if place % 2 else part.replace("<", "&lt;") for place, part in enumerate(parts))


def main() -> None:
    """Write the page."""
    write_text(PAGE, page())


if __name__ == "__main__":
    command(main)
