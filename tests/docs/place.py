"""A place in which the documentation's commands work: a toy workspace, with the files that the pages name."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import soundfile

from elor.evidence.model import write
from elor.explain.claims.rows import claims
from elor.tables import read_table
from tests.check.test_corpus import table
from tests.explain.claimed import facts
from tests.worlds import labelfiles
from tests.worlds.dvc import dvc
from tests.worlds.networks import new_network, save
from tests.worlds.release import build, write_sound
from tests.worlds.run import make_workspace

ROOT = Path(__file__).parents[2]


def make_place(folder: Path) -> Path:
    """Write everything, and commit it: HEAD, and the experiments that the pages compare it with."""
    make_workspace(folder)
    for name in (
        "dvc.yaml",
        "data/demo.yaml",
        "data/other.yaml",
        "requirements.lock",
        "requirements-numbers.lock",
        ".gitignore",
    ):
        shutil.copy(ROOT / name, folder / name)
    build(folder / "where/IEMOCAP_full_release")
    corpora(folder)
    recordings(folder)
    models(folder)
    own_network(folder)
    run(folder, "git", "init", "-q", "-b", "main")
    assert dvc(folder, "init", "-q") == 0
    run(folder, "git", "config", "user.name", "a")
    run(folder, "git", "config", "user.email", "a@b")
    commit(folder, shuffled=True)
    run(folder, "git", "tag", "shuffled")
    commit(folder)
    for name in ("seed-2", "seed-3", "corpus-2", "other", "mine"):
        run(folder, "git", "tag", name)
    return folder


def commit(folder: Path, shuffled: bool = False) -> None:
    """A run whose claims are those of labels as they are, or of shuffled ones."""
    write(folder / "metrics/claims.json", claims(facts(1), shuffled=shuffled))
    run(folder, "git", "add", "-f", "metrics", "params.yaml", "dvc.yaml", ".gitignore")
    run(folder, "git", "commit", "-qm", "a run")


def own_network(folder: Path) -> None:
    """The module that the page on a user's own network shows first."""
    page = (ROOT / "docs/explain-my-network.md").read_text()
    (folder / "mynet.py").write_text(page.split("```python\n", 1)[1].split("```", 1)[0])


def corpora(folder: Path) -> None:
    """The tables and label files of the pages on corpora."""
    table(folder / "my", "xyz")
    seven = (folder / "my/table.csv").read_text().replace(",4,", ",7,")
    (folder / "my/seven.csv").write_text(seven)
    for index in range(3):
        both = np.random.default_rng(index).standard_normal((16_000, 2)) / 20
        soundfile.write(folder / f"my/stereo{index}.wav", both, 16_000)
    rows = [
        f"stereo{index}.wav,{who},{rater},{2 + index},3" for index, who in enumerate("xyz") for rater in ("r1", "r2")
    ]
    (folder / "my/stereo.csv").write_text("\n".join(["file,speaker,rater,valence,arousal", *rows]) + "\n")
    labelfiles.improv(folder / "MSP-IMPROV")
    labels = labelfiles.podcast(folder / "MSP-PODCAST")
    (labels / "packed.csv").rename(labels / "labels_detailed.csv")
    (folder / "labels.csv").write_text("file,speaker,valence,activation\nmy/0.wav,x,9,1\nmy/1.wav,y,1,9\n")
    (folder / "my/labels.txt").write_text("a anna 4 2\nb bert 1 5\nc carl 3 3\n")
    for name in "abc":
        write_sound(folder / f"my/wav/{name}.wav", 8000)


def recordings(folder: Path) -> None:
    """Sounds to predict, and predictions to score."""
    for name in ("interview.wav", "turn.wav"):
        write_sound(folder / name, 32_000)
    for name in ("mine.csv", "predictions.csv"):
        shutil.copy(folder / "data/predictions/elor.csv", folder / name)


def models(folder: Path) -> None:
    """Untrained networks where trained ones are expected."""
    small = {"filters": (2,), "lengths": (64,), "pools": (400,), "stride": 16}
    for name, layers in (("elor", small), ("ftr", {})):
        for fold in read_table(folder / "data/folds.csv")["fold"].unique():
            save(folder / f"data/models/{name}/{fold}.safetensors", new_network(name, hidden=(4,), **layers), fold)


def run(folder: Path, *command: str) -> None:
    """Run a command in a folder; it must succeed."""
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
