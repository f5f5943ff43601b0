"""Exported files: the same networks back, the same logits in onnxruntime, and nothing that could run code."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from elor import onnx_model
from elor.ensemble import Ensemble
from elor.errors import UserError
from elor.inference import load, load_networks
from elor.networks import INPUTS, SHAPES
from elor.onnx_model import load_onnx, write_onnx
from elor.provenance import Provenance, Score
from elor.report.predictions import as_json, blocks
from elor.report.text import Format, render
from elor.safetensors_model import write_weights
from elor.training import weights_file
from elor.vectors import Vectors
from tests.features.speech import pseudo_speech
from tests.worlds.networks import FOLDS, trained_network, write_models

pytestmark = pytest.mark.long

NETWORKS = ("lom", "elor_ftr")
"""Every kind of input: exporting one takes seconds."""


def networks(network: str, target: str = "classes", folds: tuple[str, ...] = FOLDS) -> dict:
    return {fold: trained_network(network, target, seed) for seed, fold in enumerate(folds)}


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An ONNX file of each network."""
    folder = tmp_path_factory.mktemp("onnx")
    for network in NETWORKS:
        write_onnx(networks(network, folds=FOLDS[:2]), folder / f"{network}.onnx")
    return {network: folder / f"{network}.onnx" for network in NETWORKS}


@pytest.mark.parametrize("folds", [FOLDS, FOLDS[:1], ("group-00", "03", "03.1")])
def test_weights_come_back_bit_for_bit(tmp_path: Path, folds: tuple[str, ...]) -> None:
    given = networks("elor_ftr", folds=folds)
    write_weights(given, tmp_path / "a.safetensors")
    back = load_networks(tmp_path / "a.safetensors")
    assert list(back) == list(folds)
    for fold, network in given.items():
        assert back[fold].architecture == network.architecture
        state = back[fold].state_dict()
        assert all(torch.equal(state[name], value) for name, value in network.state_dict().items())
        assert list(load_networks(tmp_path / "a.safetensors", fold=fold)) == [fold]


def test_one_fold_is_written_as_training_writes_it(tmp_path: Path) -> None:
    write_weights(networks("ftr", folds=("Ses01F",)), tmp_path / "a.safetensors")
    assert weights_file.load_network(tmp_path / "a.safetensors").architecture.network == "ftr"


def test_an_exported_ensemble_that_lost_a_tensor_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_weights(networks("elor"), path)
    tensors, notes = weights_file.load(path)
    tensors.pop("2.cnn.0.conv.weight")
    weights_file.save(path, tensors, notes)
    with pytest.raises(UserError, match="its weights are not those of its network"):
        load(path)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("batch", [1, 3])
def test_onnxruntime_gives_the_logits_of_torch(network: str, batch: int, graphs: dict[str, Path]) -> None:
    generator = torch.Generator().manual_seed(1)
    scales = {"audio": 0.1, "mfcc": 20.0, "is10": 3_000.0}
    inputs = {name: scales[name] * torch.randn(batch, *SHAPES[name], generator=generator) for name in INPUTS[network]}
    session = onnxruntime.InferenceSession(graphs[network], providers=["CPUExecutionProvider"])
    found = dict(zip(("arousal", "valence"), session.run(["arousal", "valence"], _arrays(inputs)), strict=True))
    for index, each in enumerate(networks(network, folds=FOLDS[:2]).values()):
        with torch.no_grad():
            expected = each(*inputs.values())
        for head, logits in found.items():
            assert logits.shape == (batch, 2, 5)
            np.testing.assert_allclose(logits[:, index], expected[head], atol=1e-5)
    assert np.ptp(found["arousal"]) > 1e-3


def test_a_graph_says_what_it_is_and_passes_the_checker(graphs: dict[str, Path]) -> None:
    model = onnx.load(graphs["elor_ftr"])
    onnx.checker.check_model(model, full_check=True)
    assert [value.name for value in model.graph.input] == ["audio", "is10"]
    notes = json.loads({each.key: each.value for each in model.metadata_props}["elor"])
    assert (notes["network"], notes["folds"]) == ("elor_ftr", list(FOLDS[:2]))
    assert not any(tensor.external_data for tensor in model.graph.initializer)  # one file, not two


@pytest.mark.parametrize("network", NETWORKS)
def test_both_formats_predict_the_same(network: str, tmp_path: Path, graphs: dict[str, Path]) -> None:
    write_weights(networks(network, folds=FOLDS[:2]), tmp_path / "a.safetensors")
    sound = pseudo_speech(2).reshape(-1)
    for fold in (None, "Ses01M"):
        ours = load(tmp_path / "a.safetensors", fold=fold).predict(sound, 16_000)
        theirs = load(graphs[network], network, fold).predict(sound, 16_000)
        assert ours.folds == theirs.folds
        for head in ("arousal", "valence"):
            np.testing.assert_allclose(ours.answers[head], theirs.answers[head], atol=1e-5)


def test_another_set_of_vectors_survives_the_journey(tmp_path: Path) -> None:
    vectors = Vectors("eGeMAPSv02", 88)
    given = {fold: trained_network("ftr", seed=seed, vectors=vectors) for seed, fold in enumerate(FOLDS[:2])}
    write_onnx(given, tmp_path / "a.onnx")
    write_weights(given, tmp_path / "a.safetensors")
    sound = pseudo_speech(1).reshape(-1)
    found = [load(tmp_path / f"a.{suffix}") for suffix in ("onnx", "safetensors")]
    assert [each.vectors for each in found] == [vectors, vectors]
    one, other = (each.predict(sound, 16_000).answers["arousal"] for each in found)
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_network_on_vectors_from_elsewhere_is_exported_and_takes_them(tmp_path: Path) -> None:
    given = {"Ses01F": trained_network("ftr", vectors=Vectors("wavlm.npz", 12, table=True))}
    assert write_onnx(given, tmp_path / "a.onnx").difference < 1e-5
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx", providers=["CPUExecutionProvider"])
    vectors = 1e4 * torch.randn(3, 12, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = given["Ses01F"](vectors)["valence"].numpy()
    np.testing.assert_allclose(session.run(["valence"], {"is10": vectors.numpy()})[0][:, 0], expected, atol=1e-5)
    with pytest.raises(UserError, match="made elsewhere"):
        load(tmp_path / "a.onnx")


def test_a_network_that_is_told_words_is_exported(tmp_path: Path) -> None:
    """What is heard, the words' layer beside it, and texts without a word or of words that training never met."""
    words = Vectors("words", 30, table=True)
    given = {fold: trained_network("elor_txt", seed=seed, vectors=words) for seed, fold in enumerate(FOLDS[:2])}
    for network in given.values():
        network.standardize["text"].idf[:5] = 0
    assert write_onnx(given, tmp_path / "a.onnx").difference < 1e-5
    generator = torch.Generator().manual_seed(0)
    audio, text = 0.1 * torch.randn(4, 1, 96_000, generator=generator), torch.zeros(4, 30)
    text[0, ::3] = text[1, :5] = text[2, 20] = 1
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(["valence"], _arrays({"audio": audio, "text": text}))
    with torch.no_grad():
        expected = np.stack([each(audio, text)["valence"].numpy() for each in given.values()], axis=1)
        unsaid = np.stack([each(audio, 0 * text)["valence"].numpy() for each in given.values()], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    told = np.abs(found - unsaid).max(axis=(1, 2))
    assert (told[[0, 2]] > 0.01).all()  # the words reach the answer
    assert (told[[1, 3]] < 1e-5).all()
    write_weights(given, tmp_path / "a.safetensors")
    for suffix in ("onnx", "safetensors"):
        with pytest.raises(UserError, match="30 different words of what was said; of a recording they cannot be made"):
            load(tmp_path / f"a.{suffix}")


def test_what_lies_far_from_training_is_cut_off_in_a_graph_too(tmp_path: Path) -> None:
    """Functionals that are rounding noise in training reach 1e16 deviations elsewhere."""
    vectors = Vectors("eGeMAPSv02", 88)
    given = {fold: trained_network("ftr", seed=seed, vectors=vectors) for seed, fold in enumerate(FOLDS[:2])}
    write_onnx(given, tmp_path / "a.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx", providers=["CPUExecutionProvider"])
    inputs = torch.randn(3, 88, generator=torch.Generator().manual_seed(0)) * 1e4  # the deviation of `trained_network`
    far, edge = inputs.clone(), inputs.clone()
    for value, row in ((1e20, 0), (-3e8, 1), (101e4, 2)):
        far[row, 7], edge[row, 7] = value, np.sign(value) * 100e4
    answers = {}
    for name, batch in (("near", inputs), ("far", far), ("edge", edge)):
        (answers[name],) = session.run(["arousal"], {"is10": batch.numpy()})
        with torch.no_grad():
            expected = np.stack([each(batch)["arousal"].numpy() for each in given.values()], axis=1)
        np.testing.assert_allclose(answers[name], expected, atol=1e-5)
    np.testing.assert_array_equal(answers["far"], answers["edge"])
    assert np.abs(answers["far"] - answers["near"]).max() > 1e-3


def test_values_survive_the_journey(tmp_path: Path) -> None:
    given = networks("ftr", "regression", folds=FOLDS[:1])
    written = write_onnx(given, tmp_path / "a.onnx")
    assert written.difference < 1e-5
    loaded = load_onnx(tmp_path / "a.onnx")
    assert loaded.heads == given["Ses01F"].architecture.heads
    prediction = loaded.predict(pseudo_speech(1)[0], 16_000)
    assert all(prediction.whole(head.name).shape == (head.outputs,) for head in loaded.heads)


def test_a_graph_that_computes_something_else_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_model, "_difference", lambda *_: 0.5)
    with pytest.raises(UserError, match=r"was not written: its logits differ from torch's by 0.5"):
        write_onnx(networks("ftr", folds=FOLDS[:1]), tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_graph_of_ours(tmp_path: Path, graphs: dict[str, Path]) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(graphs["lom"].read_bytes()[:1_000])
    foreign = onnx.load(graphs["lom"])
    del foreign.metadata_props[:]
    onnx.save(foreign, tmp_path / "foreign.onnx")
    for arguments, sentence in (
        ((broken,), "broken.onnx is damaged"),
        ((tmp_path / "foreign.onnx",), "foreign.onnx holds no network of this project"),
        ((tmp_path / "gone.onnx",), "gone.onnx does not exist; write it with elor export"),
        ((graphs["lom"], "elor"), "holds the network lom, not elor"),
        ((graphs["lom"], None, "Ses09F"), "has no fold Ses09F; choose one of Ses01F, Ses01M"),
    ):
        with pytest.raises(UserError, match=sentence):
            load(*arguments)


def test_a_flipped_bit_anywhere_is_damage(tmp_path: Path, graphs: dict[str, Path]) -> None:
    good, path = graphs["lom"].read_bytes(), tmp_path / "flipped.onnx"
    for place in np.linspace(0, len(good) - 1, 60).astype(int):
        path.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        with pytest.raises(UserError, match=r"flipped.onnx is damaged|holds no network of this project"):
            load(path)


def test_without_the_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = onnx_model.importlib.util.find_spec
    monkeypatch.setattr(
        onnx_model.importlib.util, "find_spec", lambda name: None if name.startswith("onnx") else find(name)
    )
    for call in (lambda: write_onnx({}, tmp_path / "a.onnx"), lambda: load(tmp_path / "a.onnx")):
        with pytest.raises(UserError, match=r"need the package onnx\w*; install it: .* 'elor\[onnx\]'"):
            call()


def test_a_run_and_its_export_answer_alike(tmp_path: Path) -> None:
    run = write_models(tmp_path / "models")
    write_weights(load_networks(run), tmp_path / "a.safetensors")
    sound = pseudo_speech(1)[0]
    one, other = (load(path).predict(sound, 16_000).whole("valence") for path in (run, tmp_path / "a.safetensors"))
    np.testing.assert_array_equal(one, other)


def _arrays(inputs: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in inputs.items()}


def shown(ensemble: Ensemble, sound: np.ndarray) -> str:
    found = {"short.wav": ensemble.predict(sound, 16_000)}
    return " ".join(render(blocks(found, ensemble), Format.terminal).split())


def test_an_export_says_what_its_networks_have_heard_and_what_their_answers_are_worth(tmp_path: Path) -> None:
    scores = {"arousal": Score(0.67, 0.8, 1e-4, True), "valence": Score(0.21, 0.0, 0.4, False)}
    about, given = Provenance("demo", scores), networks("elor", folds=FOLDS[:2])
    write_weights(given, tmp_path / "a.safetensors", about)
    ensemble = load(tmp_path / "a.safetensors")
    assert ensemble.provenance == about
    sound = np.random.default_rng(0).normal(0, 0.1, 800)
    said = shown(ensemble, sound)
    for sentence in (
        "These networks have never heard a person",
        "valence: on withheld speech no better than permuted labels (p 0.400), so its answers mean",
        "Too short to judge, less than 0.5 s of sound, the rest of the window is silence: short.wav.",
        "arousal from 0 (calm) to 4 (excited)",
    ):
        assert sentence in said
    assert "arousal: on speakers" not in said
    care = as_json({"short.wav": ensemble.predict(sound, rate=16_000)}, {}, ensemble)["care"]
    assert len(care) == 3
    assert all(sentence in said for sentence in care)
    write_weights(given, tmp_path / "b.safetensors")
    assert "is not known here" in shown(load(tmp_path / "b.safetensors"), sound)
    for damaged in (None, {}, {"corpus": "else", "scores": {}}, {"corpus": "demo", "scores": {"a": {"p": 1}}}, [1]):
        assert Provenance.of_notes(damaged) == Provenance()


def test_a_run_says_what_its_networks_have_heard(tmp_path: Path) -> None:
    models = tmp_path / "data" / "models"
    models.mkdir(parents=True)
    assert Provenance.of_run(models, "elor") == Provenance()
    (tmp_path / "metrics" / "valence").mkdir(parents=True)
    (tmp_path / "params.yaml").write_text("corpus:\n  path: data/demo.yaml\n")
    score = '{"utterance_permutation_p": 0.2, "utterance_uar": 0.2}'
    (tmp_path / "metrics" / "valence" / "elor.json").write_text(score)
    found = Provenance.of_run(models, "elor")
    assert (found.corpus, found.at_chance("valence"), found.at_chance("arousal")) == ("demo", True, False)
    (tmp_path / "params.yaml").write_text("corpus:\n  path: /somewhere\n")
    (tmp_path / "metrics" / "corpus.json").write_text('{"source": "iemocap"}')
    assert Provenance.of_run(models, "ftr") == Provenance("iemocap")
