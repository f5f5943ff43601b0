"""An installed elor alone: in an empty folder, without DVC, Hyperopt and openSMILE."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest
import soundfile

from elor.inference import load
from elor.shipped import MODEL, RECIPE
from tests.features.speech import pseudo_speech

ROOT = Path(__file__).parents[1]
BLOCKED = ("dvc", "hyperopt", "opensmile")
ALONE = f"""
import json, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in {BLOCKED}:
            raise ImportError(f'{{name}} is blocked')

sys.meta_path.insert(0, Blocker())
from typer.testing import CliRunner
from elor.commands import app
ended = [CliRunner().invoke(app, arguments, catch_exceptions=False) for arguments in json.load(sys.stdin)]
json.dump([(one.exit_code, one.stdout, one.stderr) for one in ended], sys.stdout)
"""

pytestmark = pytest.mark.long


class Ended(NamedTuple):
    """What a command said."""

    code: int
    stdout: str
    stderr: str


def elor(folder: Path, *commands: str) -> list[Ended]:
    """Run commands one after the other, in one process that lacks what is blocked."""
    asked = json.dumps([command.split() for command in commands])
    process = [sys.executable, "-P", "-c", ALONE]
    done = subprocess.run(process, cwd=folder, input=asked, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [Ended(*one) for one in json.loads(done.stdout)]


def test_the_shipped_recipe_is_the_repositorys() -> None:
    assert RECIPE.read_bytes() == (ROOT / "data" / "demo.yaml").read_bytes()


def test_all_that_is_no_code_is_in_the_wheel() -> None:
    globs = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["elor"]
    packed = {path for glob in globs for path in (ROOT / "elor").glob(glob)}
    files = {path for path in (ROOT / "elor").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    left = {str(path.relative_to(ROOT)) for path in files - packed if path.suffix not in (".py",)}
    assert left <= {"elor/report/vega/README.md", "elor/report/vega/page.in.html"}, left


def test_the_shipped_network_says_where_it_comes_from() -> None:
    ensemble = load(MODEL)
    assert (ensemble.network, ensemble.folds, ensemble.provenance.corpus) == ("elor", ("Ses03F",), "demo")
    assert set(ensemble.provenance.scores) == {"arousal", "valence"}
    assert "never heard a person" in MODEL.with_suffix(".md").read_text()


@pytest.mark.slow
def test_commands_work_in_an_empty_folder_without_what_only_the_pipeline_needs(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "talk.wav", pseudo_speech(1)[0], 16_000)
    predicted, explained, looked, made, checked, scored = elor(
        tmp_path,
        "predict talk.wav",
        "explain talk.wav --twins 2 --steps 2",
        "check",
        "corpus make toy --utterances 40",
        "check toy/release",
        f"score --model {MODEL} --corpus toy/release --strangers",
    )
    for one in (predicted, explained, looked, made, scored):
        assert one.code == 0, one.stdout + one.stderr
    assert "never heard a person" in " ".join(predicted.stdout.split())
    assert "elor-Ses03F.safetensors is taken, which ships with elor" in predicted.stderr
    assert (tmp_path / "explained" / "explain.html").is_file()
    assert "Nothing must be done." in looked.stdout
    assert checked.code in (0, 1)
    assert "arousal" in scored.stdout
