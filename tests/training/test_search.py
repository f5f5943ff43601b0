"""The search: what it draws, that it finds, resumes and repeats itself, and what the values' provenance says."""

import errno
import itertools
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from elor.engine import Engine
from elor.errors import UserError
from elor.files import read_sealed
from elor.networks import ImpossibleShape
from elor.params import NetworkScale, Range, Search, Settings, load
from elor.training import tpe, tune
from elor.training import trials as trained
from elor.training.job import TrainingJob
from elor.training.train import deal, place, spread
from elor.training.trials import Trial
from elor.training.tuning_file import Tuning
from tests.worlds import toy

pytestmark = pytest.mark.long

SPACE = {
    "learning_rate": Range(low=1e-4, high=1e-1, log=True, source="ours"),
    "dropout": Range(low=0.2, high=0.7, source="ours"),
    "hidden": Range(around=0.5, step=2, source="ours"),
}
BASE = toy.settings("ftr", learning_rate=0.003)
HOW = Search(scope="shared", fold=None, score="mean", round=2, stop_losers=False)


def quadratic(proposals: list[Settings], floor: tuple[float, ...]) -> list[Trial]:
    """A score with its best at a learning rate of 0.01 and a dropout of 0.4."""
    scores = [-((math.log10(s.learning_rate) + 2) ** 2) - (s.dropout - 0.4) ** 2 for s in proposals]
    return [Trial("ok", score, 0, [score]) for score in scores]


def evaluate(job: TrainingJob) -> Trial:
    """One trial alone."""
    return trained.evaluate([job])[0]


def run(evaluations: int, seed: int = 1, function=quadratic, **options) -> tpe.Result:
    dimensions = tpe.dimensions(BASE, Settings(), SPACE)
    return tpe.search(BASE, dimensions, evaluations, options.pop("round", 4), seed, function, **options)


def test_the_first_trial_is_the_default_and_values_stay_in_their_ranges() -> None:
    trials = run(24).trials
    first = trials.iloc[0]
    assert (first["learning_rate"], first["dropout"], first["hidden_0"], first["hidden_1"]) == (0.003, 0.2, 6, 5)
    assert trials["learning_rate"].between(1e-4, 1e-1).all()
    assert trials["dropout"].between(0.2, 0.7).all()
    assert trials["hidden_0"].iloc[1:].isin([2, 4, 6, 8, 10]).all()
    assert len(trials.drop_duplicates(["learning_rate", "dropout"])) == 24  # no proposal twice


def test_tpe_finds_the_optimum_better_than_its_random_start() -> None:
    result = run(60)
    scores = result.trials["score"]
    assert result.best.learning_rate == pytest.approx(0.01, rel=0.35)
    assert scores.iloc[30:].mean() > scores.iloc[1:20].mean()
    assert scores.max() == quadratic([result.best], ())[0].score


def test_the_outcome_depends_on_the_seed_alone() -> None:
    pd.testing.assert_frame_equal(run(12).trials, run(12).trials)
    assert not run(12).trials["dropout"].equals(run(12, seed=2).trials["dropout"])


def test_neighbouring_seeds_have_no_trial_in_common_but_the_default() -> None:
    """Of draws alone; a round whose seed was the sum of the two numbers came again under the next seed."""
    drawn = [run(24, seed=seed, startup=24).trials["dropout"].iloc[1:] for seed in (1, 2, 3)]
    assert pd.concat(drawn).is_unique


def test_tpe_does_not_propose_before_a_score_is_there() -> None:
    few, drawn = run(6).trials["dropout"], run(6, startup=6).trials["dropout"]
    assert few.iloc[:4].tolist() == drawn.iloc[:4].tolist()
    assert few.iloc[4:].tolist() != drawn.iloc[4:].tolist()


def test_a_failed_trial_is_recorded_and_does_not_end_the_search() -> None:
    def half_fail(proposals: list[Settings], floor: tuple[float, ...]) -> list[Trial]:
        good = quadratic(proposals, floor)
        return [Trial("failed", math.nan, reason="nan") if n % 2 else trial for n, trial in enumerate(good)]

    trials = run(16, function=half_fail).trials
    assert (trials["status"] == "failed").sum() == 8
    assert trials.loc[trials["status"] == "failed", "score"].isna().all()
    with pytest.raises(UserError, match="All 3 trials failed, the first one because: nan"):
        run(3, function=lambda p, f: [Trial("failed", math.nan, reason="nan") for _ in p])


def test_pinned_values_leave_the_search() -> None:
    pinned = Settings(hidden=[8, 8], dropout=0.3)
    assert [d.label for d in tpe.dimensions(BASE, pinned, SPACE)] == ["learning_rate"]


@pytest.mark.parametrize("profile", ["demo", "lab", "paper"])
def test_ranges_belong_to_the_network_whose_layers_they_shape(profile: str) -> None:
    """Every shape that can be drawn fits: LoM's filters act on 599 frames, ELoR's on 96,000 samples."""
    scale = load().scales[profile]
    for network, steps in (("elor", 96_000), ("lom", 599)):
        ranges, defaults = scale.space | scale.networks[network].space, scale.networks[network].defaults
        for name in ("lengths", "pools"):
            largest = [ranges[name].high or value * (1 + ranges[name].around) for value in getattr(defaults, name)]
            if name == "lengths":
                assert max(largest) <= steps / 10
            else:
                assert np.prod(largest) * (defaults.stride or 1) <= steps
    assert not {"filters", "lengths", "pools"} & set(scale.space)


def test_the_paper_draws_elor_uniformly_around_trigeorgis() -> None:
    scale = load().scales["paper"]
    own = scale.networks["elor"]
    found = tpe.dimensions(own.defaults, Settings(), scale.space | own.space)
    labels = [dimension.label for dimension in found]
    assert labels[:3] == ["filters_0", "filters_1", "filters_2"]
    lengths = own.space["lengths"]
    assert (lengths.around, lengths.log, lengths.source) == (0.5, False, "paper")
    assert scale.networks["lom"].space["lengths"].source == "ours"
    assert {"pools_2", "hidden_1", "momentum", "alpha", "batch"} <= set(labels)


def test_the_floor_is_the_median_of_the_forerunners_by_epoch() -> None:
    curves = ([0.1, 0.5], [0.2, 0.1], [0.6, 0.6, 0.9])
    floors = tpe._floor([Trial("ok", 1, scores=list(curve)) for curve in curves])
    assert floors == (0.2, 0.5)  # medians of .1 .2 .6 and of the best so far .5 .2 .6; one trial alone makes no floor


def test_losers_are_stopped_only_if_asked() -> None:
    seen: list[tuple] = []

    def watch(proposals: list[Settings], floor: tuple[float, ...]) -> list[Trial]:
        seen.append(floor)
        return quadratic(proposals, floor)

    run(8, function=watch)
    assert seen == [(), ()]
    run(8, function=watch, stop_losers=True)
    assert len(seen[-1]) == 1


def test_a_stopped_trial_is_not_chosen() -> None:
    """Its score may be that of an early epoch, at the schedule's highest rate."""

    def ends(proposals: list[Settings], floor: tuple[float, ...]) -> list[Trial]:
        late = [Trial("ok", 0.3, 1, [0.4, 0.3]) for _ in proposals]
        return [Trial("stopped", 0.39, 0, [0.39]), *late[1:]] if floor else late

    found = run(8, function=ends, stop_losers=True)
    assert (found.trials["status"] == "stopped").sum() == 1
    assert found.best == BASE  # of equals the first


@pytest.fixture
def task(files: dict[str, Path], slices: pd.DataFrame):
    return toy.task("ftr", files, slices, epochs=2, patience=2)


def scale(evaluations: int) -> NetworkScale:
    return NetworkScale(evaluations=evaluations, epochs=2, patience=2, defaults=BASE)


def test_a_search_on_folds_resumes_and_does_not_depend_on_the_workers(task, monkeypatch: pytest.MonkeyPatch) -> None:
    found, trials = tune.tune(task, scale(3), Settings(), SPACE, HOW, Engine("cpu", 2))
    assert found.scope == "shared"
    assert found.fold == "S00"
    assert "have seen test speakers" in found.seen
    best = trials.loc[trials["score"].idxmax()]
    assert {found.provenance[name] for name in SPACE} == {"search" if best["trial"] else "default"}
    assert found.provenance["batch"] == "default"  # no range
    assert len({id(v) for v in found.values.values()}) == 1
    monkeypatch.setattr(trained, "train_all_here", lambda jobs: pytest.fail("a trial that had ended was trained again"))
    for proposal in trials.itertuples():
        assert proposal.status == "ok"
    jobs_again = place([task.job("S00", BASE, testing=False)], Engine("cpu"))
    assert evaluate(jobs_again[0]).score == trials["score"].iloc[0]
    monkeypatch.undo()


@pytest.mark.parametrize("winner", [0, 2])
def test_provenance_says_default_where_the_default_won(task, winner: int, monkeypatch: pytest.MonkeyPatch) -> None:
    number = itertools.count()

    def scored(jobs: list[TrainingJob]) -> list[Trial]:
        return [Trial("ok", float(next(number) == winner), 0, [0.0]) for _ in jobs]

    monkeypatch.setattr(tune, "spread", lambda function, jobs, engine, watch: scored(jobs))
    found, _ = tune.tune(task, scale(4), Settings(alpha=0.5), SPACE, HOW, Engine("cpu"))
    says = "search" if winner else "default"
    assert {name: found.provenance[name] for name in SPACE} == dict.fromkeys(SPACE, says)
    assert found.provenance["alpha"] == "pinned"
    assert (found.values["S01"].learning_rate == BASE.learning_rate) == (not winner)


def test_the_progress_names_the_best_of_all_rounds_and_no_failure(task, monkeypatch: pytest.MonkeyPatch) -> None:
    scores, notes = iter([math.nan, math.nan, 0.5, math.nan, 0.2, 0.3]), []

    def scored(jobs: list[TrainingJob]) -> list[Trial]:
        return [Trial("failed" if math.isnan(one) else "ok", one) for one in itertools.islice(scores, len(jobs))]

    monkeypatch.setattr(tune, "spread", lambda function, jobs, engine, watch: scored(jobs))
    monkeypatch.setattr(tune.Progress, "advance", lambda self, steps=1, note="": notes.append(note))
    tune.tune(task, scale(6), Settings(), SPACE, HOW, Engine("cpu"))
    assert notes == ["", "best 0.500", "best 0.500"]


class InOrder(Engine):
    """Does all work in this process, in the order in which it is asked for."""

    def run(self, function, jobs, watch=lambda: None, finished=lambda index, result: None) -> list:
        return [function(*job) for job in jobs]


def test_the_longest_begin_first_and_results_come_in_the_jobs_order(files, slices: pd.DataFrame) -> None:
    task, asked = toy.task("lom", files, slices, epochs=1, patience=1), []
    shapes = [{"batch": 24}, {"batch": 8}, {"batch": 24, "filters": [6, 8]}, {"batch": 16}]
    jobs = [task.job("S00", toy.settings("lom", **shape), testing=False) for shape in shapes]

    def told(some: list[TrainingJob]) -> list[int]:
        asked.extend(jobs.index(job) for job in some)
        return [jobs.index(job) for job in some]

    assert spread(told, jobs, InOrder("cpu", 2)) == [0, 1, 2, 3]
    assert asked == [1, 3, 2, 0]  # the most updates; of as many, the largest shape


def test_of_trials_trained_together_only_the_one_that_diverges_fails(task) -> None:
    alphas = (0.003, 1e300, 0.01)
    jobs = place([task.job("S00", toy.settings("ftr", alpha=alpha), False) for alpha in alphas], Engine("cpu"))
    found = trained.evaluate(jobs)
    assert [trial.status for trial in found] == ["ok", "failed", "ok"]
    assert deal(jobs, workers=1) == [[0, 1, 2]]
    for job, trial in zip(jobs, found, strict=True):
        shutil.rmtree(job.scratch)
        again = evaluate(job)
        assert again == trial or (again.status, again.reason) == (trial.status, trial.reason)  # NaN is not itself


def test_workers_do_not_change_the_trials(task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = []
    for engine in (InOrder("cpu", 1), Engine("cpu", 3)):  # one after the other in this process, or in three
        monkeypatch.setenv("ELOR_SCRATCH", str(tmp_path / str(engine.workers)))
        tables.append(tune.tune(task, scale(5), Settings(), SPACE, HOW, engine)[1])
    pd.testing.assert_frame_equal(*tables)


def test_a_nested_search_never_shows_a_fold_its_test_speaker(task, tmp_path: Path) -> None:
    how = HOW.model_copy(update={"scope": "nested"})
    found, trials = tune.tune(task, scale(3), Settings(), SPACE, how, InOrder("cpu", 2))
    assert sorted(trials["fold"].unique()) == task.fold_names()
    assert "no value has seen what its fold tests" in found.seen
    found.write(tmp_path / "ftr.yaml")
    assert Tuning.read(tmp_path / "ftr.yaml") == found


@pytest.mark.parametrize("apart", [True, False])
def test_a_shared_search_has_heard_who_is_tested_unless_parts_share_nobody(task, tmp_path: Path, apart: bool) -> None:
    """A published partition: one fold, whose speakers nobody else tests."""
    folds = task.folds[task.folds["fold"] == "S00"]
    if not apart:  # one slice of a speaker in training is tested
        folds = folds.assign(role=folds["role"].where(folds["slice"] != "S01_0_0", "test"))
    found, _ = tune.tune(replace(task, folds=folds), scale(2), Settings(), SPACE, HOW, InOrder("cpu", 1))
    assert (found.scope, found.apart) == ("shared", apart)
    assert ("have seen no test speaker" in found.seen) == apart
    found.write(tmp_path / "ftr.yaml")
    assert Tuning.read(tmp_path / "ftr.yaml") == found
    heir, _ = tune.combine(replace(task, folds=folds), Settings(), replace(found, network="elor"), found)
    assert heir.apart == apart
    other = replace(found, scope="nested", fold=None, apart=False)
    assert tune.combine(replace(task, folds=folds), Settings(), found, other)[0].apart == apart


def test_elor_ftr_combines_the_winners(task, files, slices: pd.DataFrame, tmp_path: Path) -> None:
    both = toy.task("elor_ftr", files, slices)
    names = both.fold_names()
    elor = Tuning("elor", "shared", "S01", dict.fromkeys(names, toy.settings("elor", alpha=0.5)), {})
    ftr = Tuning("ftr", "none", None, dict.fromkeys(names, toy.settings("ftr", dropout=0.6, hidden=[9, 9])), {})
    found, trials = tune.combine(both, Settings(batch=3), elor, ftr)
    values = found.values["S02"]
    assert (values.filters, values.alpha) == ([2, 3], 0.5)
    assert (values.hidden, values.dropout, values.batch) == ([9, 9], 0.6, 3)
    assert (found.provenance["filters"], found.provenance["hidden"], found.provenance["batch"]) == (
        "elor",
        "ftr",
        "pinned",
    )
    assert (found.scope, found.fold) == ("shared", "S01")
    assert list(trials.columns[:4]) == ["trial", "round", "status", "score"]
    found.write(tmp_path / "both.yaml")
    assert Tuning.read(tmp_path / "both.yaml") == found


@pytest.mark.parametrize(("scope", "searches"), [("shared", 1), ("nested", 3)])
def test_the_guard_counts_the_rounds_that_the_search_runs(task, monkeypatch, scope: str, searches: int) -> None:
    asked: list[object] = []
    monkeypatch.setattr(tune.budget, "check", lambda job, beside, engine, most, what: asked.append((beside, most)))
    monkeypatch.setattr(tune, "_search_fold", lambda *_: tpe.Result(BASE, tpe.no_trials()))
    how = HOW.model_copy(update={"scope": scope, "round": 3})
    tune.tune(task, scale(7), Settings(), SPACE, how, Engine("cpu"), 5.0)
    assert asked == [([3, 3, 1] * searches, 5.0)]


def test_an_ended_trial_is_on_disk(task) -> None:
    hopeless = toy.settings("ftr").model_copy(update={"alpha": float("inf")})  # which params.yaml does not allow
    job = place([task.job("S00", hopeless, testing=False)], Engine("cpu"))[0]
    trial = evaluate(job)
    assert trial.status == "failed"
    assert "in epoch 0 the loss is" in trial.reason
    assert read_sealed(job.scratch / "trial.json")["status"] == "failed"
    assert not (job.scratch / "state.safetensors").exists()
    again = evaluate(job)
    assert np.isnan(again.score)
    assert again.reason == trial.reason


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff\xfe", b'{"status": "ok", "score": 0.9}', None])
def test_a_damaged_trial_is_trained_again(task, damage: bytes | None, capsys) -> None:
    job = place([task.job("S00", toy.settings("ftr"), testing=False)], Engine("cpu"))[0]
    first = evaluate(job)
    path = job.scratch / "trial.json"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"score": 0.', b'"score": 0.9') if damage is None else damage)
    assert evaluate(job) == first
    assert path.read_bytes() == whole
    assert "damaged and starts anew" in capsys.readouterr().err


NO_MEMORY = (
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),  # its name since cuDNN 9
    RuntimeError("GET was unable to find an engine to execute this computation"),
    RuntimeError("cuFFT error: CUFFT_ALLOC_FAILED"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried"),
    MemoryError(),
)


@pytest.mark.parametrize("error", NO_MEMORY, ids=lambda error: str(error)[:40] or "MemoryError")
def test_lack_of_memory_is_no_failure_of_a_trial(task, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """It stops the search with a sentence, and leaves nothing that a machine with more memory would have to undo."""
    job = place([task.job("S00", toy.settings("ftr"), testing=False)], Engine("cpu"))[0]
    monkeypatch.setattr("elor.training.together.Stack.epoch", raising(error))
    with pytest.raises(UserError, match=r"ftr, fold S00: a batch of \d+ does not fit into the memory of cpu"):
        evaluate(job)
    assert not (job.scratch / "trial.json").exists()
    monkeypatch.undo()
    assert evaluate(job).status == "ok"


def test_a_full_disk_is_no_failure_of_a_trial(task, monkeypatch: pytest.MonkeyPatch) -> None:
    job = place([task.job("S00", toy.settings("ftr"), testing=False)], Engine("cpu"))[0]
    monkeypatch.setattr("pathlib.Path.write_bytes", raising(OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(UserError, match=r"The disk is full: .*state\.safetensors was not written"):
        evaluate(job)
    assert list(job.scratch.iterdir()) == []
    monkeypatch.undo()
    assert evaluate(job).status == "ok"


def test_impossible_shapes_are_failures_and_other_bugs_are_not(task, monkeypatch: pytest.MonkeyPatch) -> None:
    job = place([task.job("S00", toy.settings("ftr"), testing=False)], Engine("cpu"))[0]
    monkeypatch.setattr("elor.training.together.Stack.epoch", raising(RuntimeError("a bug")))
    with pytest.raises(RuntimeError, match="a bug"):
        evaluate(job)
    monkeypatch.setattr("elor.training.together.Stack.epoch", raising(ImpossibleShape("nothing is left")))
    assert evaluate(job).reason == "nothing is left"


def raising(error: Exception):
    def function(*arguments: object, **named: object) -> None:
        raise error

    return function
