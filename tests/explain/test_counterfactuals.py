"""The demonstration corpus' own acoustics: a network that hears the level alone is said to hear the level alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from elor.corpora.demo import load_recipe, plan_utterance, synthesise
from elor.corpora.demo.recipe_schema import CUES
from elor.explain import counterfactuals
from elor.explain.counterfactuals import ROOM, jobs, spoken_again
from elor.explain.selfcheck import counterfactuals as selfcheck
from elor.explain.selfcheck.counterfactuals import LOWERS, NOTHING, RAISES, TWINS, summarise
from elor.targets import Head

pytestmark = pytest.mark.long

RECIPE = load_recipe(Path(__file__).parents[2] / "data" / "demo.yaml")
SPEAKERS = ("Ses01F", "Ses02M")


class Inline:
    """An engine that does its jobs where it is called."""

    def track(self, function, jobs, *how):
        return [function(*job) for job in jobs]


class Level(nn.Module):
    """Arousal is the level in dB; valence hears nothing."""

    class architecture:
        heads = (Head("arousal", None), Head("valence", None))

    def forward(self, audio: torch.Tensor) -> dict[str, torch.Tensor]:
        level = 10 * (audio[:, 0].square().sum(1, keepdim=True) + 1e-20).log10()  # silence has one, too
        return {"arousal": torch.relu(level + 200), "valence": torch.relu(0 * level + 1)}


@pytest.fixture(scope="module")
def corpus() -> tuple[list, pd.DataFrame]:
    plans = [
        plan_utterance(RECIPE, speaker, valence, -valence / 2, f"{speaker}_x_{speaker[-1]}{number:03d}", 1, duration)
        for speaker in SPEAKERS
        for number, (valence, duration) in enumerate([(-0.6, 2.0), (0.5, 3.5), (0.1, 7.0)])
    ]
    rows = [
        {"utterance": p.name, "speaker": p.name[:6], "arousal": p.arousal, "valence": p.valence}
        | {"samples": len(synthesise(p).samples)}
        | {cue: getattr(p.cues, cue) for cue in CUES}
        for p in plans
    ]
    return plans, pd.DataFrame(rows)


def test_only_utterances_that_fit_are_taken_and_cues_stay_within_limits(corpus: tuple) -> None:
    plans, truth = corpus
    pairs = spoken_again(RECIPE, plans, truth, CUES, each=5, seed=1)
    work = jobs(pairs, {SPEAKERS[0]: Path("x.safetensors")})
    assert [(job.speaker, len(job.pairs)) for job in work] == [(SPEAKERS[0], 2 * len(CUES))]
    lengths = truth.set_index("utterance")["samples"]
    own = {one.name: one.cues for one in plans}
    assert {pair.less.name for pair in pairs} == {one.name for one in plans if lengths[one.name] <= ROOM}
    assert len(pairs) == 4 * len(CUES)  # of each speaker the third is too long
    for pair in pairs:
        less, more = (getattr(one.cues, pair.cue) for one in (pair.less, pair.more))
        if pair.cue == "creak":
            assert isinstance(less, int)
        else:
            assert less <= getattr(own[pair.less.name], pair.cue) <= more, pair.cue
        assert pair.less.cues.pause_s >= RECIPE.cues["pause_s"].low


def test_a_network_that_hears_the_level_is_found_out(corpus: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    plans, truth = corpus
    for module in (counterfactuals, selfcheck):
        monkeypatch.setattr(module, "load_network", lambda path: Level())
    methods = {name: one for name, one in selfcheck.METHODS["time"].items() if name != "guided backprop"}
    monkeypatch.setitem(selfcheck.METHODS, "time", methods)  # it refuses logarithms
    networks = {name: Path(name) for name in SPEAKERS}
    found = selfcheck.run(RECIPE, plans, truth, networks, each=2, seed=1, engine=Inline())
    assert selfcheck.summarise(found, truth)["utterances"] == 4
    values = found[found["kind"] == "cue"].pivot_table(index="name", columns="head", values="value")
    assert values["valence"].abs().max() == 0
    step = truth["level_db"].std()
    assert values.loc["level_db", "arousal"] == pytest.approx(step, rel=0.1)  # dB for dB
    assert values["arousal"].drop("level_db").abs().max() < step / 2
    altered = found[found["kind"] == "alteration"].pivot_table(index="name", columns="head", values="value")["arousal"]
    assert altered["level_db"] == pytest.approx(6, abs=1e-3)  # gain of +-6 dB
    assert set(altered.index) == set(TWINS)
    maps = found[found["kind"] == "map"].groupby("name")["value"].mean()
    assert maps["input x gradient"] < 0  # pauses are silent: no energy to attribute


def rows(values: dict[str, tuple[float, ...]], kind: str = "cue") -> list[dict]:
    return [
        {"utterance": f"u{n}", "speaker": f"s{n}", "kind": kind, "name": name, "head": "arousal", "value": value}
        for name, some in values.items()
        for n, value in enumerate(some)
    ]


def test_verdicts_are_those_of_the_intervals_over_speakers(corpus: tuple) -> None:
    base = {cue: (0.0, 0.1, -0.1) for cue in CUES}
    cues = rows(base | {"level_db": (1.0, 1.1, 0.9), "rate": (-1.0, -1.2, -0.9)})
    altered = rows({"level_db": (2.0, 2.1, 1.9), "rate": (0.0, 0.3, -0.3)}, "alteration")
    found = summarise(pd.DataFrame(cues + altered + rows({"gradient": (0.1, 0.2, 0.1)}, "map")), corpus[1])
    heads = {cue: entry["heads"]["arousal"] for cue, entry in found["cues"].items()}
    assert heads["level_db"]["cue"]["verdict"] == heads["level_db"]["alteration"]["verdict"] == RAISES
    assert heads["level_db"]["agree"]
    assert heads["rate"]["cue"]["verdict"] == LOWERS
    assert heads["rate"]["alteration"]["verdict"] == NOTHING
    assert not heads["rate"]["agree"]
    assert "agree" not in heads["creak"]
    assert found["maps"]["gradient"]["change"] == pytest.approx(0.4 / 3)
    planted = found["cues"]["tilt_db"]["planted"]["arousal"]
    assert planted == pytest.approx(np.corrcoef(corpus[1]["tilt_db"], corpus[1]["arousal"])[0, 1])
