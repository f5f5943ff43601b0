"""The benchmarks' pages: what stands between markers is replaced, nothing else, and numbers are kept."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import (
    pipeline,
    publish,
    scale,
)
from benchmarks.measure import ROOT, machine
from elor.errors import UserError
from elor.report.text import Table

pytestmark = pytest.mark.long


@pytest.fixture
def readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The second of two pages, the first of which has no markers."""
    (tmp_path / "other.md").write_text("nothing")
    monkeypatch.setattr(publish, "PAGES", (tmp_path / "other.md", tmp_path / "README.md"))
    return tmp_path / "README.md"


def test_only_what_stands_between_the_markers_is_replaced(readme: Path) -> None:
    readme.write_text("a\n<!-- bench:one -->\nold\n<!-- /bench:one -->\nb\n<!-- bench:two -->\n<!-- /bench:two -->\n")
    publish.write_between("one", "| 1 |")
    publish.write_between("one", "| 2 |")
    assert readme.read_text() == (
        "a\n<!-- bench:one -->\n| 2 |\n<!-- /bench:one -->\nb\n<!-- bench:two -->\n<!-- /bench:two -->\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "nothing",
        "<!-- bench:one -->",
        "<!-- /bench:one --><!-- bench:one -->",
        "<!-- bench:one --><!-- bench:one --><!-- /bench:one -->",
        "<!-- bench:one --><!-- /bench:one --><!-- bench:one --><!-- /bench:one -->",
        "<!-- bench:one --><!-- /bench:one --><!-- /bench:one -->",
    ],
)
def test_pages_without_one_pair_of_markers_are_left_alone(readme: Path, text: str) -> None:
    readme.write_text(text)
    with pytest.raises(UserError, match="<!-- bench:one -->"):
        publish.write_between("one", "| 1 |")
    assert readme.read_text() == text


def test_markers_in_two_pages_are_refused(readme: Path) -> None:
    for page in publish.PAGES:
        page.write_text("<!-- bench:one -->\n<!-- /bench:one -->")
    with pytest.raises(UserError, match=r"other\.md, README\.md: no single pair"):
        publish.write_between("one", "| 1 |")
    assert readme.read_text() == "<!-- bench:one -->\n<!-- /bench:one -->"


def test_numbers_are_kept_even_where_no_page_has_a_place_for_them(
    tmp_path: Path, readme: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "RESULTS", tmp_path / "results")

    def tables(measured: dict) -> list[Table]:
        return [Table("Seconds", ("what", "s"), ((("sleep", str(measured["s"])),),))]

    with pytest.raises(UserError, match=r"README\.md: no single pair of markers"):
        publish.publish("one", "one", lambda: {"s": 2}, tables)
    record = json.loads((tmp_path / "results" / "one.json").read_text())
    assert record["measured"] == {"s": 2}
    assert {"date", "cores", "load_average", "load_average_after", "packages"} <= set(record["machine"])
    readme.write_text("<!-- bench:one -->\n<!-- /bench:one -->")
    publish.republish(tmp_path / "results" / "one.json", tables)
    assert "| sleep | 2 |" in readme.read_text()


def test_rows_that_were_there_keep_their_commit(tmp_path: Path, readme: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "RESULTS", tmp_path / "results")
    readme.write_text("<!-- bench:one -->\n<!-- /bench:one -->")
    on = publish.machine()
    for commit in ("aaa", "bbb", "bbb", "ccc"):
        monkeypatch.setattr(publish, "machine", lambda commit=commit: on | {"commit": commit})
        publish.publish("one", "one", dict, lambda measured: [], adding=True)
    record = json.loads((tmp_path / "results" / "one.json").read_text())
    assert [one["commit"] for one in record["earlier"]] == ["aaa", "bbb"]
    day = on["date"][:10]
    assert f"Some of the rows are of {day}, commit aaa; {day}, commit bbb." in readme.read_text()


def test_one_failing_benchmark_stops_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    done = []

    def do(name: str) -> None:
        done.append(name)
        if name == "bad":
            raise UserError("bad is bad.")

    with pytest.raises(Exception) as ended:  # noqa: PT011  (typer's Exit has no message)
        benchmarks.for_each(["bad", "good"], do)
    assert ended.value.exit_code == 1
    assert done == ["bad", "good"]
    assert "bad is bad." in capsys.readouterr().err


def test_every_benchmark_is_listed() -> None:
    command = [sys.executable, "-m", "benchmarks", "--list"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [line.split()[0] for line in listed.splitlines()] == list(benchmarks.BENCHMARKS)


def test_an_unknown_benchmark_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", "speed"])
    with pytest.raises(SystemExit) as ended:
        publish.command(benchmarks.main)
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("There is no benchmark speed;")
    assert "Traceback" not in said


def test_the_machine_is_described_without_its_name_or_paths() -> None:
    text = json.dumps(machine())
    assert str(ROOT) not in text
    assert str(Path.home()) not in text


def test_tables_say_how_far_the_aims_were_met() -> None:
    cost = {"seconds": 3.0, "cpu_seconds": 4.0, "peak_mb": 1_000.0}
    runs = {"first": 500.0, "everything": 700.0, "again": 4.0}
    found = pipeline.tables({"until": "evaluate", "runs": runs, "stages": {"labels": cost}})
    assert found[0].groups[0][0] == ("`dvc repro evaluate` in a fresh clone", "8 min 20 s", "< 16 min 00 s")
    late = pipeline.tables({"until": "evaluate", "runs": runs | {"first": 960.0}, "stages": {"labels": cost}})
    assert late[0].groups[0][0][-1] == "< 16 min 00 s, missed"
    assert len(found[0].groups[0]) == len(runs)  # nothing is summed where a stage is missing
    whole = {name: cost | {"seconds": 70.0} for name in pipeline.ANALYSIS}
    summed = pipeline.tables({"until": "evaluate", "runs": runs, "stages": whole})[0].groups[0][-1]
    assert summed[1:] == ("5 min 50 s", "< 7 min 00 s")
    sampled = cost | {"slices": 64, "slice_seconds": 0.09, "projected_seconds": 400.0}
    measured = {"utterances": 10_039, "hours": 12.4, "slices": 8_681, "stages": {"labels": cost, "is10": sampled}}
    rows = scale.tables(measured)[0].groups[0]
    assert rows[0] == ("labels", "3 s", "< 10 s", "1.05", "< 1.5")
    assert rows[1][:2] == ("is10, projected from 64 slices of 0.090 s and core", "6 min 40 s")
