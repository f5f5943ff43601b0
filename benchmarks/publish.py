"""Where numbers go: raw into benchmarks/results/<name>.json, as tables between the markers of a page.

A marker pair is `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`; only what stands between them is replaced.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import typer

from benchmarks.measure import ROOT, machine
from elor.errors import UserError
from elor.files import write_json, write_text
from elor.report.text import Block, Format, render

RESULTS = ROOT / "benchmarks" / "results"
PAGES = (ROOT / "README.md", ROOT / "benchmarks" / "README.md", *sorted((ROOT / "docs").glob("*.md")))

Measure = Callable[[], dict[str, Any]]
Tables = Callable[[dict[str, Any]], Sequence[Block]]


def publish(
    name: str,
    benchmark: str,
    measure: Measure,
    tables: Tables,
    headline: Tables | None = None,
    adding: bool = False,
) -> dict[str, Any]:
    """Measure, keep the numbers, print the tables and write them into their page.

    Args:
        name: of the results and the markers.
        benchmark: the module that can turn the numbers into tables again.
        measure, tables: its two functions.
        headline: what of it stands in the README as well, between the markers `<name>-headline`.
        adding: whether what was measured holds numbers that were there already: under the tables stand all of their
            dates and commits.

    Returns:
        What was measured.

    Raises:
        UserError: if no page has the markers; the numbers are kept all the same.
    """
    on, started = machine(), time.monotonic()
    measured = measure()
    on |= {"load_average_after": [round(value, 2) for value in os.getloadavg()]}
    record = {"benchmark": benchmark, "machine": on, "seconds": time.monotonic() - started, "measured": measured}
    if adding:
        record["earlier"] = _earlier(RESULTS / f"{name}.json", on)
    write_json(RESULTS / f"{name}.json", record, digits=6)
    (RESULTS / f"{name}.parts.json").unlink(missing_ok=True)
    republish(RESULTS / f"{name}.json", tables, headline)
    return measured


def runs_of(name: str) -> list[dict[str, Any]]:
    """The runs that the results of a benchmark hold, to which others are added."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text())["measured"]["runs"] if path.exists() else []


def _earlier(path: Path, on: dict[str, Any]) -> list[dict[str, str]]:
    """Dates and commits of the numbers that are there, without those of today's commit."""
    record = json.loads(path.read_text()) if path.exists() else {}
    made = [*record.get("earlier", []), *([record["machine"]] if record else [])]
    return [{"date": one["date"], "commit": one["commit"]} for one in made if one["commit"] != on["commit"]]


def resumed(
    name: str, what: dict[str, Any], parts: Iterable[str], make: Callable[[str], dict[str, Any]], workers: int = 1
) -> list[dict[str, Any]]:
    """Parts of a long measurement, each kept as soon as it is made: run again, it goes on where it was ended.

    Args:
        name: of the results; the parts are kept in benchmarks/results/<name>.parts.json until all are there.
        what: all that decides a part but its name and the code; parts of anything else are made anew.
        parts: their names.
        make: makes one of them, in a process of its own that may make more.
        workers: how many processes.

    Returns:
        One per name, each with its `name`, its `seconds`, and the `commit` that made it.
    """
    path, parts = RESULTS / f"{name}.parts.json", list(parts)
    record = json.loads(path.read_text()) if path.is_file() else {}
    made_of = json.dumps(what, sort_keys=True)  # as text, whose numbers are not rounded
    found = record["parts"] if record.get("what") == made_of else {}
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        left = [pool.submit(_part, make, part) for part in parts if part not in found]
        for future in as_completed(left):
            if future.exception() is None:
                one = future.result()
                found[one["name"]] = one
                write_json(path, {"what": made_of, "parts": found}, digits=6)
                print(f"{name}: {one['name']} {one['seconds']:.0f} s, {len(found)} of {len(parts)}", flush=True)
    for future in left:
        future.result()  # raises what went wrong, once all that went well is kept
    return [found[part] for part in parts]


def known(asked: Iterable[str], names: Iterable[str]) -> None:
    """Refuse names that are none of these.

    Raises:
        UserError: naming the first of them.
    """
    names = list(names)
    if (unknown := next((name for name in asked if name not in names), None)) is not None:
        raise UserError(f"There is no {unknown}; choose {', '.join(names)}.")


def _part(make: Callable[[str], dict[str, Any]], name: str) -> dict[str, Any]:
    started = time.monotonic()
    made = make(name)
    return {"name": name, "seconds": time.monotonic() - started, "commit": machine()["commit"]} | made


def republish(path: Path, tables: Tables, headline: Tables | None = None) -> None:
    """Print the tables of kept numbers and write them into their page.

    Raises:
        UserError: if no page has the markers.
    """
    record = json.loads(path.read_text())
    text = _written(record, tables)
    print(text, flush=True)
    write_between(path.stem, text)
    if headline is not None:
        write_between(f"{path.stem}-headline", render(headline(record["measured"]), Format.markdown))


def write_between(name: str, body: str) -> None:
    """Replace what stands between the markers of `name` in the page that has them.

    Raises:
        UserError: if there is not exactly one pair of markers in all pages.
    """
    start, end = f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
    found = {page: page.read_text(encoding="utf-8") for page in PAGES if page.exists()}
    marked = [page for page, text in found.items() if start in text or end in text]
    before, opened, rest = (found[marked[0]] if len(marked) == 1 else "").partition(start)
    _, closed, after = rest.partition(end)
    if not opened or not closed or start in rest or end in before + after:
        named = ", ".join(page.name for page in marked or PAGES)
        raise UserError(f"{named}: no single pair of markers {start} and {end}; put them where the table goes.")
    write_text(marked[0], f"{before}{start}\n{body}\n{end}{after}")


def command(main: Callable[..., None]) -> None:
    """Run a benchmark's `main` with its options; a user's mistake is one sentence and status 1."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    try:
        app()
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(1)


def _written(record: dict[str, Any], tables: Tables) -> str:
    """The tables as Markdown, and the line that says where they were measured."""
    on = record["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in on["packages"].items())
    device = on["cpu"] if "gpu" not in record["measured"] else f"{on['cpu']}, {record['measured']['gpu']}"
    before = "; ".join(f"{one['date'][:10]}, commit {one['commit']}" for one in record.get("earlier", ()))
    earlier = f" Some of the rows are of {before}." if before else ""
    line = (
        f"*{on['date'][:10]}, {on['cores']} cores of {device}, {on['memory_gib']} GiB, load average before "
        f"{on['load_average'][0]} and after {on['load_average_after'][0]}; commit {on['commit']}, "
        f"Python {on['python']}, {versions}.{earlier}*"
    )
    return render(tables(record["measured"]), Format.markdown) + f"\n\n{line}"
