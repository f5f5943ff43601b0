"""Every target, the mean rater, the strict protocol and the nested search: from a release to its metrics."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from elor.corpora.demo import generate, load_recipe
from elor.corpora.iemocap import Iemocap
from elor.features.slices import slice_count
from elor.tables import read_table
from elor.targets import FLOOR
from tests.worlds.project import MODELS, NETWORKS, ROOT
from tests.worlds.stages import CORPUS, EXPLAINING_LESS, LABELLING, LEARNING, LESS, UNSEEN, Workspace, alter_less

pytestmark = pytest.mark.long

FEATURES = (("mfcc",), ("is10",))
DIMENSIONS = {"arousal", "valence"}
FOUR = {"ang": 0, "hap": 1, "exc": 1, "sad": 2, "neu": 3}

INTERVALS = {f"{kind}_{end}" for kind in ("ci", "bootstrap", "bootstrap_t") for end in ("low", "high")}
CLASSES = {"uar", "war", "macro_f1", "kappa", "ccc", "ece", "uar_folds", "war_folds", "utterance_uar", "utterance_war"}
GUESSES = {f"baseline_{guess}_{score}" for guess in ("uniform", "majority", "prior") for score in ("uar", "war")}
NAMED = {
    "classes": CLASSES | GUESSES | INTERVALS | {"selection_gap_uar", "selection_gap_war", "permutation_p"},
    "regression": {"ccc", "r", "rmse", "ccc_folds", "utterance_ccc", "selection_gap_ccc", "permutation_p"} | INTERVALS,
}
NAMED["spread"] = NAMED["regression"]
NAMED["emotion"] = NAMED["classes"] - {"kappa", "ccc"}  # emotions have no order
NAMED["distribution"] = NAMED["classes"] | {"cross_entropy", "cross_entropy_floor"}
"""The keys that must stand in each target's metrics/<dimension>/<network>.json."""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of 40 turns."""
    folder = tmp_path_factory.mktemp("demo")
    generate(load_recipe(ROOT / "data/demo.yaml"), 40, 1, folder)
    return folder / "release"


@pytest.fixture(scope="module")
def workspace(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace that has read the release with the defaults."""
    with pytest.MonkeyPatch.context() as patch:
        made = Workspace(tmp_path_factory.mktemp("targets") / "project", patch)
        alter_less(patch)
        made.set_params(corpus__path=str(release))
        made.run_all(*CORPUS)
        yield made


def learn(workspace: Workspace, *explaining: Sequence[str], **changes: object) -> dict[str, pd.DataFrame]:
    """Run what follows `corpus` with some values changed, up to scores and on; returns the tables of labels."""
    defaults = {
        "labels__target": "classes",
        "labels__rater": "E-2",
        "folds__protocol": "paper",
        "folds__most": 3,
        "labels__shuffle": False,
        "search__scope": "shared",
        "train__seeds": 1,
        **{f"scale__demo__networks__{net}__evaluations": 0 for net in NETWORKS[:3]},  # nobody looks at the search
    }
    workspace.set_params(**LESS | defaults | changes)
    for outputs in ("metrics", "plots"):  # as DVC does before it runs a stage
        shutil.rmtree(workspace.folder / outputs, ignore_errors=True)
    workspace.run_all(*LABELLING, *FEATURES, *LEARNING, *explaining)
    return {name: read_table(workspace.folder / f"data/{name}.csv") for name in ("slices", "utterances", "ratings")}


def check_metrics(workspace: Workspace, target: str, heads: set[str]) -> None:
    """Every network and head has the scores that are named for the target; the other folders say why they have none."""
    headline = workspace.json("metrics/uar.json")
    assert set(headline) == {f"{head}.{net}" for head in heads for net in MODELS}
    for head in heads:
        for net in NETWORKS:
            scores = workspace.json(f"metrics/{head}/{net}.json")
            assert not NAMED[target] - set(scores)
            first = "ccc" if target in ("regression", "spread") else "uar"
            assert headline[f"{head}.{net}"] == scores[first]
            assert math.isfinite(scores[first])
            assert workspace.json("metrics/war.json")[f"{head}.{net}"] == scores["rmse" if first == "ccc" else "war"]
    for head in {"arousal", "valence", "emotion"} - heads:
        files = {path.name for path in (workspace.folder / "metrics" / head).iterdir()}
        assert files == {f"{network}.json" for network in MODELS}
        assert all(list(workspace.json(f"metrics/{head}/{name}")) == ["schema", "why"] for name in files)
    declared = workspace.json("metrics/comparisons.json")["comparisons"]
    assert {test["dimension"] for test in declared} == heads
    assert {"kappa", "ratings"} <= set(workspace.json("metrics/agreement.json")["valence"]["others"])


def predictions(workspace: Workspace, network: str) -> pd.DataFrame:
    return read_table(workspace.folder / f"data/predictions/{network}.csv")


def test_regression_learns_the_mean_rating(workspace: Workspace) -> None:
    tables = learn(workspace, labels__target="regression")
    check_metrics(workspace, "regression", DIMENSIONS)
    people = tables["ratings"].query("kind == 'evaluator'").dropna(subset=["valence", "arousal"])
    means = people.groupby("utterance")[["valence", "arousal"]].mean() - 1
    slices = tables["slices"].set_index("utterance")
    for head in DIMENSIONS:
        np.testing.assert_allclose(slices[head], means[head].reindex(slices.index), atol=1e-9)
        assert predictions(workspace, "ftr")[f"{head}_value"].notna().all()
    assert set(means.index) == set(slices.index)
    assert set(slices.index) > set(tables["utterances"].query("valence.notna()").utterance)  # not only those of E-2


@pytest.mark.parametrize("shuffle", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_spread_learns_how_far_raters_lie_apart(workspace: Workspace, shuffle: bool) -> None:
    tables = learn(workspace, labels__target="spread", labels__shuffle=shuffle)
    check_metrics(workspace, "spread", DIMENSIONS)
    people = tables["ratings"].query("kind == 'evaluator'").dropna(subset=["valence", "arousal"])
    several = people.groupby("utterance")[["valence", "arousal"]].std().dropna()
    slices = tables["slices"].set_index("utterance")
    assert set(slices.index) == set(several.index)
    for head in DIMENSIONS:
        same = np.isclose(slices[f"{head}_deviation"], several[head].reindex(slices.index), atol=1e-9)
        assert same.mean() < 1 if shuffle else same.all()
        said = predictions(workspace, "elor")[f"{head}_deviation"]
        assert (said > FLOOR).all()
        scores = workspace.json(f"metrics/{head}/elor.json")
        assert -1 <= scores["spread_r"] <= 1
        if shuffle:
            assert "coverage_50" not in scores
        else:
            assert scores["coverage_50"] <= scores["coverage_80"] <= scores["coverage_95"]
        assert "spread_r" not in workspace.json(f"metrics/{head}/svm.json")  # which says no more than a value


def test_distribution_learns_the_spread_of_the_raters(workspace: Workspace) -> None:
    tables = learn(workspace, labels__target="distribution")
    check_metrics(workspace, "distribution", DIMENSIONS)
    people = tables["ratings"].query("kind == 'evaluator'").dropna(subset=["valence", "arousal"])
    for head in DIMENSIONS:
        shares = tables["slices"].set_index("utterance")[[f"{head}_p{k}" for k in range(5)]]
        for utterance, votes in people.groupby("utterance")[head]:
            expected = np.bincount(votes.astype(int) - 1, minlength=5) / len(votes)
            np.testing.assert_allclose(np.atleast_2d(shares.loc[utterance])[0], expected, atol=1e-9)
        scores = workspace.json(f"metrics/{head}/ftr.json")
        assert scores["cross_entropy"] >= scores["cross_entropy_floor"] > 0


def test_emotion_takes_part_where_e2_never_rated(workspace: Workspace) -> None:
    explaining = [stage for stage in EXPLAINING_LESS if stage not in UNSEEN]
    tables = learn(workspace, *explaining, labels__target="emotion")  # the target whose head is no dimension
    check_metrics(workspace, "emotion", {"emotion"})
    utterances = tables["utterances"].set_index("utterance")
    four = utterances[utterances.emotion.isin(FOUR)]
    unrated = four[four.valence.isna()]
    assert len(unrated)
    predicted = predictions(workspace, "elor")
    assert set(tables["slices"].utterance) == set(predicted.utterance) == set(four.index)
    assert (tables["slices"].emotion == tables["slices"].utterance.map(four.emotion.map(FOUR))).all()
    assert workspace.json("metrics/emotion/elor.json")["count"] == four.samples.map(slice_count).sum()
    assert {f"emotion_p{k}" for k in range(4)} <= set(predicted)


@pytest.fixture(scope="module")
def strict(workspace: Workspace) -> dict[str, pd.DataFrame]:
    """The tables of a run on the mean rating, in strict folds, with a nested search and two networks per fold."""
    searched = {f"scale__demo__networks__{net}__evaluations": 3 for net in NETWORKS[:3]}
    asked = {"labels__rater": "mean", "folds__protocol": "strict", "search__scope": "nested"}
    return learn(workspace, **asked, **searched, train__seeds=2)


def test_the_mean_of_all_evaluators_labels(
    strict: dict[str, pd.DataFrame], workspace: Workspace, release: Path
) -> None:
    check_metrics(workspace, "classes", DIMENSIONS)
    ratings = Iemocap(release).read().ratings.query("kind == 'evaluator'").dropna(subset=["valence", "arousal"])
    means = ratings.groupby("utterance")[["valence", "arousal"]].mean()
    labels = strict["slices"].drop_duplicates("utterance").set_index("utterance")
    for head in DIMENSIONS:
        assert (labels[head] == np.floor(means[head] - 0.5).reindex(labels.index)).all()
    assert workspace.json("metrics/agreement.json")["rater"] == "mean"


def test_strict_folds_share_no_speaker_and_a_nested_search_sees_no_test_speaker(
    strict: dict[str, pd.DataFrame], workspace: Workspace
) -> None:
    folds = read_table(workspace.folder / "data/folds.csv")
    slices = strict["slices"].set_index("slice")
    folds["speaker"] = folds.slice.map(slices.speaker)
    assert folds.groupby(["fold", "speaker"]).role.nunique().max() == 1
    genders = folds[folds.role == "validation"].slice.map(slices.gender).groupby(folds.fold).unique()
    assert all(set(found) == {"F", "M"} for found in genders)
    protocol = workspace.json("metrics/protocol.json")
    assert (protocol["protocol"], protocol["shared_speakers"], protocol["split_utterances"]) == ("strict", 0, 0)
    for net in NETWORKS:
        assert "no value has seen" in protocol["search_has_seen"][net]
    trials = read_table(workspace.folder / "data/tuning/ftr_trials.csv")
    assert sorted(trials.fold.unique()) == sorted(folds.fold.unique())
    assert (trials.groupby("fold").size() == 3).all()


def test_every_fold_has_as_many_networks_as_are_asked_for(
    strict: dict[str, pd.DataFrame], workspace: Workspace
) -> None:
    """What they answer is scored as one: tests/training/test_ensembles.py."""
    assert workspace.json("metrics/protocol.json")["seeds"] == 2
    folds = set(read_table(workspace.folder / "data/folds.csv").fold)
    for net in NETWORKS:
        models = workspace.folder / "data/models" / net
        found = {path.relative_to(models).with_suffix("").as_posix() for path in models.rglob("*.safetensors")}
        assert found == folds | {f"{fold}/2" for fold in folds}


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"labels__target": "regression"},
        {"labels__target": "distribution"},
        {"labels__target": "spread"},
        {"labels__target": "emotion"},
        {
            "labels__rater": "mean",
            "folds__protocol": "strict",
            "search__scope": "nested",
            "scale__demo__networks__ftr__evaluations": 3,
        },
    ],
    ids=["regression", "distribution", "spread", "emotion", "mean rater"],
)
def test_networks_are_explained_whatever_they_learned_from(workspace: Workspace, changes: dict) -> None:
    """By all that there is, where above emotions reach their page by what takes least time."""
    learn(workspace, *EXPLAINING_LESS, **changes)
    found = workspace.json("metrics/claims.json")
    assert sum(found["counts"].values()) == len(found["claims"])
    page = (workspace.folder / "plots/report.html").read_text()
    assert ("Spread of the raters" in page) == (changes.get("labels__target") == "spread")
