"""A corpus from outside the repository: read where it lies, noticed when it changes, and never carried away."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from elor.corpora.demo import generate, load_recipe
from elor.features.slices import slice_count
from elor.features.store import VectorStore
from elor.files import file_digest
from elor.tables import read_table
from elor.vectors import SETS
from tests.worlds import voices
from tests.worlds.dvc import Here
from tests.worlds.project import MODELS, NETWORKS, ROOT, Project
from tests.worlds.stages import LESS

pytestmark = pytest.mark.long

CHANGED = "03/take-04.wav"
EFFECTS = tuple(f"data/effects/{network}.json" for network in ("elor", "lom"))
PUBLIC = (
    "data/demo.yaml",
    "data/evidence/",
    "data/is10.json",
    "data/is10_names.txt",
    "data/models/",
    "data/text.json",
    "data/tuning/",
    *EFFECTS,
)
"""What of data/ git or a remote may carry: weights, searched values, means; in which no speech and no rating stands."""


QUICK = LESS | {
    "explain__prototypes__parametrisations": ["time"],
    **{f"scale__demo__networks__{net}__evaluations": 0 for net in NETWORKS[:3]},
}
"""Nothing here hangs on how long networks are searched for and asked."""


class Outside:
    """A project whose corpus lies beside it; `here` runs its stages in this process."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.table = voices.build(folder / "voices", each=4)
        self.project = Project(folder / "project", **QUICK)
        self.project.environment["ELOR_SPY_ROOT"] = str(folder)
        self.folder = folder
        patch.setenv("ELOR_SCRATCH", str(folder / "scratch"))
        self.here = Here(self.project.folder, patch)

    def read(self, name: str):
        return read_table(self.project.folder / "data" / name)

    def computed(self) -> int:
        """How many vectors of IS10 have been computed so far."""
        size = sum(path.stat().st_size for path in (self.folder / "scratch" / "is10").rglob("*.vectors"))
        return size // VectorStore(self.folder, SETS["IS10"]).record.itemsize

    def opened(self) -> list[str]:
        """What was opened for reading, relative to the folder."""
        return [line.split("\t")[1] for line in (self.folder / "opened.txt").read_text().splitlines()]

    def git(self, *arguments: str) -> str:
        command = ["git", *arguments]
        return subprocess.run(command, cwd=self.project.folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    """The toy project after `dvc exp run -S corpus.path=<the table>`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("elor.report.album.METHODS", ("guided",))  # nobody looks at figures here
        made = Outside(tmp_path_factory.mktemp("outside"), patch)
        made.here.dvc("exp", "run", "-S", f"corpus.path={made.table}")
        yield made


def test_from_recordings_to_the_table_with_nothing_but_the_path_changed(outside: Outside) -> None:
    assert outside.git("diff", "--name-only").split() == ["params.yaml"]
    yaml = YAML(typ="safe", pure=True)
    before = yaml.load(outside.git("show", "HEAD:params.yaml"))
    after = yaml.load(outside.project.folder / "params.yaml")
    assert after.pop("corpus") == before.pop("corpus") | {"path": str(outside.table)}
    assert after == before
    headline = outside.project.json("metrics/uar.json")
    assert set(headline) == {f"{dimension}.{net}" for dimension in ("arousal", "valence") for net in MODELS}
    elor = Path(sys.executable).parent / "elor"
    table = subprocess.run([elor, "results"], cwd=outside.project.folder, capture_output=True, text=True, check=True)
    assert "by 4 speakers; labels: the corpus' own rater, 5 classes" in " ".join(table.stdout.split())


def test_speakers_keep_their_names(outside: Outside) -> None:
    names = set(voices.SPEAKERS)
    assert set(outside.read("slices.csv").speaker) == set(outside.read("utterances.csv").speaker) == names
    assert set(outside.read("folds.csv").fold) == names
    for net in NETWORKS:
        assert set(outside.read(f"predictions/{net}.csv").speaker) == names
        assert {path.stem for path in (outside.project.folder / "data/models" / net).glob("*.safetensors")} == names
    assert set(outside.project.json("metrics/corpus.json")["by_speaker"]) == names


def test_recordings_are_resampled_and_labels_binned(outside: Outside) -> None:
    utterances = outside.read("utterances.csv").set_index("utterance")
    assert utterances.samples["take-04"] == round(9.5 * 16_000)
    sounds = np.load(outside.project.folder / "data/slices.npy", mmap_mode="r")
    rows = outside.read("slices.csv")
    for sound, samples in zip(sounds, rows.samples, strict=True):
        assert sound[: samples - 16].any()
        assert not sound[samples:].any()
    valence = read_table(outside.table).valence
    assert (utterances.valence.to_numpy() == np.floor(valence - 0.5)).all()  # 1..5 to 0..4, ties upward


def test_a_touched_corpus_recomputes_nothing(outside: Outside) -> None:
    for path in (outside.table, *outside.table.parent.rglob("*.wav")):
        path.touch()
    assert outside.here.dvc("repro") == []


def test_a_changed_sound_recomputes_what_hangs_on_it_and_its_own_slices(outside: Outside) -> None:
    path = outside.table.parent / CHANGED
    before, kept = outside.computed(), path.read_bytes()
    voices.write_sound(path, 9.5, seed=1)
    try:
        recomputed = set(outside.here.dvc("repro", "mfcc", "is10", "folds"))  # dvc is free in their order
    finally:
        path.write_bytes(kept)  # what follows asks for the old corpus, whatever happened here
    assert recomputed == {"corpus", "labels", "slices", "mfcc", "is10"}
    assert outside.computed() - before == slice_count(152_000) == 2


def test_an_added_row_recomputes_what_hangs_on_it_and_its_own_slice(outside: Outside) -> None:
    before, kept = outside.computed(), outside.table.read_bytes()
    voices.write_sound(outside.table.parent / "NA/take-99.wav", 3.0)
    outside.table.write_bytes(kept + b"NA/take-99.wav,NA,F,4.5,2.5,happy\n")
    assert set(outside.here.dvc("repro", "mfcc", "is10", "folds")) == {
        "corpus",
        "labels",
        "slices",
        "mfcc",
        "is10",
        "folds",
    }
    assert outside.computed() - before == 1
    assert "take-99" in set(outside.read("utterances.csv").utterance)
    outside.table.write_bytes(kept)


def test_the_old_corpus_brings_back_the_old_results(outside: Outside) -> None:
    before, computed = outside.project.predictions(), outside.computed()
    assert set(outside.here.dvc("repro")) <= {"labels", "evaluate"}  # the rest comes from the run cache
    assert outside.project.predictions() == before
    assert outside.computed() == computed


def test_git_and_remotes_carry_no_speech_and_no_rating(outside: Outside) -> None:
    project, remote = outside.project, outside.folder / "remote"
    outside.here.dvc("remote", "add", "--default", "there", str(remote))
    outside.here.dvc("push")
    pushed = [path for path in remote.rglob("*") if path.is_file()]
    digests = {file_digest(path) for path in pushed}
    private = [path for path in (project.folder / "data").rglob("*") if path.is_file()]
    private = [path for path in private if not str(path.relative_to(project.folder)).startswith(PUBLIC)]
    assert {"slices.npy", "mfcc.npy", "is10.npy", "ratings.csv", "index.csv"} <= {path.name for path in private}
    assert not [path for path in private if file_digest(path) in digests]
    assert digests & {file_digest(path) for path in (project.folder / "data/models").rglob("*.safetensors")}
    tracked = outside.git("ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    assert [name for name in tracked if name.startswith("data/")] == ["data/demo.yaml", "data/other.yaml"]
    assert {"metrics/corpus.json", "plots/data/scores/breakdown.csv"} <= set(tracked)
    telling = [path for path in (*pushed, *map(project.folder.joinpath, tracked)) if b"take-" in path.read_bytes()]
    assert not telling, "single utterances are named"


def test_a_fresh_clone_with_the_cache_is_up_to_date(
    outside: Outside, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    project = outside.project
    project.commit("the outside corpus")
    project.git("clone", "-q", ".", str(tmp_path / "clone"))
    with pytest.MonkeyPatch.context() as patch:
        clone = Here(tmp_path / "clone", patch)
        clone.dvc("cache", "dir", "--local", str(project.folder / ".dvc/cache"))
        clone.dvc("checkout")
        capsys.readouterr()
        clone.dvc("status")
        assert capsys.readouterr().out.split() == ["sources:", "always", "changed"]
        assert clone.dvc("repro") == []
    status = subprocess.run(["git", "status", "--short"], cwd=clone.folder, capture_output=True, text=True, check=True)
    assert status.stdout == ""


def test_a_release_is_read_where_it_lies_and_its_videos_are_left_alone(outside: Outside) -> None:
    parent = outside.folder / "IEMOCAP_full_release"
    generate(load_recipe(ROOT / "data/demo.yaml"), 40, 1, parent)
    shutil.move(parent / "release", parent / "IEMOCAP_full_release")
    root = parent / "IEMOCAP_full_release"
    for name in ("dialog/avi/DivX/Ses01F_impro01.avi", "dialog/MOCAP_head/Ses01F_impro01.txt", "dialog/wav/a.wav"):
        (root / "Session1" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "Session1" / name).write_bytes(b"big")
    for name in ("dialog/EmoEvaluation/Attribute/Ses01F_impro01_atr.txt", "sentences/MOCAP_hand/Ses01F_impro01.txt"):
        (root / "Session1" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "Session1" / name).write_bytes(b"not ours")
    outside.project.dvc("exp", "run", "-S", f"corpus.path={parent}", "folds", quick=True)
    assert outside.project.json("metrics/corpus.json")["source"] == "iemocap"
    inside = {path.split("/", 2)[2] for path in outside.opened() if path.startswith(parent.name)}
    assert {path.split("/")[1] for path in inside} == {"dialog", "sentences"}
    assert {path.split("/")[2] for path in inside} == {"EmoEvaluation", "wav"}
    assert not [path for path in inside if "Attribute" in path]
    listed = set(read_table(outside.project.folder / "data/corpus/index.csv").path)
    assert inside == listed
    assert listed >= set(outside.read("utterances.csv").file)
