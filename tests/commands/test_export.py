"""`elor export`: three files that belong together, and a card whose numbers are the run's."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.testing import Result

from elor import onnx_model
from elor.files import write_json
from elor.inference import load
from elor.report.text import interval
from elor.training import weights_file
from tests.features.speech import pseudo_speech
from tests.worlds.networks import FOLDS, write_models

pytestmark = pytest.mark.long

Elor = Callable[..., Result]


def options(workspace: Path, models: Path, out: Path) -> tuple[object, ...]:
    where = ("--metrics", workspace / "metrics", "--params", workspace / "params.yaml")
    return ("--model", models, "--output", out, *where)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"), ("elor", "ftr"))


def test_three_files_that_belong_together(
    workspace: Path, models: Path, tmp_path: Path, elor: Elor, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = elor("export", "elor", *options(workspace, models, tmp_path))
    names = ["elor.safetensors", "elor.onnx", "elor.md"]
    assert result.exit_code == 0, result.stderr
    assert [Path(line).name for line in result.stdout.splitlines()] == names
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    monkeypatch.setenv("PATH", "")  # no git, which only tells the commit
    without = elor("export", "elor", *options(workspace, models, tmp_path / "without"))
    assert (without.exit_code, len(without.stdout.splitlines())) == (0, 3), without.stderr
    card = (tmp_path / "elor.md").read_text()
    for name in names[:2]:
        digest = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        assert re.search(rf"`{name}`: .*, SHA-256 {digest}\.", card)
    sound = pseudo_speech(1)[0]
    expected = load(models).predict(sound, 16_000).whole("arousal")
    for name in names[:2]:
        assert load(tmp_path / name).predict(sound, 16_000).whole("arousal") == pytest.approx(expected, abs=1e-5)


def test_the_card_takes_its_numbers_from_the_run(workspace: Path, models: Path, tmp_path: Path, elor: Elor) -> None:
    metrics = shutil.copytree(workspace / "metrics", tmp_path / "metrics")
    scores = json.loads((metrics / "valence/ftr.json").read_text())
    write_json(
        metrics / "valence/ftr.json", scores | {"utterance_permutation_p": 0.4321, "recall_2": 0.111, "ece": 0.222}
    )
    where = (*options(workspace, models, tmp_path), "--metrics", metrics)
    assert elor("export", "ftr", "--no-onnx", *where).exit_code == 0
    card = (tmp_path / "ftr.md").read_text()
    assert not (tmp_path / "ftr.onnx").exists()
    for head in ("arousal", "valence"):
        found = json.loads((metrics / head / "ftr.json").read_text())
        assert interval(found["uar"], found["ci_low"], found["ci_high"]) in card
    assert "valence: on withheld speech no better than permuted labels (p 0.432)." in card
    assert "arousal: not distinguishable" not in card
    assert re.search(r"valence: found more rarely than by a uniform guess: class .*2 \(recall 0\.111\)", card)
    assert "valence: its probabilities are off by 0.222 on average" in card
    assert "other evaluators" in card
    assert "E-2's" in card
    assert f"({', '.join(FOLDS)}); the answer is the mean" in card
    assert "cannot be on this corpus" in card
    assert "| ELoR |" not in card


@pytest.mark.parametrize(
    ("path", "shareable", "sentences"),
    [
        ("data/demo.yaml", False, ("have never heard a person", "they are under the same licence")),
        ("/somewhere/IEMOCAP", False, ("Busso et al., 2008", "IEMOCAP's licence decides", "shareable: false")),
        ("/somewhere/IEMOCAP", True, ("IEMOCAP's licence decides", "shareable: true")),
    ],
)
def test_whose_corpus_it_was(
    path: str, shareable: bool, sentences: tuple[str, ...], workspace: Path, models: Path, tmp_path: Path, elor: Elor
) -> None:
    yaml = YAML()
    params = yaml.load(workspace / "params.yaml")
    params["corpus"] |= {"path": path, "shareable": shareable}
    yaml.dump(params, tmp_path / "params.yaml")
    metrics = shutil.copytree(workspace / "metrics", tmp_path / "metrics")
    corpus = json.loads((metrics / "corpus.json").read_text())
    write_json(metrics / "corpus.json", corpus | {"source": "iemocap"})
    where = ("--model", models, "--output", tmp_path, "--metrics", metrics, "--params", tmp_path / "params.yaml")
    assert elor("export", "ftr", "--no-onnx", "--fold", "Ses01M", *where).exit_code == 0
    card = " ".join((tmp_path / "ftr-Ses01M.md").read_text().split())
    for sentence in (*sentences, "The network of fold Ses01M", "of the networks of all folds, of which this is one"):
        assert sentence in card
    assert "/somewhere" not in card


def test_one_of_several_networks_of_a_fold(workspace: Path, models: Path, tmp_path: Path, elor: Elor) -> None:
    """`train.seeds`: the mean of a fold's networks was tested, none of them alone."""
    own = shutil.copytree(models, tmp_path / "models") / "ftr"
    tensors, notes = weights_file.load(own / "Ses01M.safetensors")
    weights_file.save(own / "Ses01M" / "2.safetensors", tensors, notes | {"fold": "Ses01M/2"})
    result = elor("export", "ftr", "--no-onnx", "--fold", "Ses01M/2", *options(workspace, own.parent, tmp_path))
    assert result.exit_code == 0, result.stderr
    assert load(tmp_path / "ftr-Ses01M-2.safetensors").folds == ("Ses01M/2",)
    card = " ".join((tmp_path / "ftr-Ses01M-2.md").read_text().split())
    assert "Network Ses01M/2, one of several of its fold, which was trained without that fold's speakers." in card
    assert "tested as one, on the speakers that were withheld from them. This is one of them, and was" in card
    assert "`ftr-Ses01M-2.safetensors`: weights" in card


@pytest.mark.parametrize("target", ["regression", "spread", "distribution", "emotion"])
def test_every_target_has_a_card(target: str, workspace_of: Callable[[str], Path], tmp_path: Path, elor: Elor) -> None:
    models = write_models(tmp_path / "models", target=target)
    result = elor("export", "elor", "--no-onnx", *options(workspace_of(target), models, tmp_path))
    assert result.exit_code == 0, result.stderr
    card = (tmp_path / "elor.md").read_text()
    valued = target in ("regression", "spread")
    assert ("(a value)" in card) == valued
    assert ("CCC [" in card) == valued
    assert f"the answer is the mean of their {'values' if valued else 'probabilities'}" in card
    assert ("The raters' standard deviation was learned" in card) == (target == "spread")
    assert ("labelled by E-2" in card) == (target == "classes")
    assert ("of them tested, labelled by the mean of all evaluators" in card) == (target != "emotion")
    assert ("Predicts emotion (4 classes)" in card) == (target == "emotion")


def test_the_card_is_of_the_run_that_trained_the_networks_wherever_it_is_asked_for(
    workspace: Path, models: Path, tmp_path: Path, elor: Elor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never of the workspace that one happens to stand in."""
    other = tmp_path / "other"
    shutil.copytree(workspace / "metrics", other / "metrics")
    shutil.copytree(models, other / "data" / "models")
    shutil.copy(workspace / "params.yaml", other)
    path = other / "metrics" / "valence" / "ftr.json"
    write_json(path, json.loads(path.read_text()) | {"utterance_permutation_p": 0.4321})
    monkeypatch.chdir(workspace)
    assert elor("export", "ftr", "--no-onnx", "-o", tmp_path, "--model", other / "data" / "models").exit_code == 0
    assert "no better than permuted labels (p 0.432)" in (tmp_path / "ftr.md").read_text()
    assert load(tmp_path / "ftr.safetensors").provenance.scores["valence"].p == 0.4321
    for lone in (models, tmp_path / "ftr.safetensors"):  # a file may lie in any workspace
        refused = elor("export", "ftr", "--no-onnx", "-o", tmp_path, "--model", lone)
        assert "whose scores a card could tell; give --metrics" in refused.stderr
    where = ("--model", models, "--metrics", other / "metrics")
    assert elor("export", "ftr", "--no-onnx", "-o", tmp_path / "again", *where).exit_code == 0
    same = [(folder / "ftr.md").read_text() for folder in (tmp_path, tmp_path / "again")]
    assert same[0] == same[1]


def test_what_cannot_be_exported(
    workspace: Path,
    workspace_of: Callable[[str], Path],
    models: Path,
    tmp_path: Path,
    elor: Elor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    good = options(workspace, models, out)
    other = options(workspace_of("emotion"), models, out)
    for arguments, sentence in (
        (("elor", "--no-onnx", *good, "--model", tmp_path), "holds no trained network yet"),
        (("lom", "--no-onnx", *good), "has no network lom; there is elor, ftr"),
        (("elor", "--no-onnx", *good, "--fold", "x"), "has no fold x"),
        (("elor", "--no-onnx", *good, "--metrics", tmp_path), "uar.json does not exist: run dvc repro"),
        (("elor", "--no-onnx", *other), "scores of elor for emotion, and its networks answer for arousal, valence"),
    ):
        result = elor("export", *arguments)
        assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
        assert sentence in result.stderr
    monkeypatch.setattr(onnx_model.importlib.util, "find_spec", lambda name: None)
    assert "install it: python -m pip install 'elor[onnx]'" in elor("export", "elor", *good).stderr
    assert not out.exists()
