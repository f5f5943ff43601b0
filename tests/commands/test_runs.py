"""`elor runs`: several runs summarised, and two compared, from git and from folders."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner, Result

import elor
from elor.commands import app
from elor.errors import UserError
from elor.files import write_json, write_text
from elor.runs.compare import sentence
from elor.runs.run import MADE, Folder
from elor.runs.seeds import over_seeds, scores

SCORES = (0.30, 0.36, 0.33)


def git(*arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
    return subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, text=True).stdout.strip()


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["runs", *map(str, arguments)])


def table(text: str, caption: str) -> dict[str, list[str]]:
    """The rows of a table by their first cell."""
    lines = text.split(caption)[1].split("\n\n")[0].splitlines()[3:]
    return {cells[0]: cells[1:] for cells in ([cell for cell in line.split("  ") if cell] for line in lines)}


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    for index, score in enumerate(SCORES):
        write_json(tmp_path / "metrics/uar.json", {"valence.elor": score, "arousal.elor": 0.5})
        git("add", "-A")
        git("commit", "-qm", str(index))
        git("tag", f"seed-{index}")
    return tmp_path


def test_mean_deviation_and_range_of_the_runs(repository: Path) -> None:
    result = run("seed-0", "seed-1", "seed-2")
    assert result.exit_code == 0, result.output
    row = next(line for line in result.output.splitlines() if line.startswith("valence.elor")).split()
    expected = [*SCORES, statistics.mean(SCORES), statistics.stdev(SCORES), min(SCORES), max(SCORES)]
    assert row[1:] == [f"{value:.3f}" for value in expected]


def test_an_experiment_is_found_by_its_name(repository: Path) -> None:
    """As `dvc exp run --name` keeps it: a ref that git does not find by the name alone."""

    def experiment(base: str, commit: str) -> None:
        sha = git("rev-parse", base)
        git("update-ref", f"refs/exps/{sha[:2]}/{sha[2:]}/wide", commit)

    experiment("seed-0", "seed-1")
    row = run("wide").output.splitlines()[3]
    assert row.split()[:2] == ["valence.elor", "0.360"]
    experiment("seed-1", "seed-2")
    result = run("wide")
    assert result.exit_code == 1
    assert "2 experiments are called wide" in result.output
    experiment("HEAD", "seed-0")
    assert run("wide").output.splitlines()[3].split()[1] == "0.300"


def test_one_run_has_no_deviation(repository: Path) -> None:
    row = run("seed-0").output.splitlines()[3]
    assert row.split() == ["valence.elor", "0.300", "0.300", "-", "0.300", "0.300"]


@pytest.mark.parametrize(
    "arguments",
    [["nowhere"], ["seed-0", "--metrics", "metrics/none.json"], ["nowhere", "seed-0", "--compare"]],
)
def test_what_is_not_there_is_named(arguments: list[str], repository: Path) -> None:
    result = run(*arguments)
    assert result.exit_code == 1
    assert "cannot be read" in result.output


def test_nothing_to_summarise_and_an_idle_option_are_named(repository: Path) -> None:
    with pytest.raises(UserError, match="no run to summarise"):
        elor.summarise_runs([])
    assert "--metrics would change nothing" in run("seed-0", "seed-1", "--compare", "--metrics", "a.json").output


def test_a_folder_within_the_project_leads_to_the_project(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / "docs").mkdir()
    monkeypatch.chdir(repository / "docs")
    assert "ask from the folder of the project" in run("seed-0").output


def test_what_is_no_json_or_no_pair_is_named(repository: Path) -> None:
    (repository / "metrics/uar.json").write_text("{")
    for arguments in (["."], ["seed-0", ".", "--compare"]):
        assert "metrics/uar.json of . is no JSON" in run(*arguments).output
    assert "--compare takes two runs, and here are 3" in run("seed-0", "seed-1", "seed-2", "--compare").output
    (repository / "empty").mkdir()
    (repository / "empty/dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    assert "empty holds no results" in run("seed-0", "empty", "--compare").output


CLAIMS = ("rate", "pauses")


def make_run(folder: Path, seed: int, corpus: str, uar: float, verdicts: tuple[str, str], alpha: float = 0.1) -> Path:
    """A run's files: a headline, its WAR, one comparison, claims, a plot table, dvc.lock."""
    metrics = folder / "metrics"
    write_json(metrics / "uar.json", {"arousal.elor": uar})
    write_json(metrics / "war.json", {"arousal.elor": uar + 0.1})
    test = {"dimension": "arousal", "a": "elor", "b": "ftr", "score": "uar", "difference": uar - 0.3}
    write_json(metrics / "comparisons.json", {"comparisons": [test]})
    rows = [{"id": name, "claim": f"the {name}", "verdict": v} for name, v in zip(CLAIMS, verdicts, strict=True)]
    write_json(metrics / "claims.json", {"claims": rows})
    write_json(metrics / "cost/train.json", {"seconds": 100 * seed})  # no result
    write_text(folder / "plots/data/curve.csv", f"fold,epoch,score\nF,1,{uar}\nF,2,nan\n")
    params = {"seed": seed, "corpus": {"path": "demo.yaml", "seed": 1}, "networks.ftr": {"alpha": alpha}}
    stages = {
        "corpus": {
            "deps": [{"path": "elor/corpora", "md5": "c0de"}],
            "params": {"params.yaml": params},
            "outs": [{"path": "data/corpus", "md5": corpus}],
        },
        "evaluate": {
            "deps": [{"path": name, "md5": f"{uar}"} for name in ("data/corpus/index.csv", "metrics", "data/corpus")],
            "outs": [{"path": "metrics/uar.json", "md5": f"{uar}"}],
        },
    }
    YAML().dump({"schema": "2.0", "stages": stages}, folder / "dvc.lock")
    return folder


def test_training_seeds_and_fresh_corpora_are_two_columns(tmp_path: Path) -> None:
    held, none = "holds", "undecided"
    runs = [
        make_run(tmp_path / "a", 1, "x", 0.30, (held, none)),
        make_run(tmp_path / "b", 2, "x", 0.36, (held, none)),
        make_run(tmp_path / "c", 3, "x", 0.33, (none, none)),
        make_run(tmp_path / "d", 1, "y", 0.50, (none, held)),
    ]
    result = run(*runs)
    assert result.exit_code == 0, result.output
    seeds, corpora = (0.30, 0.36, 0.33), (0.30, 0.50)
    for kind, shift in (("UAR", 0.0), ("WAR", 0.1), ("difference", -0.3)):
        ((_, cells),) = table(result.output, f"{kind}: mean").items()
        expected = [
            f"{statistics.mean(some) + shift:.3f} +- {statistics.stdev(some):.3f} "
            f"[{min(some) + shift:.3f}, {max(some) + shift:.3f}]"
            for some in (seeds, corpora)
        ]
        assert [cell.strip() for cell in cells] == expected, kind
    verdicts = {name: [cell.strip() for cell in cells] for name, cells in table(result.output, "Verdicts").items()}
    assert verdicts == {
        "rate": ["holds 2, undecided 1", "holds 1, undecided 1"],
        "pauses": ["undecided 3", "undecided 1, holds 1"],
    }
    assert "training seeds (n = 3)" in result.output
    assert "fresh corpora (n = 2)" in result.output
    assert "differs" not in result.output
    found = elor.summarise_runs(runs)
    assert found.groups == {"training seeds": [*map(str, runs[:3])], "fresh corpora": [str(runs[0]), str(runs[3])]}


def test_values_are_called_so_where_no_comparison_was_declared(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "a", 1, "x", 0.3, ("holds", "holds"))
    (folder / "metrics/comparisons.json").unlink()
    (folder / "dvc.lock").write_text((folder / "dvc.lock").read_text().replace("seed: 1", "labels.target: spread", 1))
    assert set(scores(Folder(folder))) == {"CCC", "RMSE"}


def test_runs_that_differ_in_more_than_seeds_are_named(tmp_path: Path) -> None:
    some = [
        make_run(tmp_path / "a", 1, "x", 0.30, ("holds", "holds")),
        make_run(tmp_path / "b", 2, "x", 0.36, ("holds", "holds"), alpha=0.2),
        make_run(tmp_path / "c", 1, "x", 0.30, ("holds", "holds")),
    ]
    assert elor.summarise_runs(some).warnings == [
        f"{some[1]} differs from {some[0]} in more than seeds: networks.ftr.alpha.",
        f"{some[0]} and {some[2]} are one run, counted 2 times.",
    ]
    assert "in more than seeds" in " ".join(run(*some).output.split())  # of lines of 80 columns
    for one, lacking in ((some[1], f"{some[1]} lacks"), (some[0], f"{some[0]} and {some[1]} lack")):
        (one / "dvc.lock").unlink()
        assert elor.summarise_runs(some[:2]).warnings == [
            f"Nothing tells whether {some[1]} differs from {some[0]} in more than seeds: {lacking} dvc.lock."
        ]


def test_a_score_that_one_run_lacks_is_named(tmp_path: Path) -> None:
    first, second = (make_run(tmp_path / name, seed, "x", 0.3, ("holds", "holds")) for seed, name in enumerate("ab"))
    lines = json.loads((second / "metrics/uar.json").read_text())
    write_json(second / "metrics/uar.json", dict.fromkeys(lines))
    (uar,) = lines
    assert f"{second} lacks UAR {uar}: left out of the tables." in elor.summarise_runs([first, second]).warnings
    (first / "metrics/war.json").unlink()
    found = elor.summarise_runs([first, second])
    assert set(found.spreads) == {"UAR", "difference"}
    assert any(one.startswith(f"{first} lacks WAR ") for one in found.warnings)


def test_two_runs_with_the_same_numbers_are_said_to_be_the_same(tmp_path: Path, repository: Path) -> None:
    make_run(repository, 1, "x", 0.3, ("holds", "holds"))
    write_json(repository / MADE, {"processors": ["A CPU (avx2)"], "outputs": Folder(repository).outputs_digest()})
    (repository / ".gitignore").write_text("metrics/cost\n")
    git("add", "-A")
    git("commit", "-qm", "run")
    make_run(repository, 2, "x", 0.3, ("holds", "holds"))  # another cost and seed, the same numbers
    (repository / "plots/data/curve.csv").write_text("fold,epoch,score\nF,1.0,0.30\nF,2,nan\n")
    found = elor.compare_runs("HEAD", ".")
    assert found.same
    numbers = 1 + 1 + 1 + 3  # uar, war, the difference, two epochs and a score
    assert sentence(found) == (
        f"Every committed number was reproduced: {numbers} in 5 files, and 2 outputs that dvc.lock names; the "
        "committed run was made on A CPU (avx2)."
    )
    assert run("HEAD", ".", "--compare").output.strip() == sentence(found)
    lock = YAML().load(repository / "dvc.lock")
    del lock["stages"]["evaluate"]["outs"]
    YAML().dump(lock, repository / "dvc.lock")
    assert "1 of 2 outputs that dvc.lock names differ" in sentence(elor.compare_runs(".", "HEAD"))
    (repository / "dvc.lock").unlink()  # nothing names the outputs of this side: none was compared
    assert f"was reproduced: {numbers} in 5 files; the" in sentence(elor.compare_runs("HEAD", "."))


def test_what_was_not_reproduced_is_said_and_by_how_much(tmp_path: Path, repository: Path) -> None:
    one = make_run(tmp_path / "one", 1, "x", 0.30, ("holds", "holds"))
    other = make_run(tmp_path / "other", 1, "x", 0.345, ("holds", "undecided"), alpha=0.2)
    shutil.rmtree(one / "metrics/cost")
    write_json(one / MADE, {"processors": ["A CPU"], "outputs": "of other results"})
    write_json(other / "metrics/cost/train.json", {"processor": "B CPU"})
    found = elor.compare_runs(one, other)
    assert not found.same
    assert [one.file for one in found.differences][:2] == ["metrics/uar.json", "metrics/war.json"]
    assert found.differences[0].largest == pytest.approx(0.045)
    assert found.differences[0].where == "arousal.elor"
    by_file = {one.file: (one.numbers, one.others) for one in found.differences}
    assert by_file["metrics/claims.json"] == (0, 1)
    assert by_file["plots/data/curve.csv"] == (1, 0)
    assert found.changed == ["metrics/uar.json"]
    assert found.params == ["networks.ftr.alpha"]
    text = run(one, other, "--compare").output
    assert text.startswith(f"Not every number of {one} was reproduced: 4 of 6 numbers, 1 texts or entries, 1 of 2")
    assert "scores by up to 0.045 (arousal.elor of metrics/uar.json)" in text
    assert (
        f"{one} was made on a processor not recorded, {other} on B CPU. Other in" in text
    )  # the record is of other results
    assert "networks.ftr.alpha" in text
    shutil.rmtree(other / "plots")
    found = elor.compare_runs(one, other)
    gone = next(difference for difference in found.differences if difference.file == "plots/data/curve.csv")
    assert (gone.numbers, gone.others) == (0, 8)  # columns, rows, six cells


def test_what_is_no_number_hides_no_difference(tmp_path: Path) -> None:
    """A value that is NaN, true in the place of 1, a cell more than there are columns."""
    one, other = (make_run(tmp_path / name, 1, "x", 0.3, ("holds", "holds")) for name in ("one", "other"))
    (other / "metrics/uar.json").write_text('{"arousal.elor": NaN, "arousal.lom": 0.5}')
    (one / "metrics/uar.json").write_text('{"arousal.elor": 0.3, "arousal.lom": 0.3}')
    (one / "metrics/war.json").write_text('{"arousal.elor": 1}')
    (other / "metrics/war.json").write_text('{"arousal.elor": true}')
    text = (other / "plots/data/curve.csv").read_text()
    (other / "plots/data/curve.csv").write_text(text.replace("F,2,nan", "F,2,nan,999"))
    found = {each.file: each for each in elor.compare_runs(one, other).differences}
    uar = found["metrics/uar.json"]
    assert (uar.numbers, uar.where, uar.others) == (1, "arousal.lom", 1)
    assert uar.largest == pytest.approx(0.2)
    assert found["metrics/war.json"].others == found["plots/data/curve.csv"].others == 1


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("dvc.lock", b"", "dvc.lock of .* is none that DVC wrote"),
        ("dvc.lock", b"[1]", "dvc.lock of .* is none that DVC wrote"),
        ("dvc.lock", b"stages:", "dvc.lock of .* is none that DVC wrote"),
        ("metrics/uar.json", b"\xff\xfe", "metrics/uar.json.* is no text"),
    ],
)
def test_a_damaged_run_is_named(
    file: str, content: bytes, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (make_run(tmp_path / name, 1, "x", 0.3, ("holds", "holds")) for name in ("one", "other"))
    (other / file).write_bytes(content)
    with pytest.raises(UserError, match=says):
        elor.compare_runs(one, other)
    for command in (("init", "-q"), ("add", "."), ("-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "x")):
        subprocess.run(["git", *command], cwd=other, check=True)
    monkeypatch.chdir(other)
    with pytest.raises(UserError, match=says):
        elor.compare_runs(one, "HEAD")
    (other / file).unlink()
    (other / MADE).write_text("[]")
    elor.compare_runs(one, one)


def test_a_missing_revision_raises_in_python_too(repository: Path) -> None:
    with pytest.raises(UserError, match="neither a folder"):
        elor.compare_runs("nowhere", ".")
    with pytest.raises(UserError, match="neither a folder"):
        elor.summarise_runs(["seed-0", "nowhere"])
    assert git("status", "--porcelain") == ""  # nothing was written


def test_over_seeds() -> None:
    runs = [{"uar": 0.4, "war": 0.5, "note": "x", "exact": True}, {"uar": 0.44, "note": "y", "exact": True}]
    found = over_seeds(runs)
    assert list(found) == ["uar"]
    assert found["uar"] == pytest.approx(
        {"mean": 0.42, "sd": np.std([0.4, 0.44], ddof=1), "low": 0.4, "high": 0.44, "runs": 2}
    )
    assert np.isnan(over_seeds(runs[:1])["uar"]["sd"])
    assert over_seeds([]) == {}
