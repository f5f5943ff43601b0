"""An installed elor alone: in an empty folder, without DVC, Hyperopt and openSMILE."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import soundfile

from elor.inference import load
from elor.shipped import MODEL, RECIPE
from tests.features.speech import pseudo_speech

ROOT = Path(__file__).parents[1]
BLOCKED = ("dvc", "hyperopt", "opensmile")
BLOCKER = f"""
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in {BLOCKED}:
            raise ImportError(f'{{name}} is blocked')

sys.meta_path.insert(0, Blocker())
from elor.commands import app
app()
"""

pytestmark = pytest.mark.long


def elor(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-c", BLOCKER, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


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


def test_commands_work_in_an_empty_folder_without_what_only_the_pipeline_needs(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "talk.wav", pseudo_speech(1)[0], 16_000)
    predicted = elor(tmp_path, "predict", "talk.wav")
    assert predicted.returncode == 0, predicted.stderr
    assert "never heard a person" in " ".join(predicted.stdout.split())
    assert "elor-Ses03F.safetensors is taken, which ships with elor" in predicted.stderr
    explained = elor(tmp_path, "explain", "talk.wav", "--twins", 2, "--steps", 2)
    assert explained.returncode == 0, explained.stderr
    assert (tmp_path / "explained" / "explain.html").is_file()
    looked = elor(tmp_path, "check")
    assert (looked.returncode, "Nothing must be done." in looked.stdout) == (0, True), looked.stdout
    made = elor(tmp_path, "corpus", "make", "toy", "--utterances", 40)
    assert made.returncode == 0, made.stderr
    checked = elor(tmp_path, "check", "toy/release")
    assert "Traceback" not in checked.stderr, checked.stderr
    scored = elor(tmp_path, "score", "--model", MODEL, "--corpus", "toy/release", "--strangers")
    assert scored.returncode == 0, scored.stderr
    assert "arousal" in scored.stdout
