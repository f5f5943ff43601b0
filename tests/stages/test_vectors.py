"""Vectors other than IS10 on their way through the stages: their width, what is said of them, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from elor.features.is10 import functionals
from elor.tables import read_table
from elor.training.weights_file import load_network
from elor.vectors import Vectors
from tests.worlds import voices
from tests.worlds.stages import READING, Workspace

pytestmark = pytest.mark.long


@pytest.fixture
def begun(workspace: Workspace, tmp_path: Path) -> Workspace:
    """A workspace that has read a small corpus."""
    workspace.set_params(corpus__path=str(voices.build(tmp_path / "voices", each=2)), folds__most=3)
    workspace.run_all(*READING)
    return workspace


def learn_ftr(workspace: Workspace, vectors: Vectors) -> None:
    """FTR and the SVM learn from them, and the network remembers which they were."""
    workspace.run_all(("tune", "ftr"), ("train", "ftr"), ("baseline",))
    for path in (workspace.folder / "data/models/ftr").glob("*.safetensors"):
        trained = load_network(path)
        assert trained.architecture.vectors == vectors
        assert trained.standardize["is10"].mean.shape == (vectors.width,)
    slices = read_table(workspace.folder / "data/slices.csv")
    for name in ("ftr", "svm"):
        assert len(read_table(workspace.folder / f"data/predictions/{name}.csv")) == len(slices)


def test_another_set_of_opensmiles(begun: Workspace) -> None:
    begun.set_params(features__set="eGeMAPSv02")
    begun.run_all(("is10",))
    assert Vectors.read(begun.folder / "data/is10.json") == Vectors("eGeMAPSv02", 88)
    array, sound = (np.load(begun.folder / f"data/{name}.npy") for name in ("is10", "slices"))
    np.testing.assert_array_equal(array[1], functionals(sound[1], "eGeMAPSv02"))
    learn_ftr(begun, Vectors("eGeMAPSv02", 88))


def test_a_table_from_elsewhere(begun: Workspace) -> None:
    slices = read_table(begun.folder / "data/slices.csv")
    utterances = slices["utterance"].unique()[::-1]
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(len(utterances), 5)), columns=list("abcde"))
    table.insert(0, "utterance", utterances)
    table.to_csv(begun.folder / "mine.csv", index=False)
    begun.set_params(features__table="mine.csv")
    begun.run_all(("sources",), ("is10",))
    vectors = Vectors("mine.csv", 5, table=True)
    assert Vectors.read(begun.folder / "data/is10.json") == vectors
    array = np.load(begun.folder / "data/is10.npy")
    wanted = table.set_index("utterance").loc[slices["utterance"]].to_numpy(np.float32)
    np.testing.assert_array_equal(array, wanted)
    assert (begun.folder / "data/is10_names.txt").read_text().split() == list("abcde")
    learn_ftr(begun, vectors)

    before = begun.files()
    table.iloc[1:].to_csv(begun.folder / "mine.csv", index=False)
    code, said = begun.run("is10")
    assert (code, said.count("\n")) == (1, 1)
    assert f"mine.csv lacks 1 of {len(utterances)} in the column utterance of data/slices.csv" in said
    assert begun.files() == before
    table.assign(a=0.0).to_csv(begun.folder / "mine.csv", index=False)  # complete, but not what `sources` saw
    code, said = begun.run("is10")
    assert code == 1
    assert begun.files() == before
    assert "mine.csv changed while this stage was at work" in said
    (begun.folder / "mine.csv").unlink()
    code, said = begun.run("sources")
    lost = "sources: mine.csv, which params.yaml names, is no file; check the path."
    assert (code, said.splitlines()[-1]) == (1, lost)
