"""`elor score` of networks, exports and what `elor predict` writes; what a workspace says need not be said again."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from sklearn import metrics
from typer.testing import Result

from elor.api.explain import own_networks
from elor.api.score import dimensions_of, rater_of
from elor.commands.score import _models
from elor.corpora.reader import open_corpus
from elor.ensemble import Ensemble
from elor.errors import UserError
from elor.explain.any_network.subjects import probabilities
from elor.features.slices import SLICE_SAMPLES
from elor.inference import load
from elor.tables import read_table, write_table
from elor.targets import DIMENSIONS, Target
from tests.worlds.networks import FOLDS, save, trained_network, write_models

pytestmark = pytest.mark.long

Elor = Callable[..., Result]


def test_the_raters_of_a_workspace_need_not_be_said_again(workspace_of: Callable[[str], Path], elor: Elor) -> None:
    folder = workspace_of("classes")
    labelled = json.loads((folder / "metrics/corpus.json").read_text())["labels"]["rater"]
    where = (folder / "data/predictions/elor.csv", "--corpus", folder / "data")
    assert rater_of(folder / "data") == labelled == "E-2"
    assert rater_of(folder) is None
    said = elor("score", *where).stdout
    assert "labels: E-2" in said
    assert elor("score", *where, "--rater", "E-2").stdout == said
    assert elor("score", *where, "--rater", "E-1").exit_code == 1


def test_a_folder_with_a_dot_in_its_name_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "models.old").mkdir()
    models, network = tmp_path / "models.old", tmp_path / "elor.onnx"
    assert _models([models, network], ["elor", "ftr"]) == {
        models / "elor": (models, "elor"),
        models / "ftr": (models, "ftr"),
        network: (network, None),  # whatever it holds
    }
    assert _models([network], ["ftr"]) == {network: (network, "ftr")}  # refused if it holds another
    with pytest.raises(UserError, match="holds one network, and --network names 2"):
        _models([network], ["elor", "ftr"])


def test_the_dimensions_of_a_workspace_need_not_be_said_either(tmp_path: Path) -> None:
    (tmp_path / "slices.csv").write_text("slice,speaker,dominance,arousal,dominance_p0\na_0,s,1,2,0.5\n")
    assert dimensions_of(tmp_path) == ("arousal", "dominance")
    assert dimensions_of(tmp_path / "elsewhere") == ()


@pytest.fixture
def heard_corpus(manifest: Path) -> Path:
    """The manifest, two of whose speakers bear the names of speakers that all but one network have heard."""
    text = manifest.read_text().replace(",01,", ",Ses01F,").replace(",02,", ",Ses01M,")
    manifest.write_text(text)
    return manifest


def places_of_fold(every: Ensemble, speaker: str) -> list[int]:
    """Places of the networks of the fold that tests a speaker."""
    return [place for place, name in enumerate(every.folds) if name.partition("/")[0] == speaker]


def with_a_second(models: Path) -> Path:
    """As `train.seeds` leaves them, but only in the first fold: another network that was trained on the same speakers.

    tests/pipeline/test_ensembles.py asks trained ones.
    """
    path = models / "elor" / FOLDS[0] / "2.safetensors"
    save(path, trained_network(seed=9), f"{FOLDS[0]}/2", FOLDS[1:])
    return models


def test_networks_are_scored_on_a_corpus_and_never_on_whom_they_heard(
    heard_corpus: Path, tmp_path: Path, elor: Elor
) -> None:
    models = with_a_second(write_models(tmp_path / "models"))
    where = ("--corpus", heard_corpus, "--high", 7)
    result = elor("score", "--model", models, *where, "--detail", "--csv", tmp_path / "said.csv")
    assert result.exit_code == 0, result.stderr
    elor("score", "--model", models, *where, "--json", "-o", tmp_path / "out.json")
    said = pd.read_csv(tmp_path / "said.csv", dtype={"speaker": str})
    every = load(models)
    rows = pd.read_csv(heard_corpus, dtype={"speaker": str})
    for _, row in rows.iterrows():
        prediction = every.predict(heard_corpus.parent / row["file"])
        mine = said[said["utterance"] == row["file"].removesuffix(".wav")]
        for head in ("arousal", "valence"):
            folds = prediction.answers[head]
            own = folds[:, fresh] if (fresh := places_of_fold(every, row["speaker"])) else folds
            np.testing.assert_allclose(mine[[f"{head}_p{k}" for k in range(5)]], own.mean(1), rtol=1e-5)
        assert set(mine["networks"]) == {{"Ses01F": 2, "Ses01M": 1}.get(row["speaker"], 4)}
    found = json.loads((tmp_path / "out.json").read_text())
    truth = said["utterance"].map({row["file"][:-4]: (row["valence"] - 1) * 2 // 3 for _, row in rows.iterrows()})
    uar = metrics.balanced_accuracy_score(truth, said["valence"])
    assert found["scores"]["valence"]["elor"]["uar"] == pytest.approx(uar, abs=1e-4)
    flat = " ".join(result.stdout.split())
    assert "ELoR: 1 speaker that no network has heard; Ses01F, Ses01M: heard by some of 4 networks" in flat
    groups = {(row["factor"], row["group"]) for row in found["breakdown"]}
    assert {("speaker", "Ses01F"), ("speaker", "03"), ("length", "0.0-1.0 s")} <= groups
    assert "valence by group" in result.stdout


@pytest.mark.parametrize(
    ("speakers", "networks", "said"),
    [
        # of the networks' own run: namesakes in its corpora are two people, and only her own network is told apart
        (
            {"fin": ["fin-anna"], "ger": ["ger-anna", "ger-cleo"]},
            [1, 1, 1],
            "fin-anna, ger-anna, ger-cleo: heard by some",
        ),
        ({"fin": ["anna", "new"]}, [1, 2], "1 speaker that no network has heard; anna: heard by some of 2 networks"),
        ({"elsewhere": ["anna"]}, [2], "anna: heard by every network in training"),
        # the run's own name for her, in another table
        ({"elsewhere": ["fin-anna", "fin-new"]}, [1, 2], "fin-anna: heard by some of 2 networks"),
        ({"elsewhere": ["cleo"]}, [1], "cleo: heard by some of 2 networks"),
    ],
)
def test_who_was_heard_is_known_by_corpus_and_name(
    speakers: dict[str, list[str]], networks: list[int], said: str
) -> None:
    from types import SimpleNamespace

    from elor.api.answers import answered

    heard = (("ger-anna", "ger-cleo"), ("fin-anna", "fin-hugo"))
    ensemble = SimpleNamespace(folds=("fin", "ger"), heads=(), heard=heard, answers=lambda sounds: {})
    rows = [(corpus, name) for corpus, names in speakers.items() for name in names]
    slices = pd.DataFrame(rows, columns=["corpus", "speaker"]).assign(slice="s_0", utterance="s")
    found, sentences = answered(ensemble, slices, np.zeros((len(slices), 96_000), np.int16))  # type: ignore[arg-type]
    assert found["networks"].tolist() == networks
    assert said in "; ".join(sentences)


def test_the_networks_of_a_fold_predict_and_are_explained_as_one(manifest: Path, tmp_path: Path, elor: Elor) -> None:
    models, sound = with_a_second(write_models(tmp_path / "models")), manifest.parent / "01_3.wav"
    result = elor("predict", sound, "--model", models, "--fold", FOLDS[0], "--csv", tmp_path / "one.csv")
    assert f"mean of 2 networks of fold {FOLDS[0]}" in " ".join(result.stdout.split())
    heard = np.random.default_rng(0).integers(-9_000, 9_000, (1, SLICE_SAMPLES)).astype(np.int16)
    ensemble = load(models, fold=FOLDS[0])
    assert ensemble.folds == (FOLDS[0], f"{FOLDS[0]}/2")
    answers, predicted = ensemble.answers(heard), ensemble.predict(sound).answers
    subject = own_networks(models, FOLDS[0]).subject
    assert subject.name == f"ELoR, fold {FOLDS[0]}, 2 networks"
    assert own_networks(models).subject.name == "ELoR, mean of 3 folds, 4 networks"
    explained = probabilities(subject.model, torch.from_numpy(heard / 32_768).float()[:, None])
    said = read_table(tmp_path / "one.csv")
    for head in ("arousal", "valence"):
        np.testing.assert_allclose(explained[head][0], answers[head][0].mean(0), atol=1e-5)
        np.testing.assert_allclose(said[[f"{head}_p{k}" for k in range(5)]], predicted[head].mean(1), atol=1e-4)


def test_what_predict_writes_can_be_scored(manifest: Path, tmp_path: Path, elor: Elor) -> None:
    models = write_models(tmp_path / "models")
    sounds = sorted(manifest.parent.glob("*.wav"))
    assert elor("predict", *sounds, "--model", models, "--csv", tmp_path / "elor.csv").exit_code == 0
    where = ("--corpus", manifest, "--high", 7, "--json", "-o")
    assert elor("score", tmp_path / "elor.csv", *where, tmp_path / "a.json").exit_code == 0
    assert elor("score", "--model", models, *where, tmp_path / "b.json").exit_code == 0
    by_file, by_model = (json.loads((tmp_path / name).read_text()) for name in ("a.json", "b.json"))
    assert by_file["scores"] == by_model["scores"]
    elor("predict", *sounds, "--model", models, "--csv", tmp_path / "dense.csv", "--hop", 1)
    refused = elor("score", tmp_path / "dense.csv", *where, tmp_path / "c.json")
    assert "neither a column `slice` nor `utterance`" in refused.stderr


@pytest.mark.parametrize("target", ["classes", "regression"])
def test_a_window_of_silence_is_named_in_what_predict_writes_and_heard_by_networks(
    target: str, manifest: Path, tmp_path: Path, elor: Elor
) -> None:
    models = write_models(tmp_path / "models", folds=FOLDS[:1], target=target)
    path = manifest.parent / "01_3.wav"
    sound, rate = soundfile.read(path)
    sound[5 * rate :] = 0  # before the second window begins: resampling rings
    soundfile.write(path, sound, rate)
    sounds = sorted(manifest.parent.glob("*.wav"))
    assert elor("predict", *sounds, "--model", models, "--csv", tmp_path / "elor.csv").exit_code == 0
    where = ("--corpus", manifest, "--high", 7, "--target", target)
    refused = elor("score", tmp_path / "elor.csv", *where)
    assert refused.exit_code == 1
    assert re.search("1 rows are without any answer in `arousal_.*silent; .* by --model: 01_3_1", refused.stderr)
    assert elor("score", "--model", models, *where, "--classes", 5).exit_code == 0


def test_networks_of_a_spread_are_known_as_such_and_may_be_scored_as_values() -> None:
    from types import SimpleNamespace

    from elor.api.score import _check_heads, asked_by
    from elor.evaluation.settings import Settings
    from elor.provenance import Provenance

    model = SimpleNamespace(heads=Target("spread").heads, provenance=Provenance())
    assert asked_by(model.heads) == {"target": "spread"}
    for target in ("spread", "regression"):
        _check_heads("mine", model, Settings(target=target))
    with pytest.raises(UserError, match="answer the target spread"):
        _check_heads("mine", model, Settings(target="classes"))
    values = SimpleNamespace(heads=Target("regression").heads, provenance=Provenance())
    with pytest.raises(UserError, match="answer the target regression"):
        _check_heads("mine", values, Settings(target="spread"))
    for kind in ("spread", "regression"):
        nine = SimpleNamespace(heads=Target(kind).heads, provenance=Provenance(classes=9))
        assert asked_by(nine.heads, 9) == {"target": kind, "classes": 9}
        _check_heads("mine", nine, Settings(target="regression", classes=9))
        with pytest.raises(
            UserError, match=f"answer the target (spread|regression) of 9, not {kind} of 5; give --target"
        ):
            _check_heads("mine", nine, Settings(target=kind))


def test_networks_are_scored_on_what_they_answer_and_refused_before_they_hear(
    manifest: Path, tmp_path: Path, elor: Elor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever dimensions those are, where no `data/` says it."""
    table = pd.read_csv(manifest, dtype={"speaker": str})
    rated = tmp_path / "rated.csv"
    table.assign(dominance=table["arousal"]).to_csv(rated, index=False)
    one = write_models(tmp_path / "one", target=Target(dimensions=("arousal",)), folds=FOLDS[:1])
    two = write_models(tmp_path / "two", folds=FOLDS[:1])
    three = write_models(tmp_path / "three", target=Target(dimensions=DIMENSIONS), folds=FOLDS[:1])

    def scored(models: Path, corpus: Path, *options: object) -> dict:
        result = elor("score", "--model", models, "--corpus", corpus, "--high", 7, "--json", *options)
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    assert list(scored(one, manifest)["scores"]) == ["arousal"]
    assert list(scored(three, rated)["scores"]) == ["arousal", "dominance", "valence"]
    found = scored(three, manifest, "--head", "arousal")
    assert (list(found["scores"]), found["protocol"]["heads_left_out"]) == (["arousal"], ["valence", "dominance"])
    monkeypatch.setattr(Ensemble, "answers", lambda *_: pytest.fail("heard"))
    for models, corpus, sentence in (
        (three, manifest, "nothing to learn but valence and arousal, as labels.dimensions or --head"),
        (one, manifest, "The networks elor say nothing on valence; score arousal alone by --head arousal."),
    ):
        both = ("--model", two, "--name", "two", "--name", "elor") if models == one else ()
        refused = elor("score", *both, "--model", models, "--corpus", corpus, "--high", 7)
        assert sentence in refused.stderr


def test_what_a_workspace_has_no_labels_of_is_said_to_be_unscored(workspace: Path, tmp_path: Path, elor: Elor) -> None:
    data = shutil.copytree(workspace / "data", tmp_path / "data")
    slices = read_table(data / "slices.csv").assign(corpus="demo")
    write_table(slices, data / "slices.csv")
    np.save(data / "slices.npy", np.full((len(slices), SLICE_SAMPLES), 100, np.int16))
    models = write_models(tmp_path / "models", target=Target(dimensions=DIMENSIONS), folds=FOLDS[:1])
    said = elor("score", "--model", models, "--corpus", data).stdout
    assert "what it says of dominance is not scored" in " ".join(said.split())


@pytest.mark.parametrize("target", ["regression", "spread"])
def test_values_lie_on_the_scale_that_their_networks_learned(
    target: str, manifest: Path, tmp_path: Path, elor: Elor
) -> None:
    """Of a run by its metrics, of an export by its notes; an export that does not tell it is said to be none."""
    from elor.inference import load_networks, provenance
    from elor.safetensors_model import write_weights

    models = write_models(tmp_path / "data" / "models", target=target)
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "corpus.json").write_text('{"labels": {"classes": 9}}')
    networks = load_networks(models)
    write_weights(networks, tmp_path / "told.safetensors", provenance(models, "elor"))
    write_weights(networks, tmp_path / "untold.safetensors")
    where = ("--corpus", manifest, "--high", 7, "--target", "regression", "--json", "-o", tmp_path / "out.json")

    def rmse(*options: object) -> float:
        result = elor("score", "--model", *options, *where)
        assert result.exit_code == 0, result.stderr
        (scores,) = json.loads((tmp_path / "out.json").read_text())["scores"]["arousal"].values()
        return scores["rmse"]

    assert rmse(models) == rmse(tmp_path / "told.safetensors") == rmse(tmp_path / "untold.safetensors", "--classes", 9)
    assert rmse(models) != rmse(tmp_path / "untold.safetensors")
    assert "on which scale its values lie" in (tmp_path / "out.json").read_text()
    refused = elor("score", "--model", models, *where, "--classes", 5)
    assert "answer the target regression of 9, not regression of 5" in refused.stderr


@pytest.mark.parametrize("target", ["regression", "emotion"])
def test_networks_say_what_they_answer_and_an_export_what_it_heard(
    target: str, manifest: Path, tmp_path: Path, elor: Elor
) -> None:
    from elor.inference import load_networks
    from elor.safetensors_model import write_weights

    table = pd.read_csv(manifest, dtype={"speaker": str}).assign(emotion=["angry", "happy", "sad", "neutral"] * 3)
    table.assign(speaker=table["speaker"].replace("03", "Ses02F")).to_csv(manifest, index=False)
    networks = load_networks(write_models(tmp_path / "models", target=target))
    write_weights({name: networks[name] for name in FOLDS[:2]}, tmp_path / "two.safetensors")  # both heard Ses02F
    where = ("--corpus", manifest, "--high", 7)
    result = elor("score", "--model", tmp_path / "two.safetensors", *where)
    assert result.exit_code == 0, result.stderr
    flat = " ".join(result.stdout.split())
    assert "two: 2 speakers that no network has heard; Ses02F: heard by every network in training" in flat
    assert ("CCC" if target == "regression" else "emotion WAR") in result.stdout
    wrong = elor("score", "--model", tmp_path / "two.safetensors", *where, "--target", "classes")
    assert "The networks two answer the target" in wrong.stderr
    assert "There is nothing to score" in elor("score", "--corpus", manifest).stderr


def test_a_recipe_is_spoken_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from elor.corpora.making import spoken

    monkeypatch.setenv("ELOR_SCRATCH", str(tmp_path))
    release = spoken(Path("data/demo.yaml"), 35)
    written = release.stat().st_mtime_ns
    assert len(open_corpus(release).read().utterances) == 35
    assert spoken(Path("data/demo.yaml"), 35).stat().st_mtime_ns == written
