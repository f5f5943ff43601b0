"""A stage whose inputs change under it fails, and DVC records nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from elor.corpora.index import index
from elor.corpus_params import Corpus
from elor.errors import UserError
from elor.tables import write_table
from stages.inputs import unchanged
from stages.reader import corpora_at_rest, opened
from tests.check.test_corpus import table
from tests.worlds.dvc import dvc

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
PIPELINE = """\
vars: [{nets: {a: {one: table.csv}}}]
stages:
  learn:
    foreach: ${nets}
    do:
      cmd: "true"
      deps: ["${item.one}", folder]
      params: [seed, "scale.${profile}.epochs.${key}"]
"""
PARAMS = "seed: 1\nprofile: demo\nother: 1\nscale:\n  demo: {epochs: {a: 2, b: 3}}\n  paper: {epochs: {a: 9}}\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in {"dvc.yaml": PIPELINE, "params.yaml": PARAMS, "table.csv": "x", "other.csv": "x"}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/a").write_text("a")
    return tmp_path


def to_and_fro(path: Path) -> None:
    """Change a file and restore it, its times too."""
    text, times = path.read_bytes(), path.stat()
    path.write_bytes(b"another")
    path.write_bytes(text)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def edit(old: str, new: str) -> None:
    Path("params.yaml").write_text(PARAMS.replace(old, new))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda: edit("seed: 1", "seed: 2"), "seed"),
        (lambda: edit("a: 2", "a: 3"), "scale.demo.epochs.a"),
        (lambda: edit("profile: demo", "profile: paper"), "scale.demo.epochs.a, scale.paper.epochs.a"),
        (lambda: Path("table.csv").write_text("y"), "table.csv"),
        (lambda: to_and_fro(Path("table.csv")), "table.csv"),
        (lambda: to_and_fro(Path("folder/a")), "folder/a"),
        (lambda: Path("folder/b").write_text("b"), "folder/b"),
        (lambda: Path("folder/a").unlink(), "folder/a"),
    ],
)
@pytest.mark.usefixtures("here")
def test_a_declared_input_that_changes_is_named(change: Callable[[], object], named: str) -> None:
    with (
        pytest.raises(UserError, match=f"^{re.escape(named)} changed while this stage was at work"),
        unchanged("learn@a"),
    ):
        change()


@pytest.mark.parametrize(
    "change",
    [
        lambda: edit("other: 1", "other: 2"),
        lambda: edit("b: 3", "b: 4"),
        lambda: edit("seed: 1", "seed: 1  # a comment"),
        lambda: Path("other.csv").write_text("y"),
        lambda: Path("folder/.a.12345678.part").write_text("of a killed stage"),
        lambda: Path("table.csv").read_text(),
    ],
)
@pytest.mark.usefixtures("here")
def test_what_a_stage_does_not_declare_may_change(change: Callable[[], object]) -> None:
    with unchanged("learn@a"):
        change()


def test_dvc_records_nothing_of_a_stage_whose_seed_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    """The real thing: params.yaml is edited while the stage runs; before, dvc.lock had the new seed for the old."""
    shutil.copytree(ROOT / "stages", tmp_path / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "elor").symlink_to(ROOT / "elor")
    (tmp_path / "stages/slow.py").write_text(
        "from pathlib import Path\nfrom stages import main\n"
        "def slow():\n    Path('out.txt').write_text(Path('params.yaml').read_text())\n"
        "    Path('params.yaml').write_text('seed: 2\\n')\n"
        "main(slow)\n"
    )
    (tmp_path / "dvc.yaml").write_text(
        "stages: {slow: {cmd: python -m stages.slow, params: [seed], outs: [out.txt]}}\n"
    )
    (tmp_path / "params.yaml").write_text("seed: 1\n")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("ELOR_SCRATCH", str(tmp_path / "scratch"))
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    dvc(tmp_path, "init", "-q")
    assert dvc(tmp_path, "repro") != 0
    said = "".join(capfd.readouterr())
    assert "slow: seed changed while this stage was at work" in said
    assert "Traceback" not in said
    assert not (tmp_path / "dvc.lock").exists()
    assert dvc(tmp_path, "repro") == 0
    assert (tmp_path / "out.txt").read_text() == "seed: 2\n"
    assert "seed: 2" in (tmp_path / "dvc.lock").read_text()


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Corpus:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELOR_SCRATCH", str(tmp_path / "scratch"))
    path = str(table(tmp_path, "xyz"))
    made = Corpus(path=path, seed=1, partial=False, low=1.0, high=5.0, stereo="error", shareable=False, words="none")
    write_table(
        pd.concat([index(reader, source.name) for source, reader in opened(made)]), Path("data/corpus/index.csv")
    )
    return made


def sound_of(corpus: Corpus) -> Path:
    return sorted(Path(corpus.path).parent.rglob("*.wav"))[0]


def test_a_sound_that_changes_to_and_fro_is_noticed(corpus: Corpus) -> None:
    with pytest.raises(UserError, match=f"^{sound_of(corpus).name} changed while this stage"), corpora_at_rest(corpus):
        to_and_fro(sound_of(corpus))
    with corpora_at_rest(corpus) as every:  # and afterwards all is well again
        assert len(every[0].reader.read().utterances) == 3


def test_a_sound_that_changed_since_the_corpus_was_looked_at_is_noticed(corpus: Corpus) -> None:
    path = sound_of(corpus)
    whole = path.read_bytes()
    path.write_bytes(whole[:-2] + b"zz")
    with pytest.raises(UserError, match=f"^{path.name} changed since this run began"), corpora_at_rest(corpus):
        pytest.fail("nothing of it may be read")
    path.write_bytes(whole)
    with corpora_at_rest(corpus):
        pass
