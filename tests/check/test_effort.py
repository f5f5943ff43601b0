"""What a run would take: the arithmetic from a step to hours, the disk, and which comparisons can be decided."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from elor.check import effort
from elor.check.effort import Corpus
from elor.check.everything import inspect
from elor.errors import UserError
from elor.params import Params, load
from elor.progress import clock
from elor.training import budget
from elor.training.job import TrainingJob

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
SPEAKERS, EACH = 10, 20


@pytest.fixture
def params() -> Params:
    own = load(ROOT / "params.yaml")
    engine = own.engine.model_copy(update={"device": "cpu", "workers": 4, "max_hours": 1e6})
    return own.model_copy(update={"profile": "lab", "engine": engine})


def corpus(speakers: int = SPEAKERS, evaluators: int = 3, each: int = EACH) -> Corpus:
    random, rows = np.random.default_rng(0), []
    for number in range(speakers):
        for index in range(each):
            name = f"S{number:02d}_{index}"
            rows.append({"slice": f"{name}_0", "utterance": name, "part": 0, "samples": 96_000})
            rows[-1] |= {"speaker": f"S{number:02d}", "gender": "FM"[number % 2], "session": "", "scenario": ""}
            rows[-1] |= {"valence": random.integers(5), "arousal": random.integers(5)}
    slices = pd.DataFrame(rows)
    rated = [slices[["utterance"]].assign(rater=f"E-{number}") for number in range(1, evaluators + 1)]
    return Corpus(slices, pd.concat(rated).assign(own=lambda table: table["rater"] == "E-2"))


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[TrainingJob]:
    """Every step takes a second per slice."""
    jobs: list[TrainingJob] = []
    monkeypatch.setattr(budget, "seconds_per_slice", lambda job, device: jobs.append(job) or 1.0)
    return jobs


def test_hours_are_steps_times_trainings(params: Params, measured: list[TrainingJob]) -> None:
    found = {finding.what: finding.found for finding in effort.effort(params, corpus())}
    train = round(SPEAKERS * EACH * 0.9 * (1 - params.folds.validation))
    assert {len(job.train) for job in measured} == {train}
    scale = params.scale.networks["lom"]
    epoch = scale.epochs * train
    assert scale.evaluations == 5 * params.scale.round  # five rounds of eight, four at a time
    assert found["search of lom"] == f"up to {clock(10 * epoch)}"
    assert found["folds of lom"] == f"up to {clock(3 * epoch)}"  # ten folds, four at a time
    assert "search of elor_ftr" not in found  # it has none


def test_several_seeds_are_so_many_trainings_and_no_more_searching(params: Params, measured: list[TrainingJob]) -> None:
    several = params.model_copy(update={"train": params.train.model_copy(update={"seeds": 4})})
    one, four = (
        {finding.what: finding.found for finding in effort.effort(some, corpus())} for some in (params, several)
    )
    epoch = params.scale.networks["lom"].epochs * len(measured[0].train)
    assert four["folds of lom"] == f"up to {clock(10 * epoch)}"  # forty networks, four at a time
    assert four["search of lom"] == one["search of lom"]
    amounts = [found["disk"].split(",")[0].split() for found in (one, four)]
    bytes_ = [float(amount) * {"MB": 1e6, "GB": 1e9}[unit] for amount, unit in amounts]
    arrays = 2 * SPEAKERS * EACH * (96_000 * 2 + 26 * 599 * 4 + 1_582 * 4)
    assert bytes_[1] - arrays == pytest.approx(4 * (bytes_[0] - arrays), rel=0.05)


@pytest.mark.parametrize(("load", "said"), [(0.5, False), (1e4, True)])
def test_hours_that_were_measured_beside_other_work_say_so(
    load: float, said: bool, params: Params, measured: list[TrainingJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(effort.os, "getloadavg", lambda: (load, 0.0, 0.0))
    note = next(finding.note for finding in effort.effort(params, corpus()) if finding.what == "all of it")
    assert ("They were measured beside other work (load 10000.0 on" in note) == said


def test_steps_are_measured_on_noise(params: Params) -> None:
    found = effort.effort(params.model_copy(update={"profile": "demo"}), corpus())
    told = [one.found for one in found if one.what.startswith(("search", "folds", "all"))]
    assert told
    assert all("up to" in one for one in told)


def test_what_the_guard_would_refuse_is_said_beforehand(params: Params, measured: list[TrainingJob]) -> None:
    short = params.model_copy(update={"engine": params.engine.model_copy(update={"max_hours": 1.0})})
    notes = {finding.what: finding.note for finding in effort.effort(short, corpus())}
    assert notes["search of lom"].startswith("The search of lom is refused without -S engine.max_hours=")
    assert notes["folds of lom"].startswith("The folds of lom are refused without -S engine.max_hours=")
    assert not [finding for finding in effort.effort(params, corpus()) if "refused" in finding.note]


def test_the_disk_holds_every_array_and_network_twice(params: Params, measured: list[TrainingJob]) -> None:
    found = {finding.what: finding.found for finding in effort.effort(params, corpus())}
    arrays = SPEAKERS * EACH * (96_000 * 2 + 26 * 599 * 4 + 1_582 * 4)
    amount, unit = found["disk"].split(",")[0].split()
    said = float(amount) * {"MB": 1e6, "GB": 1e9}[unit]
    assert 2 * arrays < said < 2 * arrays + 2 * 10 * 4 * 2 * 10e6  # networks of a few million weights
    assert "jobs of elor" in found["memory"]


def test_too_little_memory_or_disk_is_said_beforehand(
    params: Params, measured: list[TrainingJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not {one.what for one in effort.effort(params, corpus()) if one.note} & {"memory", "disk"}
    monkeypatch.setattr(effort, "free_bytes", lambda device: 2_000_000_000)
    monkeypatch.setattr(effort.shutil, "disk_usage", lambda path: SimpleNamespace(free=50_000_000))
    found = {finding.what: finding for finding in effort.effort(params, corpus())}
    amount, unit = found["memory"].found.split(" for each of 4 jobs")[0].split()
    room = int(0.9 * 2e9 / (float(amount) * {"MB": 1e6, "GB": 1e9}[unit]))
    assert found["memory"].note == f"{room} of them fit into the memory that is free: so many run at a time."
    assert found["disk"].note == "Only 50.0 MB are free here: the run would not end."


def test_a_gpu_holds_the_inputs_too(
    params: Params, measured: list[TrainingJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(effort, "free_bytes", lambda device: 3_000_000_000)
    said = {}
    for device in ("cpu", "cuda"):
        engine = params.engine.model_copy(update={"device": device, "workers": None})
        found = effort.effort(params.model_copy(update={"engine": engine}), corpus(each=1_000))
        memory = next(finding for finding in found if finding.what == "memory")
        said[device] = float(memory.found.split()[0]) * {"MB": 1e6, "GB": 1e9}[memory.found.split()[1]]
    inputs = SPEAKERS * 1_000 * (96_000 * 2 + 1_582 * 4)
    assert said["cuda"] - said["cpu"] == pytest.approx(inputs + 350 * 2**20, rel=0.1)
    monkeypatch.setattr(effort, "free_bytes", lambda device: int(1.5 * said["cuda"] / effort.SPARE))
    found = effort.effort(params.model_copy(update={"engine": engine}), corpus(each=1_000))
    note = next(finding.note for finding in found if finding.what == "memory")
    assert note.startswith("2 of them fit")  # one per GPU


@pytest.mark.parametrize(("speakers", "decided"), [(4, 0), (6, 1), (7, 3), (8, 6), (10, 6)])
def test_few_speakers_decide_few_comparisons(speakers: int, decided: int, params: Params) -> None:
    """Of 2^n patterns of signs two are as far out as the largest: p is never below 2 / 2^n, and six are corrected."""
    asked = params.evaluate.comparisons[:6]
    comparing = params.model_copy(update={"evaluate": params.evaluate.model_copy(update={"comparisons": asked})})
    asked_here = [one for one in asked if one[0] in ("arousal", "valence")]
    found = {finding.what: finding for finding in effort.decidable(comparing, corpus(speakers))}
    assert found["networks compared"].found == (
        f"{min(decided, len(asked_here))} of {len(asked_here)} can come out significant"
    )
    assert bool(found["networks compared"].note) == (decided < len(asked_here))


def test_without_several_evaluators_there_is_no_ceiling(params: Params) -> None:
    found = {finding.what: finding for finding in effort.decidable(params, corpus(evaluators=1))}
    assert found["human ceiling"].note.startswith("Without utterances that several evaluators rated")


def test_a_profile_that_there_is_not_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    with pytest.raises(UserError, match="There is no profile large; choose demo, lab, paper"):
        inspect(tmp_path / "table.csv", "large")
