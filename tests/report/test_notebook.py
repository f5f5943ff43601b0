"""What a notebook shows of answers, scores and verdicts: well-formed HTML with the numbers of the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.collections import LineCollection

from elor.errors import UserError
from elor.evidence.claims import Claims
from elor.evidence.model import read
from elor.inference import load
from elor.report.recording import Explanation
from elor.report.results import Results
from tests.report.page_text import Page
from tests.report.test_recording import explained
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


def test_answers_are_drawn_over_time(tmp_path: Path) -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, 176_000)
    prediction = load(write_models(tmp_path / "models")).predict(sound, 16_000)
    axes = prediction.plot()
    for one, head in zip(axes, prediction.heads, strict=True):
        assert one.get_ylabel().startswith(head.name)
        (line,) = one.lines
        expected = prediction.windows(head.name) @ np.arange(5)
        np.testing.assert_allclose(line.get_xydata(), np.stack([[3.0, 8.5], expected], 1))
    assert axes[-1].get_xlabel() == "time (s)"
    pyplot.close("all")


def test_scores_are_drawn_beside_chance(world: World) -> None:
    found = Results.read(world.metrics)
    for one, (dimension, networks) in zip(found.plot(), found.scores.items(), strict=True):
        assert one.get_title(loc="left") == dimension
        drawn = one.lines[0].get_xdata()
        assert list(drawn) == [scores["uar"] for scores in networks.values()]
        (intervals,) = (lines for lines in one.collections[:1])
        ends = [segment[:, 0].tolist() for segment in intervals.get_segments()]
        assert ends == [[scores["ci_low"], scores["ci_high"]] for scores in networks.values()]
        assert one.lines[-1].get_xdata() == [0.2, 0.2]
        assert "UAR [95 %]" in one.get_xlabel()
    pyplot.close("all")


def test_an_explanation_is_a_dict_with_tables_and_a_map_over_the_waveform(tmp_path: Path) -> None:
    found = Explanation(explained(tmp_path, ("gradient", "occlusion"), [0.2, 0.4], 3), tmp_path)
    text = found._repr_html_()
    Page(text)
    assert "maps beside their controls" in text
    assert "No score of this network is known here" in text
    for method, axes in (("occlusion", found.plot(method="occlusion")), ("gradient", found.plot())):
        assert [one.get_title(loc="left").split(",")[0] for one in axes] == ["arousal", "mood"]
        assert all("r = 0.31; untrained networks 0.30" in one.get_title(loc="left") for one in axes)
        with np.load(tmp_path / "talk" / "window-00.npz") as arrays:
            values, sound = arrays[method], arrays["sound"]
        (lines,) = (one for one in axes[1].collections if isinstance(one, LineCollection))
        heights = np.array([segment[:, 1] for segment in lines.get_segments()])
        assert (heights.min(), heights.max()) == (sound.min(), sound.max())
        if method == "gradient":
            assert np.abs(lines.get_array()).max() == np.abs(values[1]).max()
    for asked, sentence in (
        ({"recording": "other"}, "no window 0 of other; explained were: talk"),
        ({"window": 1}, "no window 1 of talk"),
        ({"method": "guided"}, "no map guided; this network has gradient, occlusion"),
    ):
        with pytest.raises(UserError, match=sentence):
            found.plot(**asked)
    pyplot.close("all")
