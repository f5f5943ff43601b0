"""Figures: fast, labelled, complete, and the same bytes each time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from elor.evidence.prototypes import Prototypes
from elor.evidence.saliency import Saliency
from elor.explain import correlation
from elor.explain.occlusion import hertz, mel
from elor.explain.prototypes.descriptors import DESCRIPTORS
from elor.report.album import album, write_figures
from elor.report.figures import spectrogram_map, waveform_map
from elor.report.findings import METHODS, Findings
from elor.report.series import DESCRIPTOR_NAMES, READINGS, bands, descriptors
from elor.report.spectra import FLOOR_DB, spectrogram
from elor.report.style import save
from tests.report.conftest import invented

pytestmark = pytest.mark.long


def test_fig_4_shows_r_beside_its_control_and_hatches_the_padding(found: Findings) -> None:
    shown = found.shown[0]
    figure = waveform_map(shown, "guided", "arousal")
    texts = " ".join(text.get_text() for text in figure.texts)
    r = np.corrcoef(shown.maps["guided"]["arousal"][: shown.support], shown.signal[: shown.support])[0, 1]
    assert f"r = {r:.2f}; untrained networks " in texts
    assert "(mean of 2, this slice)" in texts
    assert "class 0 predicted" in texts
    assert "guided backpropagation" in texts
    for axes in figure.axes:
        (patch,) = [patch for patch in axes.patches if patch.get_hatch()]
        assert patch.get_x() == pytest.approx(shown.support / 16_000)
    assert [axes.get_ylabel() != "" for axes in figure.axes] == [True] * 3
    units = {method: bar_of(waveform_map(shown, method, "arousal")) for method in shown.maps}
    assert {method for method, unit in units.items() if unit == "saliency\n(logit per unit)"} == {"guided", "gradient"}
    assert {method for method, unit in units.items() if unit == "saliency\n(logit)"} == {"integrated", "occlusion"}
    value = replace(shown, valued=frozenset({"arousal"}))
    assert bar_of(waveform_map(value, "integrated", "arousal")) == "saliency\n(value)"


def bar_of(figure: Figure) -> str:
    """What the bar of colours says."""
    (bar,) = figure.axes[2].child_axes
    return bar.get_ylabel()


def test_the_coloured_waveform_has_the_maps_sign(found: Findings) -> None:
    shown = found.shown[0]
    values = np.zeros(96_000, dtype=np.float32)
    values[:32_000], values[32_000:64_000] = 1.0, -1.0
    shown.maps["guided"]["arousal"][:] = values
    (lines,) = waveform_map(shown, "guided", "arousal").axes[2].collections
    found_values = lines.get_array()
    third = len(found_values) // 3
    assert set(found_values[: third - 1]) == {1.0}
    assert set(found_values[third + 2 : 2 * third - 1]) == {-1.0}
    assert set(found_values[2 * third + 2 :]) == {0.0}


@pytest.fixture(scope="module")
def drawn() -> dict[str, Figure]:
    """The figures of `written`, by name."""
    return {}


@pytest.fixture(scope="module")
def written(found: Findings, drawn: dict[str, Figure], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all figures of one signal."""

    def keep(figure: Figure, path: Path) -> None:
        drawn[path.stem] = figure
        save(figure, path)

    folder = tmp_path_factory.mktemp("written")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("elor.report.album.save", keep)
        write_figures(replace(found, shown=found.shown[:1]), folder / "figures", folder / "paper")
    return folder


def test_every_figure_is_drawn_named_and_captioned(found: Findings, written: Path) -> None:
    captions = json.loads((written / "paper" / "captions.json").read_text())
    names = {path.stem for path in (written / "figures").glob("*.png")}
    assert names == set(captions)
    kinds = {name.split("-")[0] for name in names}
    assert kinds == {"fig4", "fig5", "spectrogram"}  # all other charts have one description, that of the page
    assert sum(name.startswith("fig4") for name in names) == 2 * len(METHODS)
    for name, texts in captions.items():
        assert len(texts) >= 2, name
        assert "n = " in texts[-1] or "n in brackets" in texts[-1], name
    vectors = {path.stem for path in (written / "paper").glob("*.svg")}
    assert vectors == {name for name in names if not name.startswith("spectrogram")}
    assert "<text" in (written / "paper" / "fig5-paper-time.svg").read_text()  # editable
    numbers = json.loads((written / "paper" / "fig4.json").read_text())[found.shown[0].name]["arousal"]["guided"]
    shown = found.shown[0].correlations["guided"]["arousal"]
    assert numbers["r"] == pytest.approx(shown.r, abs=1e-4)
    assert numbers["controls"]["initial"] == pytest.approx(shown.controls["initial"], abs=1e-4)


@pytest.mark.usefixtures("written")
def test_every_axis_says_what_it_shows(drawn: dict[str, Figure]) -> None:
    assert drawn
    for name, figure in drawn.items():
        axes = [one for one in figure.axes if one.axison and one.get_label() != "<colorbar>"]
        across = max(one.get_subplotspec().colspan.stop for one in axes)
        for one in axes[-across:]:  # the lowest of every column
            assert one.get_xlabel(), name
        assert any(one.get_ylabel() or one.get_yticklabels() for one in axes), name


def test_no_label_is_cut_whatever_a_map_is_worth(found: Findings) -> None:
    """Numbers beside a colour bar are as wide as they happen to be."""
    for worth in (1.0, 0.37, 0.0123, 1e-7, 4e5):
        shown = replace(
            found.shown[0],
            maps={"gradient": {"valence": worth * found.shown[0].maps["gradient"]["valence"]}},
            stft={"valence": worth * found.shown[0].stft["valence"]},
        )
        for figure in (waveform_map(shown, "gradient", "valence"), spectrogram_map(shown, "valence")):
            extent = figure.get_tightbbox()
            assert extent.min.min() > 0, worth
            assert (extent.max < figure.get_size_inches()).all(), worth


def test_the_same_findings_give_the_same_bytes(found: Findings, tmp_path: Path) -> None:
    for kind in ("png", "svg"):
        for number in range(2):
            save(waveform_map(found.shown[1], "guided", "valence"), tmp_path / f"{number}.{kind}")
        assert (tmp_path / f"0.{kind}").read_bytes() == (tmp_path / f"1.{kind}").read_bytes()


def test_the_last_digits_of_a_layout_do_not_show(
    found: Findings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The solver's own differ from process to process; here they are made to."""
    solve = ConstrainedLayoutEngine.execute
    draw = next(draw for name, draw in album(found) if name.startswith("fig5"))
    for number, jitter in enumerate((0.0, 3e-13)):

        def execute(engine: ConstrainedLayoutEngine, figure: Figure, jitter: float = jitter) -> None:
            solve(engine, figure)
            for axes in figure.axes:
                left, bottom, width, height = axes.get_position(original=True).bounds
                axes._set_position([left + jitter, bottom - jitter, width, height], which="original")

        monkeypatch.setattr(ConstrainedLayoutEngine, "execute", execute)
        save(draw(), tmp_path / f"{number}.svg")
    assert (tmp_path / "0.svg").read_bytes() == (tmp_path / "1.svg").read_bytes()


@pytest.mark.parametrize("kind", ["emotion", "regression", "scores only"])
def test_other_targets_and_runs_without_the_analysis_have_figures_too(tmp_path: Path, kind: str) -> None:
    some = invented(tmp_path, kind)
    drawn = {name: draw() for name, draw in album(replace(some, shown=some.shown[:1]))}
    assert all(isinstance(figure, Figure) for figure in drawn.values())
    assert any(name.startswith("fig4") for name in drawn)
    assert any(name.startswith("fig5") for name in drawn) == (kind != "scores only")


def described(found: Prototypes, way: str) -> pd.DataFrame:
    table = pd.DataFrame(descriptors(found))
    return table[table["way"] == way]


def test_a_label_without_a_value_keeps_its_place(found: Findings) -> None:
    wanted = "descriptor == 'mean length of pauses (s)' and head == 'arousal'"
    table = described(found.prototypes, "paper.time").query(wanted)
    means, folds = table[table["fold"].isna()].set_index("label"), table[table["fold"].notna()]
    assert list(means.index) == list("01234")
    assert means.loc["0", ["value", "low", "high"]].isna().all()
    assert "0" not in set(folds["label"])
    entry = found.prototypes.table["paper.time"]["arousal"]["3"].descriptors["pause_mean_s"]
    assert list(folds["fold"][folds["label"] == "3"]) == list(entry.points)
    assert list(means.loc["3", ["value", "low", "high"]]) == [entry.mean, entry.ci_low, entry.ci_high]


def test_a_descriptor_that_no_label_has_gets_no_panel(found: Findings) -> None:
    tree = found.prototypes.tree()
    for labels in tree["table"]["paper.time"].values():
        for entry in labels.values():
            entry["descriptors"]["hnr_db"]["points"] = []
    nothing, name = Prototypes.of(tree), "harmonics to noise (dB)"
    assert name not in set(described(nothing, "paper.time")["descriptor"])
    assert name in set(described(nothing, "level.fourier")["descriptor"])


def test_fig_5_shows_all_restarts_and_which_have_not_converged(found: Findings) -> None:
    figure = dict(album(found))["fig5-paper-time"]()
    caption = figure.texts[-1].get_text().replace("\n", " ")
    assert "n = 3 restarts per label, 28 of 30 in all have converged" in caption
    waves, spectra = figure.axes[::2], figure.axes[1::2]
    assert len({one.get_ylim() for one in waves}) == len({one.get_ylim() for one in spectra}) == 1  # to be compared
    assert waves[0].get_title(loc="left") == "arousal 0 (has not converged)"
    assert waves[1].get_title(loc="left") == "arousal 1"
    assert [line.get_linestyle() for line in spectra[0].lines] == ["-", "-", "--"]  # the best one comes last
    assert {line.get_linestyle() for line in spectra[1].lines} == {"-"}
    assert spectra[1].lines[-1].get_ydata() == pytest.approx(found.fig5["paper.time"][1].spectra[0])


def test_mel_bands_lie_at_their_middles(found: Findings) -> None:
    rows = [row for row in bands(found.saliency) if row["head"] == "arousal"]
    points = [row for row in rows if row["networks"] == "trained"]
    assert [row["hertz"] for row in rows if row["networks"] == "initial"] == [row["hertz"] for row in points]
    edges = found.saliency.bands["arousal"].edges_hz
    assert len(points) == 26
    assert all(low < point["hertz"] < high for point, low, high in zip(points, edges[:-1], edges[1:], strict=True))
    assert hertz(mel([0, 440, 8_000])) == pytest.approx([0, 440, 8_000])
    assert list(bands(Saliency())) == []


def test_descriptors_are_those_that_are_measured() -> None:
    assert list(DESCRIPTOR_NAMES) == list(DESCRIPTORS)
    assert set(READINGS) == set(correlation.READINGS)


def test_a_spectrogram_puts_a_tone_at_its_frequency() -> None:
    tone = np.sin(2 * np.pi * 1_000 * np.arange(96_000) / 16_000)
    levels = spectrogram(tone)
    assert levels.shape == (601, 201)  # as Path.stft
    assert (levels[10:-10].argmax(axis=1) * 40 == 1_000).all()
    assert levels.max() == 0.0
    assert levels.min() == FLOOR_DB
    assert (spectrogram(np.zeros(1_600)) == FLOOR_DB).all()


def test_a_spectrogram_with_its_map_states_the_sum(found: Findings) -> None:
    shown = found.shown[0]
    texts = " ".join(text.get_text() for text in spectrogram_map(shown, "arousal").texts)
    assert f"{shown.stft['arousal'].sum():.3g}" in texts.replace("\n", " ")
