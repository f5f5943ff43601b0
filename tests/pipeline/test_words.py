"""A network that is told the words: from transcriptions to the page, and nothing at all where nobody asks for them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from tests.worlds.project import MODELS, NETWORKS
from tests.worlds.stages import CORPUS, EXPLAINING_LESS, LABELLING, LEARNING, LESS, UNSEEN, Workspace, alter_less

pytestmark = pytest.mark.long

TOLD = (("text",), ("tune", "elor_txt"), ("train", "elor_txt"))
ASKED = {
    **LESS,
    "folds__most": 3,
    "scale__demo__explain__seeds": 2,
    **{f"scale__demo__networks__{net}__evaluations": 0 for net in NETWORKS[:3]},
}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A run that reads words, up to its page."""
    with pytest.MonkeyPatch.context() as patch:
        made = Workspace(tmp_path_factory.mktemp("words") / "project", patch)
        alter_less(patch)
        made.set_params(corpus__words="words", **ASKED)
        learning = [one for one in LEARNING if one != ("evaluate",)]
        explaining = [one for one in EXPLAINING_LESS if one not in UNSEEN]
        told = (*TOLD, ("evaluate",), ("words",))
        made.run_all(*CORPUS, *LABELLING, ("mfcc",), ("is10",), *learning, *told, *explaining)
        yield made


def table(workspace: Workspace, name: str) -> pd.DataFrame:
    return pd.read_csv(workspace.folder / "data" / f"{name}.csv", keep_default_na=False)


def test_words_reach_the_network_and_its_scores(workspace: Workspace) -> None:
    texts, slices = table(workspace, "texts").set_index("utterance")["text"], table(workspace, "slices")
    vectors = np.load(workspace.folder / "data/text.npy")
    terms = (workspace.folder / "data/text_names.txt").read_text().split()
    for row in range(len(slices)):
        said = {term for term, there in zip(terms, vectors[row], strict=True) if there}
        assert said == {word.strip(".").lower() for word in texts[slices["utterance"][row]].split()}
    assert {f"{head}.{net}" for head in ("arousal", "valence") for net in (*MODELS, "elor_txt")} == set(
        workspace.json("metrics/uar.json")
    )
    tuned = [(workspace.folder / f"data/tuning/{net}.yaml").read_text() for net in ("elor", "elor_txt")]
    assert tuned[0].split("values:")[1] == tuned[1].split("values:")[1]  # nothing differs but the words
    declared = workspace.json("metrics/comparisons.json")["comparisons"]
    assert ("valence", "elor_txt", "elor") in {(one["dimension"], one["a"], one["b"]) for one in declared}


def test_the_leak_is_said_and_scripts_stand_apart(workspace: Workspace) -> None:
    found = workspace.json("metrics/words.json")
    assert set(found["leak"]) == {"all", "improvised", "scripted"}
    assert found["leak"]["scripted"]["heard_before"] > 0.2 > found["leak"]["improvised"]["heard_before"]
    parts = {(one["head"], one["part"]) for one in found["added"]}
    assert {(head, part) for head in ("arousal", "valence") for part in found["leak"]} <= parts
    whole = next(one for one in found["added"] if (one["head"], one["part"]) == ("valence", "all"))
    uar = workspace.json("metrics/uar.json")
    assert (whole["told"], whole["plain"]) == (uar["valence.elor_txt"], uar["valence.elor"])
    page = (workspace.folder / "plots/report.html").read_text()
    assert "stands word for word in the training part" in page.replace("\n", " ")
    assert "ELoR+TXT" in page


def test_hearing_is_compared_with_the_spread_over_seeds(workspace: Workspace) -> None:
    found = workspace.json("metrics/words.json")
    assert found["seeds"] == 2
    for maps in (*found["maps"].values(), found["effects"]):
        defined = maps["difference"] is not None  # maps of networks so small may not vary at all
        assert maps["patterns"] == 3 * defined
        assert not defined or maps["p"] in (0.3333, 0.6667, 1)
    assert {one["answer"] for one in found["effects"]["rows"]} >= {"arousal", "valence"}


def test_without_words_their_outputs_are_empty_and_all_others_the_same(workspace: Workspace) -> None:
    """Looks at what the tests above left, and runs what depends on words again."""
    before = workspace.files()
    workspace.set_params(corpus__words="none", **ASKED)
    for network in ("models/elor_txt", "predictions/elor_txt.csv", "audit/elor_txt.csv"):
        path = workspace.folder / "data" / network
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for folder in ("metrics/arousal", "metrics/valence", "metrics/dominance", "metrics/emotion"):
        shutil.rmtree(workspace.folder / folder)
    workspace.run_all(("labels",), *TOLD, ("evaluate",), ("words",), ("claims",), ("report",))
    after = workspace.files()
    assert workspace.json("metrics/words.json") == {"schema": "words/1", "why": "corpus.words is none"}
    assert np.load(workspace.folder / "data/text.npy").shape == (len(table(workspace, "slices")), 0)
    assert (workspace.folder / "data/predictions/elor_txt.csv").read_text() == ""
    assert list((workspace.folder / "data/models/elor_txt").iterdir()) == []
    assert len(table(workspace, "texts")) == 0
    assert not any("elor_txt" in name for name in after if name.startswith("metrics") and "/cost/" not in name)
    same = [f"metrics/{head}/{net}.json" for head in ("arousal", "valence") for net in MODELS]
    for name in (*same, "metrics/claims.json", "data/utterances.csv", "data/targets.csv", "metrics/agreement.json"):
        assert after[name] == before[name], name
    assert "stands word for word" not in (workspace.folder / "plots/report.html").read_text()


def test_a_turn_without_its_transcription_is_one_sentence_before_anything_long_starts(workspace: Workspace) -> None:
    """Looks at what the tests above left."""
    release = workspace.folder / "data/corpus/release"
    path = next((release / "Session2/dialog/transcriptions").glob("*.txt"))
    lines = path.read_text().splitlines()
    gone = next(line for line in lines if line.startswith("Ses"))
    path.write_text("\n".join(line for line in lines if line != gone))
    workspace.set_params(corpus__words="words", **ASKED)
    before = workspace.files()
    code, said = workspace.run("labels")
    assert code == 1
    assert said.count("\n") == 1  # nothing else was begun
    assert f"1 turn of the release without a line in dialog/transcriptions: {gone.split()[0]} (Session2/" in said
    assert workspace.files() == before
