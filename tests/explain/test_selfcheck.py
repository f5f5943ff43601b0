"""`elor selfcheck` from end to end, made small: what is planted is found, and nothing in random labels."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from elor.commands import app
from elor.corpora.demo import load_recipe, plan_utterance, synthesise
from elor.corpora.demo.casting import cast
from elor.corpora.demo.recipe_schema import CUES
from elor.engine import Engine
from elor.errors import UserError
from elor.explain.selfcheck import suite
from elor.explain.selfcheck.methods import METHODS, Amount, Found, check
from elor.explain.selfcheck.planted import SETS
from elor.explain.selfcheck.scoring import MISSES, SOUND
from elor.files import plain
from elor.params import load
from tests.worlds.networks import write_models
from tests.worlds.stages import run_here

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
SMALL = Amount(networks=1, signals=512, explained=8, epochs=8)
"""Half the signals of `elor selfcheck`, and eight epochs: about what all these cues need to be learned."""

WHOLE = replace(SMALL, networks=3)
"""As many networks as verdicts need."""

LEAST = Amount(networks=1, signals=64, explained=2, epochs=1)
"""Of sets that only slow tests look at: that no method finds random labels takes all networks, for instance."""

SEED = 2
SPEAKERS = ("Ses01F", "Ses01M")
VALID = ("occlusion", "occlusion, filled", "integrated gradients", "input x gradient")
"""Methods that tell two heads apart; the magnitude of a gradient, guided or not, does not."""


@dataclass(frozen=True)
class Watched(Engine):
    """An engine that keeps what its jobs return; `least` names sets that are given the least amount."""

    kept: list[Any] = field(default_factory=list)
    least: tuple[str, ...] = ()

    def track(self, function: Callable[..., Any], jobs: Sequence[tuple], *how: Any) -> list[Any]:
        if function is check:
            jobs = [
                (name, number, LEAST if name in self.least else amount, seed) for name, number, amount, seed in jobs
            ]
        results = super().track(function, jobs, *how)
        self.kept.extend(results)
        return results


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a run on the demonstration corpus, as small as its recipe allows, with two (random) networks.

    Of the others' utterances truth.csv has no lengths: nothing asks for them.
    """
    root = tmp_path_factory.mktemp("workspace")
    yaml = YAML()
    values = yaml.load(ROOT / "params.yaml")
    values["scale"]["demo"]["utterances"] = 100
    yaml.dump(values, root / "params.yaml")
    (root / "data" / "corpus").mkdir(parents=True)
    shutil.copy(ROOT / "data" / "demo.yaml", root / "data")
    params, recipe = load(root / "params.yaml"), load_recipe(root / "data" / "demo.yaml")
    rows = []
    for turn in cast(recipe, params.scale.utterances, params.seed):
        one = plan_utterance(recipe, turn.speaker, turn.valence, turn.arousal, turn.name, params.seed)
        row = {"utterance": one.name, "speaker": turn.speaker, "arousal": one.arousal, "valence": one.valence}
        row["samples"] = len(synthesise(one).samples) if turn.speaker in SPEAKERS else 0
        rows.append(row | {cue: getattr(one.cues, cue) for cue in CUES})
    truth = pd.DataFrame(rows)
    truth.to_csv(root / "data" / "corpus" / "truth.csv", index=False)
    slices = truth[truth["speaker"].isin(SPEAKERS)][["utterance", "speaker"]].rename(columns={"utterance": "slice"})
    slices.to_csv(root / "data" / "slices.csv", index=False)
    folds = pd.DataFrame({"fold": slices["speaker"], "slice": slices["slice"], "role": "test"})
    folds.to_csv(root / "data" / "folds.csv", index=False)
    write_models(root / "data" / "models", folds=SPEAKERS)
    return root / "data"


@dataclass(frozen=True)
class Run:
    """What a self-check returns, and what each of its networks showed."""

    found: dict[str, Any]
    scores: pd.DataFrame
    learned: pd.DataFrame

    def of(self, name: str, model: str = "trained") -> pd.DataFrame:
        """Scores of one set, by method and network."""
        some = self.scores[(self.scores["set"] == name) & (self.scores["model"] == model)]
        return some.set_index(["method", "network"]).sort_index()

    def rests_on(self, name: str) -> pd.DataFrame:
        """What interventions show of the trained networks of one set, by network and head."""
        return self.learned[(self.learned["set"] == name) & (self.learned["model"] == "trained")]


def checked(workspace: Path, amount: Amount, least: tuple[str, ...] = ()) -> Run:
    engine = Watched("cpu", least=least)
    found = suite.selfcheck(amount, workspace, SEED, engine)
    parts = [one for one in engine.kept if isinstance(one, Found)]
    assert len(parts) == amount.networks * len(SETS)
    return Run(found, *(pd.concat([getattr(one, name) for one in parts]) for name in ("scores", "learned")))


@pytest.fixture(scope="module")
def whole(workspace: Path) -> Run:
    return checked(workspace, WHOLE)


@pytest.fixture(scope="module", params=["one network", pytest.param("all networks", marks=pytest.mark.slow)])
def run(workspace: Path, request: pytest.FixtureRequest) -> Run:
    if request.param == "one network":
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Engine, "run", run_here)  # all networks, for make test-all, are asked in processes
            return checked(workspace, SMALL, least=("random labels", "pauses", "level"))
    return request.getfixturevalue("whole")


@pytest.mark.slow
def test_the_whole_check_finds_no_fault(whole: Run) -> None:
    assert whole.found["failures"] == []
    assert whole.found["networks"] == WHOLE.networks
    assert set(whole.found["learned"]) == set(SETS)
    assert set(whole.found["methods"]) == set(SETS) - {"level"}  # which has no place to find
    assert set(whole.found["methods"]["frequency"]) == {method for domain in METHODS.values() for method in domain}
    json.dumps(plain(whole.found), allow_nan=False)


def test_the_corpus_own_networks_are_asked_too(run: Run, workspace: Path) -> None:
    found = run.found["corpus"]
    assert (found["utterances"], found["speakers"]) == (4, 2)
    assert set(found["cues"]) == set(CUES)
    assert {"cue", "alteration", "agree"} <= set(found["cues"]["level_db"]["heads"]["arousal"])
    assert set(found["maps"]) == set(METHODS["time"])
    truth = pd.read_csv(workspace / "corpus" / "truth.csv")
    planted = found["cues"]["level_db"]["planted"]["arousal"]
    assert planted == pytest.approx(truth["level_db"].corr(truth["arousal"]))
    assert planted > 0.3


def test_another_corpus_than_that_of_the_parameters_is_refused(workspace: Path, tmp_path: Path) -> None:
    shutil.copytree(workspace, tmp_path / "data")
    text = (workspace.parent / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(text.replace("utterances: 100", "utterances: 101"))
    with pytest.raises(UserError, match=r"is not the corpus that params\.yaml describes"):
        suite.on_corpus(tmp_path / "data", Engine("cpu"), SEED)


def test_two_heads_cues_are_told_apart_beside_a_louder_distractor(run: Run) -> None:
    """Property 7 of the specification, in every network."""
    heads, scores = run.rests_on("disjoint"), run.of("disjoint")
    assert heads["accuracy"].min() > 0.95
    assert heads["own"].min() > 0.95  # the cue's counterfactual changes the answer: the network rests on it
    assert heads["other"].max() < 0.05
    for method in ("occlusion", "integrated gradients"):
        assert scores.loc[method, "auc"].min() >= 0.9  # .94 at the least, on portable arithmetic
        assert scores.loc[method, "own"].min() >= 0.95
    assert scores.loc["occlusion", "distractor"].max() <= 0.05
    assert scores.loc["integrated gradients", "distractor"].max() < 0.1  # its share of the time
    assert scores.loc["guided backprop", "auc"].min() > 0.8
    valid = scores.loc[list(VALID), "between"].abs().max()
    assert valid < 0.3
    assert scores.loc["guided backprop", "between"].min() > valid  # high, whether or not heads rest on the same parts
    assert run.of("disjoint", "initial").loc["occlusion", "auc"].max() < 0.75


def test_a_pitch_at_random_times_is_found_in_time_and_in_frequency(run: Run) -> None:
    heads, scores = run.rests_on("frequency"), run.of("frequency")
    assert heads["accuracy"].min() > 0.95
    assert heads["own"].min() > 0.95
    for method in ("occlusion", "occlusion, mel bands", "integrated gradients", "integrated, frequency"):
        assert scores.loc[method, "auc"].min() >= 0.9  # .94 at the least, on portable arithmetic
        assert scores.loc[method, "mass"].min() > 0.7
    for method in ("occlusion", "occlusion, mel bands"):
        assert scores.loc[method, "distractor"].max() <= 0.1
    assert scores.loc["guided backprop", "auc"].min() > 0.8
    untrained = run.of("frequency", "initial")
    assert untrained.loc["occlusion", "auc"].max() < 0.5
    assert untrained["mass"].max() < 0.4  # three bursts of 100 ms have 30 % of the time


@pytest.mark.slow
def test_silence_is_found_by_filling_it_and_not_by_silencing_it(whole: Run) -> None:
    heads, scores = whole.rests_on("pauses"), whole.of("pauses")["auc"]
    assert heads["accuracy"].min() > 0.95
    assert scores["occlusion, filled"].min() > 0.8
    assert scores["occlusion, filled"].mean() > 0.85
    for method in ("occlusion", "guided backprop", "integrated gradients"):
        assert scores[method].max() < 0.4


@pytest.mark.slow
def test_a_level_has_no_place_and_is_found_by_a_gain(whole: Run) -> None:
    assert whole.of("level").empty
    heads = whole.rests_on("level")
    assert heads["accuracy"].min() > 0.95
    assert heads["own"].min() > 0.95
    assert heads["gain"].min() > 0.95
    others = whole.learned[(whole.learned["model"] == "trained") & (whole.learned["set"] != "level")]
    assert others.groupby("set")["gain"].mean().max() < 0.8


def test_a_spurious_hum_is_found_by_bands(run: Run) -> None:
    heads, scores = run.rests_on("hum"), run.of("hum")
    assert heads["accuracy"].min() > 0.95
    assert heads["own"].min() > 0.95  # of the hum alone: the true tone stays
    for method in ("occlusion, mel bands", "integrated, frequency"):
        assert scores.loc[method, "auc"].min() >= 0.99
        assert scores.loc[method, "mass"].min() > 0.9
        assert scores.loc[method, "distractor"].max() < 0.1
    assert run.of("hum", "initial")["mass"].max() < 0.6


@pytest.mark.slow
def test_in_random_labels_no_method_finds_anything(whole: Run) -> None:
    heads = whole.rests_on("random labels")
    assert heads["accuracy"].mean() < 0.7
    assert heads["own"].mean() < 0.3  # swapping what is no cue changes few answers
    for method, entry in whole.found["methods"]["random labels"].items():
        assert entry["verdict"] in (MISSES, SOUND), method
        assert entry["own"]["mean"] < 0.65, method  # all sounds alike, whichever head is asked
        assert entry["mass"]["mean"] < 0.75 * whole.found["methods"]["disjoint"][method]["mass"]["mean"], method


@pytest.mark.parametrize("failures", [[], ["occlusion should find the cue of hum; its verdict is: misses it."]])
def test_the_command_prints_writes_and_fails_as_the_check_does(
    run: Run, failures: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def measured(*how: Any) -> dict[str, Any]:
        asked.append(how)
        return run.found | {"failures": failures}

    monkeypatch.setattr(suite, "selfcheck", measured)
    where = ["--data", str(tmp_path), "--seed", "3", "--workers", "1"]
    for how in (["--json", "-o", str(tmp_path / "found.json")], ["--quick"]):
        result = CliRunner().invoke(app, ["selfcheck", *where, *how])
        assert result.exit_code == bool(failures), result.output
    assert asked[0] == (Amount(), tmp_path, 3, Engine("cpu", 1))
    assert asked[1] == (Amount(networks=3), None, 3, Engine("cpu", 1))
    assert (failures or ["found in random labels."])[0] in " ".join(result.output.split())
    written = json.loads((tmp_path / "found.json").read_text())
    assert np.isclose(
        written["methods"]["hum"]["occlusion, mel bands"]["auc"]["mean"],
        run.found["methods"]["hum"]["occlusion, mel bands"]["auc"]["mean"],
    )
