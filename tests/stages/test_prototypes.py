"""The stage `prototypes` on toy networks: every kind of head, what is written, and that git sees no slice's name."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import soundfile
import torch

from elor.evidence.model import read
from elor.evidence.prototypes import Prototypes
from elor.explain.prototypes.descriptors import DESCRIPTORS, describe
from elor.explain.prototypes.run import KEPT, percentile
from elor.explain.prototypes.spectra import spectra as levels
from elor.tables import read_table
from elor.targets import EMOTIONS
from elor.training import weights_file
from tests.worlds.slices import SPEAKERS, write_slices
from tests.worlds.stages import Workspace

pytestmark = pytest.mark.long

SEARCHES = ["paper.time", "paper.fourier", "level.time", "level.fourier"]

TWICE = "regression"
"""The target that is sought in both modes: of the three it has the fewest labels."""


def prepare(workspace: Workspace, target: str) -> None:
    """Nine slices of three speakers, their folds, and an (untrained) network for each."""
    rng, supports = np.random.default_rng(0), [96_000, 40_000, 20_000] * len(SPEAKERS)
    sounds = [rng.normal(0, 1_000, n).astype(np.int16) for n in supports]
    write_slices(workspace.folder / "data", sounds, target=target, filters=(2, 3, 4))
    modes = ["paper", "level"] if target == TWICE else ["level"]  # a mode asks of no head in another way
    workspace.set_params(labels__target=target, explain__speaker="G", explain__prototypes__modes=modes)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Workspace]:
    """The workspace of a target after the stage, made once."""

    def make(target: str) -> Workspace:
        with pytest.MonkeyPatch.context() as patch:
            made = Workspace(tmp_path_factory.mktemp(target) / "project", patch)
            prepare(made, target)
            made.run_all(("prototypes",))
        return made

    return cache(make)


LABELS = {
    "classes": {"arousal": list("01234"), "valence": list("01234")},
    "regression": {"arousal": ["low", "high"], "valence": ["low", "high"]},
    "emotion": {"emotion": ["angry", "happy", "sad", "neutral"]},
}


@pytest.mark.parametrize("target", LABELS)
def test_every_kind_of_head_has_prototypes(ran: Callable[[str], Workspace], target: str) -> None:
    workspace = ran(target)
    folder = workspace.folder / "data/prototypes"
    found = read(Prototypes, workspace.folder / "metrics/prototypes.json").model_dump(mode="json")
    assert found["speaker"] == found["settings"]["network"] == "G"
    assert found["networks"] == {"folds": 3, "calibrated": 2}
    searches = SEARCHES if target == TWICE else SEARCHES[2:]
    assert list(found["table"]) == searches
    expected = LABELS[target]
    signals, spectra = np.load(folder / "signals.npz"), np.load(folder / "spectra.npz")
    for search in searches:
        assert {head: list(labels) for head, labels in found["table"][search].items()} == expected
        for head, label in ((head, label) for head, labels in expected.items() for label in labels):
            entry, name = found["table"][search][head][label], f"{search}.{head}.{label}"
            assert set(entry["descriptors"]) == set(DESCRIPTORS)
            assert entry["restarts"] == len(entry["converged_best_first"]) == 2
            assert sum(entry["converged_best_first"]) == entry["converged"]
            assert spectra[name].shape == (2, len(spectra["hertz"]))
            assert spectra[name][0] == pytest.approx(levels(signals[name][0].astype(float)), abs=0.5)
            assert signals[name].shape == (min(2, KEPT), 96_000)
            sound, rate = soundfile.read(folder / f"{name}.wav", dtype="int16")
            assert (len(sound), rate) == (96_000, 16_000)
            assert np.abs(sound).max() == pytest.approx(32_767 * 10 ** (-1 / 20), abs=1)
            best = signals[name][0].astype(float)
            assert np.corrcoef(sound, best)[0, 1] > 0.999
    assert set(found["trends"]) == (set() if target == "emotion" else set(expected))
    for head in found["trends"].values():
        for pattern in head["centroid_hz"].values():  # three folds are too few
            assert pattern["verdict"].startswith("undecided")
    exemplars = read_table(folder / "exemplars.csv")
    assert exemplars.columns.tolist() == ["head", "label", "rank", "slice", "logit", "rated"]
    assert len(exemplars) == 5 * sum(map(len, expected.values()))
    told = [(h, label, row) for h, by in found["exemplars"].items() for label, rows in by.items() for row in rows]
    listed = exemplars.astype({"label": str}).to_dict("records")
    assert [(one["head"], one["label"], one["rank"]) for one in listed] == [
        (h, label, r["rank"]) for h, label, r in told
    ]
    rated = read_table(workspace.folder / "data/slices.csv").set_index("slice")
    for one, (head, _, row) in zip(listed, told, strict=True):
        given = rated.loc[one["slice"], head]
        assert one["rated"] == (EMOTIONS[given] if target == "emotion" else pytest.approx(given, abs=1e-4))
        assert set(row) == {"rank", "logit"}  # git carries no single rating
    text = json.dumps(found)
    assert "exploratory" in found["exploratory"]
    assert not [name for name in exemplars["slice"] if name in text]


def test_the_numbers_are_those_of_the_signals(ran: Callable[[str], Workspace]) -> None:
    workspace = ran("classes")
    folder = workspace.folder / "data/prototypes"
    table, signals = read_table(folder / "descriptors.csv"), np.load(folder / "signals.npz")
    assert len(table) == 2 * 10 * (2 + 2 * 1 + 2 * 1)  # the shown network has two restarts, all others one
    rows = table[(table["network"] == "G") & (table["mode"] == "level") & (table["parametrisation"] == "time")]
    rows = rows[(rows["head"] == "arousal") & (rows["label"] == 3)]
    own = rows.iloc[rows["logit"].argmax()]
    assert own["place"] == 1  # without a penalty J is the logit
    network = weights_file.load_network(workspace.folder / "data/models/elor/G.safetensors")
    with torch.no_grad():
        best = torch.from_numpy(signals["level.time.arousal.3"][0].astype(np.float32))
        logit = float(network(best[None, None])["arousal"][0, 3])
        audio = torch.from_numpy(np.load(workspace.folder / "data/slices.npy").astype(np.float32) / 32_768)[:, None]
        natural = network(audio)["arousal"][:, 3].numpy()
    assert own["logit"] == pytest.approx(logit, rel=1e-2)
    assert own["percentile"] == pytest.approx(percentile(own["logit"], natural), abs=1e-3)
    assert own["centroid_hz"] == pytest.approx(describe(best.numpy())["centroid_hz"], rel=1e-2)
    trained = np.load(workspace.folder / "data/slices.npy")[[0, 1, 2, 6, 7, 8]] / 32_768
    rms = [np.sqrt(np.mean(x[:n] ** 2)) for x, n in zip(trained, [96_000, 40_000, 20_000] * 2, strict=True)]
    assert own["rms_dbfs"] == pytest.approx(20 * np.log10(np.sqrt(np.median(np.square(rms)))), abs=0.01)
    exemplars = read_table(folder / "exemplars.csv")
    first = exemplars[(exemplars["head"] == "arousal") & (exemplars["label"] == 3) & (exemplars["rank"] == 1)].iloc[0]
    assert first["logit"] == pytest.approx(natural.max(), rel=1e-3)
    assert first["slice"].endswith(f"_{natural.argmax()}")


def test_a_second_run_writes_the_same_bytes(ran: Callable[[str], Workspace], workspace: Workspace) -> None:
    first = ran("emotion")
    before = {name: text for name, text in first.files().items() if "cost" not in name and "npz" not in name}
    prepare(workspace, "emotion")
    workspace.run_all(("prototypes",))
    assert {name: text for name, text in workspace.files().items() if name in before} == before
    one, two = (np.load(some.folder / "data/prototypes/signals.npz") for some in (first, workspace))
    assert {name: values.tobytes() for name, values in one.items()} == {name: two[name].tobytes() for name in two}


def test_silence_is_a_users_mistake(workspace: Workspace) -> None:
    prepare(workspace, "emotion")
    np.save("data/slices.npy", np.zeros((9, 96_000), np.int16))
    code, said = workspace.run("prototypes")
    assert code == 1
    assert "Most training slices of fold G are silent" in said
    assert not (workspace.folder / "metrics/prototypes.json").exists()
