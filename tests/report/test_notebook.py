"""What a notebook shows of answers, scores and verdicts: well-formed HTML with the numbers of the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from elor.evidence.claims import Claims
from elor.evidence.model import read
from elor.inference import load
from elor.report.results import Results
from tests.report.test_page import Page
from tests.report.world import World
from tests.worlds.networks import write_models


def test_a_notebook_shows_answers_scores_and_verdicts(world: World, tmp_path: Path) -> None:
    found = Results.read(world.metrics)
    sound = np.random.default_rng(0).normal(0, 0.1, 160_000)
    prediction = load(write_models(tmp_path / "models")).predict(sound, 16_000)
    claims = read(Claims, world.metrics / "claims.json")
    for shown, part in (
        (found, f"{found.scores['arousal']['elor']['uar']:.3f}"),
        (prediction, f"{prediction.whole('arousal').max():.2f}"),
        (claims, "not distinguishable from untrained"),
    ):
        text = shown._repr_html_()
        Page(text)
        assert part in text
    assert prediction._repr_html_().count("<tr>") == 1 + 1 + 2  # header, whole, two windows
