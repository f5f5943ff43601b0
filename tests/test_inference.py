"""Predictions of recordings: those of the pipeline, one fold or the mean of all, and what cannot be predicted."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import opensmile
import pandas as pd
import pytest
import soundfile
import torch
from safetensors.torch import load_file, save_file

from elor import inference
from elor.audio import Sounds
from elor.engine import Engine
from elor.ensemble import Ensemble, Prediction, expected, label
from elor.errors import UserError
from elor.features.is10 import write_is10
from elor.features.mfcc import write_mfcc
from elor.features.slices import ABOUT, plan_slices, write_slices
from elor.inference import load
from elor.networks import INPUTS
from elor.recording import Recording
from elor.targets import Head
from elor.training import weights_file
from elor.training.data import Inputs
from elor.vectors import Vectors
from tests.features.speech import pseudo_speech
from tests.worlds.networks import FOLDS, write_models

NETWORKS = ("elor", "lom", "ftr", "elor_ftr")
TARGETS = ("classes", "regression", "distribution", "emotion")


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 s of mono sound at 16 kHz: two full windows and a rest of four seconds."""
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    soundfile.write(path, pseudo_speech(3).reshape(-1)[: 16 * 16_000], 16_000, "PCM_16")
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"), NETWORKS)


@pytest.fixture(scope="module")
def features(speech: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The arrays that the stages slices, mfcc and is10 write of the same sound."""
    folder = tmp_path_factory.mktemp("features")
    turn = {"utterance": "a", "file": speech.name, "samples": 16 * 16_000, "start_s": None, "end_s": None}
    turns = pd.DataFrame([turn | dict.fromkeys(ABOUT, "x")])
    plan = plan_slices(turns, pd.DataFrame({"utterance": ["a"], "arousal": [1]}))
    files = {"audio": folder / "slices.npy", "mfcc": folder / "mfcc.npy", "is10": folder / "is10.npy"}
    write_slices(plan, turns, Sounds.of(speech.parent), files["audio"])
    write_mfcc(files["audio"], files["mfcc"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ELOR_SCRATCH", str(folder / "scratch"))
        write_is10(files["audio"], files["is10"], folder / "names.txt", Engine("cpu", 1))
    return files


@pytest.mark.parametrize("network", NETWORKS)
def test_predictions_are_those_of_the_pipeline(
    network: str, run: Path, speech: Path, features: dict[str, Path]
) -> None:
    inputs = Inputs({name: features[name] for name in INPUTS[network]}, torch.device("cpu"))
    with torch.no_grad():
        expected_logits = weights_file.load_network(run / network / "Ses01M.safetensors")(*inputs.batch(np.arange(3)))
    prediction = load(run, network, fold="Ses01M").predict(speech)
    for head in ("arousal", "valence"):
        found = prediction.windows(head)
        np.testing.assert_allclose(found, expected_logits[head].softmax(1), atol=1e-6)
        assert np.ptp(found, axis=0).max() > 1e-4  # the windows are not all alike: the network listens
    np.testing.assert_array_equal(prediction.starts, [0, 6, 12])
    np.testing.assert_array_equal(prediction.ends, [6, 12, 16])


@pytest.mark.parametrize("target", TARGETS)
def test_the_ensemble_is_the_mean_of_its_networks(target: str, tmp_path: Path, speech: Path) -> None:
    run = write_models(tmp_path, target=target)
    all_folds = load(run).predict(speech)
    singles = [load(run, fold=fold).predict(speech) for fold in FOLDS]
    assert all_folds.folds == FOLDS
    for head in all_folds.heads:
        answers = np.stack([single.windows(head.name) for single in singles])
        assert answers.shape == (3, 3, head.outputs)
        np.testing.assert_allclose(all_folds.windows(head.name), answers.mean(0), atol=1e-7)
        np.testing.assert_allclose(all_folds.whole(head.name), answers.mean((0, 1)), atol=1e-7)
        if head.classes is not None:
            np.testing.assert_allclose(all_folds.windows(head.name).sum(1), 1, atol=1e-6)
        if head.name != "emotion":
            values = answers.mean(1) @ np.arange(head.outputs) if head.classes else answers.mean(1)[:, 0]
            assert all_folds.spread(head.name) == pytest.approx(values.std(ddof=1), abs=1e-7)
        assert np.isnan(singles[0].spread(head.name))


def test_a_network_on_another_set_hears_that_set(tmp_path: Path, speech: Path) -> None:
    run = write_models(tmp_path, ("ftr", "elor_ftr"), vectors=Vectors("eGeMAPSv02", 88))
    signals = [window.signal for window in Recording(speech).windows()]
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    vectors = torch.stack([torch.from_numpy(smile(signal / np.float32(32_768), 16_000)[0, :, 0]) for signal in signals])
    sound = torch.from_numpy(np.stack(signals)).float()[:, None] / 32_768
    for network, inputs in (("ftr", [vectors]), ("elor_ftr", [sound, vectors])):
        trained = weights_file.load_network(run / network / "Ses01M.safetensors")
        with torch.no_grad():
            wanted = trained(*inputs)["arousal"].softmax(1)
        assert trained.architecture.vectors.width == 88
        found = load(run, network, fold="Ses01M").predict(speech).windows("arousal")
        np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_a_network_on_vectors_from_elsewhere_refuses_recordings(tmp_path: Path) -> None:
    run = write_models(tmp_path, ("ftr",), vectors=Vectors("wavlm.npz", 12, table=True))
    with pytest.raises(UserError, match=r"read vectors of 12 numbers from wavlm\.npz, which were made elsewhere"):
        load(run, "ftr")


def test_networks_on_different_sets_are_no_ensemble(tmp_path: Path) -> None:
    write_models(tmp_path, ("ftr",), folds=FOLDS[:1])
    write_models(tmp_path, ("ftr",), folds=FOLDS[1:], vectors=Vectors("eGeMAPSv02", 88))
    with pytest.raises(UserError, match="answer different questions or read different vectors"):
        load(tmp_path, "ftr")


def test_expected_label_and_names() -> None:
    shares = np.array([0.1, 0.2, 0.3, 0.4])
    assert expected("arousal", shares) == pytest.approx(2.0)
    assert expected("arousal", np.array([1.7])) == 1.7
    assert np.isnan(expected("emotion", shares))
    assert [label(head, shares) for head in ("arousal", "emotion")] == ["3", "neutral"]
    assert label("arousal", np.array([1.7])) == label("arousal", shares * np.nan) == ""


def test_silence_within_a_recording_has_no_say(run: Path, speech: Path) -> None:
    sound = soundfile.read(speech, frames=96_000, dtype="int16")[0]
    ensemble = load(run)
    alone = ensemble.predict(sound, 16_000)
    seen: list[int] = []
    longer = ensemble.predict(np.concatenate([sound, np.zeros(12 * 16_000, np.int16)]), 16_000, watch=seen.append)
    np.testing.assert_array_equal(longer.silent, [False, True, True])
    np.testing.assert_allclose(longer.whole("arousal"), alone.whole("arousal"), atol=1e-7)
    assert np.isnan(longer.windows("arousal")[1:]).all()
    assert sum(seen) == 3
    with pytest.raises(UserError, match="array is silent"):
        ensemble.predict(np.zeros(50_000), 44_100)


def test_another_rate_and_a_second_channel_change_little(run: Path, speech: Path) -> None:
    sound = soundfile.read(speech)[0]
    ensemble = load(run)
    expected_answer = ensemble.predict(sound, 16_000).whole("arousal")
    stereo = ensemble.predict(np.stack([sound, sound], 1), 16_000).whole("arousal")
    np.testing.assert_array_equal(stereo, expected_answer)
    up = np.interp(np.arange(len(sound) * 3) / 3, np.arange(len(sound)), sound)
    faster = ensemble.predict(up, 48_000).whole("arousal")
    np.testing.assert_allclose(faster, expected_answer, atol=0.02)
    assert not np.array_equal(faster, expected_answer)


def test_hops(run: Path, speech: Path) -> None:
    ensemble = load(run, fold="Ses01F")
    slow, fast = ensemble.predict(speech), ensemble.predict(speech, hop_s=2)
    np.testing.assert_array_equal(fast.starts, [0, 2, 4, 6, 8, 10])
    np.testing.assert_allclose(fast.windows("valence")[[0, 3]], slow.windows("valence")[:2], atol=1e-6)
    for hop in (0, -1, 1e-9, 1e308, float("nan"), float("inf")):
        with pytest.raises(UserError, match="leads nowhere"):
            ensemble.predict(speech, hop_s=hop)


def test_the_shortcut_loads_and_predicts(run: Path, speech: Path) -> None:
    found = inference.predict(speech, model=run, network="lom", fold="Ses02F")
    assert isinstance(found, Prediction)
    assert found.folds == ("Ses02F",)


def test_a_folder_a_network_and_a_file_can_be_given(run: Path) -> None:
    assert load(run).network == load(run / "elor").network == "elor"
    assert load(run / "ftr").network == load(run, "ftr").network == "ftr"
    single = load(run / "lom/Ses01M.safetensors")
    assert (single.network, single.folds) == ("lom", ("Ses01M",))


def test_what_is_not_there(run: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    for arguments, sentence in (
        ((tmp_path,), "holds no trained network yet; run dvc repro"),
        ((tmp_path / "data/models",), "holds no trained network yet"),
        ((tmp_path / "gone.safetensors",), "does not exist; write it with elor export"),
        ((tmp_path / "notes.txt",), "is no model"),
        ((run, "cnn"), "has no network cnn; there is elor, elor_ftr, ftr, lom"),
        ((run / "ftr", "elor"), "holds the network ftr, not elor"),
        ((run, "elor", "Ses09F"), "has no fold Ses09F; choose one of Ses01F, Ses01M, Ses02F"),
    ):
        with pytest.raises(UserError, match=sentence):
            load(*arguments)


def test_damaged_weights(tmp_path: Path) -> None:
    path = write_models(tmp_path) / "elor/Ses01F.safetensors"
    sound = path.read_bytes()

    def refused(sentence: str) -> None:
        with pytest.raises(UserError, match=sentence):
            load(path)

    for damaged in (sound[:-100], sound[:40], b"", b"\xff" * 500):
        path.write_bytes(damaged)
        refused("is damaged")
    path.write_bytes(sound)
    tensors, notes = load_file(path), weights_file.load(path)[1]
    name = "heads.arousal.0.weight"
    weights_file.save(path, tensors | {name: tensors[name] * torch.nan}, notes)
    refused("some of its weights are not numbers")
    weights_file.save(path, {key: value for key, value in tensors.items() if key != name}, notes)
    refused("its weights are not those of its network")
    weights_file.save(path, tensors, notes | {"architecture": notes["architecture"] | {"colour": 1}})
    refused("its weights are not those of its network")
    save_file(tensors, path)
    refused("holds no network of this project")


def test_a_small_file_that_announces_gigabytes_is_refused_before_they_are_taken(tmp_path: Path) -> None:
    """Notes of 30,000 x 30,000 units, 3.6 GB, beside weights of a few kilobytes."""
    path = write_models(tmp_path, ["ftr"]) / "ftr/Ses01F.safetensors"
    tensors, notes = weights_file.load(path)
    weights_file.save(path, tensors, notes | {"architecture": notes["architecture"] | {"hidden": [30_000, 30_000]}})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match="its weights are not those of its network"):
        load(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024  # KiB


@pytest.mark.parametrize(
    "change",
    [
        {"hidden": [0]}, {"hidden": [8.0]}, {"hidden": "8"}, {"stride": 0}, {"dropout": 2}, {"network": "gru"},
        {"heads": []},
        {"heads": [{"name": "keys", "classes": 5}]}, {"heads": [{"name": "valence", "classes": -1}]},
        {"standardize": None},
    ],
)  # fmt: skip
def test_notes_that_describe_no_network_are_refused(tmp_path: Path, change: dict) -> None:
    path = write_models(tmp_path, ["ftr"]) / "ftr/Ses01F.safetensors"
    tensors, notes = weights_file.load(path)
    weights_file.save(path, tensors, notes | {"architecture": notes["architecture"] | change})
    with pytest.raises(UserError, match="its weights are not those of its network"):
        load(path)


def test_a_changed_bit_of_a_weight_is_noticed(tmp_path: Path) -> None:
    path = write_models(tmp_path, ["ftr"]) / "ftr/Ses01F.safetensors"
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match="its checksum is another"):
        load(path)


def test_networks_of_different_questions_do_not_answer_together(tmp_path: Path) -> None:
    write_models(tmp_path)
    write_models(tmp_path, target="emotion", folds=("Ses05F",))
    with pytest.raises(UserError, match="answer different questions"):
        load(tmp_path)


def test_a_network_without_numbers_is_named(speech: Path) -> None:
    def broken(inputs: object) -> dict[str, np.ndarray]:
        return {"arousal": np.full((len(inputs[0]), 1, 5), np.inf, np.float32)}  # type: ignore[index]

    ensemble = Ensemble("elor", ("a",), (Head("arousal", 5),), broken)
    with pytest.raises(UserError, match="elor network gives no numbers for arousal"):
        ensemble.predict(speech)
