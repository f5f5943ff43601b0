"""Whether two runs have the same numbers: metrics, the tables behind the plots, and the hashes in dvc.lock."""

import csv
import io
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elor.corpora.faults import plural, some
from elor.errors import UserError
from elor.runs.run import Run, open_run

HEADLINE = ("metrics/uar.json", "metrics/war.json")

Leaf = str | float | bool | None


@dataclass(frozen=True)
class Difference:
    """What differs in one file.

    Attributes:
        file: its path.
        numbers: how many numbers differ.
        largest: the largest absolute difference of a number; 0 if none differs.
        where: the key, or row and column, of that number.
        others: how many texts differ, and entries that only one of the two runs has.
    """

    file: str
    numbers: int = 0
    largest: float = 0.0
    where: str = ""
    others: int = 0


@dataclass(frozen=True)
class Comparison:
    """Two runs beside each other.

    Attributes:
        one, other: their names.
        files: how many files of metrics and plot data either of them has.
        numbers: how many numbers of `one` were looked at.
        differences: of the files that differ, the headline's first, then by path.
        outputs: how many outputs the dvc.lock of either names.
        changed: those whose hashes differ, and those that only one of them names.
        params, inputs: parameters, and code and data that no stage makes, that differ: why numbers may.
        made_on: for either the processors, as far as that was recorded.
    """

    one: str
    other: str
    files: int
    numbers: int
    differences: list[Difference]
    outputs: int
    changed: list[str]
    params: list[str]
    inputs: list[str]
    made_on: tuple[list[str], list[str]]

    @property
    def same(self) -> bool:
        """Whether nothing that was made differs."""
        return not self.differences and not self.changed


def compare(one: str | Path, other: str | Path) -> Comparison:
    """Compare two runs number by number.

    Args:
        one, other: each a folder, or a commit, branch, tag or DVC experiment of this repository.

    Raises:
        UserError: if one of them is not there or has no results.
    """
    runs = open_run(one), open_run(other)
    files = [set(run.files()) for run in runs]
    for run, names in zip(runs, files, strict=True):
        if not names:
            raise UserError(f"{run.name} holds no results in metrics/ and plots/data/; run that one with `dvc repro`.")
    differences, numbers = [], 0
    for name in sorted(files[0] | files[1], key=lambda name: (name not in HEADLINE, name)):
        leaves = [_leaves(run, name) if name in names else {} for run, names in zip(runs, files, strict=True)]
        numbers += sum(is_number(leaf) for leaf in leaves[0].values())
        if (found := _difference(name, *leaves)) is not None:
            differences.append(found)
    locked = runs if all(run.stages for run in runs) else (runs[0], runs[0])  # without dvc.lock: files alone
    return Comparison(
        one=runs[0].name,
        other=runs[1].name,
        files=len(files[0] | files[1]),
        numbers=numbers,
        differences=differences,
        outputs=len(runs[0].outputs().keys() | runs[1].outputs().keys()) if locked is runs else 0,
        changed=_unequal(*(run.outputs() for run in locked)),
        params=_unequal(*(run.params for run in locked)),
        inputs=_unequal(*(run.inputs() for run in locked)),
        made_on=(runs[0].made_on(), runs[1].made_on()),
    )


def sentence(found: Comparison) -> str:
    """The comparison in one line: whether all numbers were reproduced, by how much not, made on what."""
    whose = "committed number" if found.one == "HEAD" else f"number of {found.one}"
    made = f"made on {' and '.join(found.made_on[0])}" if found.made_on[0] else "made on a processor not recorded"
    called = {"HEAD": "the committed run", ".": "this folder"}
    one, other = (called.get(name, name) for name in (found.one, found.other))
    of = f"{one} was {made}"
    if found.same:
        hashed = f", and {plural(found.outputs, 'output')} that dvc.lock names" if found.outputs else ""
        return f"Every {whose} was reproduced: {found.numbers:,} in {plural(found.files, 'file')}{hashed}; {of}."
    headline = [one for one in found.differences if one.file in HEADLINE and one.numbers]
    first = max(headline, key=lambda one: one.largest, default=None)
    parts = [f"{sum(one.numbers for one in found.differences):,} of {found.numbers:,} numbers"]
    if texts := sum(one.others for one in found.differences):
        parts.append(f"{texts:,} texts or entries")
    if found.changed:
        parts.append(f"{len(found.changed)} of {found.outputs} outputs that dvc.lock names")
    by = f", scores by up to {first.largest:.4g} ({first.where} of {first.file})" if first else ", no headline score"
    causes = [*found.params, *found.inputs]
    why = f" Other in {other}: {some(causes, 5)}." if causes else ""
    here = f", {other} on {' and '.join(found.made_on[1])}" if found.made_on[1] else ""
    return f"Not every {whose} was reproduced: {', '.join(parts)} differ{by}; {of}{here}.{why}"


def _unequal(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The keys whose values differ, or that only one has."""
    missing = object()
    return sorted(key for key in one.keys() | other.keys() if one.get(key, missing) != other.get(key, missing))


def _difference(name: str, one: dict[str, Leaf], other: dict[str, Leaf]) -> Difference | None:
    """How two versions of a file differ; None if they do not."""
    numbers, others, largest, where = 0, 0, 0.0, ""
    for key in sorted(one.keys() | other.keys()):
        pair = one.get(key), other.get(key)
        both = key in one and key in other
        if both and pair[0] == pair[1] and is_number(pair[0]) == is_number(pair[1]):  # true is not 1
            continue
        if both and all(map(is_number, pair)):
            numbers += 1
            apart = abs(pair[0] - pair[1])
            if apart > largest or not where:
                largest, where = apart, key
        else:
            others += 1
    return Difference(name, numbers, largest, where, others) if numbers or others else None


def _leaves(run: Run, name: str) -> dict[str, Leaf]:
    """Every number and text of a file by its key; of a CSV by row and column, of any other file the text itself."""
    if name.endswith(".json"):
        return dict(_flat("", run.json(name)))
    text = run.read(name) or ""
    if name.endswith(".csv"):
        header, *rows = list(csv.reader(io.StringIO(text))) or [[]]
        cells = {
            f"{header[number] if number < len(header) else number}, row {place}": _cell(cell)
            for place, row in enumerate(rows, 1)
            for number, cell in enumerate(row)
        }
        return {"columns": ",".join(header), "rows": str(len(rows)), **cells}
    return {"text": text}


def _flat(key: str, value: Any) -> Iterator[tuple[str, Leaf]]:
    """The leaves of a JSON value by their dotted keys; an empty list or object is one too."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not parts or not value:
        yield key, json.dumps(value) if isinstance(value, (dict, list)) else value
    for name, item in parts:
        yield from _flat(f"{key}.{name}" if key else str(name), item)


def _cell(text: str) -> Leaf:
    """A number if it is one."""
    try:
        value = float(text)
    except ValueError:
        return text
    return value if math.isfinite(value) else text


def is_number(value: object) -> bool:
    """Whether a value of a JSON file or a table is a number; NaN and infinity are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
