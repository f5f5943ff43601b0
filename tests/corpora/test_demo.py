"""The demonstration corpus: its recipe, its release as the IEMOCAP reader reads it, its truth and distributions."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import wave
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from elor.corpora.demo import contours, generate, load_recipe, plan_utterance, release, synthesise
from elor.corpora.demo.casting import cast
from elor.corpora.demo.cues import planted
from elor.corpora.demo.ratings import annotate
from elor.corpora.demo.recipe_schema import Recipe
from elor.corpora.iemocap import Iemocap
from elor.engine import Engine
from elor.errors import UserError
from elor.files import file_digest

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "data" / "demo.yaml"
TOY = 60
RATE = 16_000
SEEDS = range(4)


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return load_recipe(RECIPE)


@pytest.fixture(scope="module")
def corpus(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    generate(recipe, TOY, 1, folder, Engine("cpu", 2))
    return folder


def digests(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in folder.rglob("*") if path.is_file()}


def samples_of(corpus: Path, utterance: str) -> np.ndarray:
    folder = corpus / "release" / f"Session{utterance[4]}" / "sentences/wav" / utterance.rsplit("_", 1)[0]
    with wave.open(str(folder / f"{utterance}.wav")) as stream:
        assert (stream.getframerate(), stream.getnchannels(), stream.getsampwidth()) == (RATE, 1, 2)
        return np.frombuffer(stream.readframes(stream.getnframes()), "<i2") / 32767


def decibels(signal: np.ndarray) -> float:
    return 10 * math.log10(np.mean(np.square(signal)))


class TestRecipe:
    def changed(self, tmp_path: Path, *keys: str, value: object) -> Path:
        yaml = YAML()
        content = yaml.load(RECIPE)
        section = content
        for key in keys[:-1]:
            section = section[key]
        section[keys[-1]] = value
        path = tmp_path / "recipe.yaml"
        yaml.dump(content, path)
        return path

    @pytest.mark.parametrize(
        ("keys", "value", "named"),
        [
            (("valence_gian",), 1.6, "valence_gian"),
            (("cues", "rate", "arousel"), 0.4, "cues.rate.arousel"),
            (("speakers", "Ses01F", "f0_hz"), "high", "speakers.Ses01F.f0_hz"),
            (("cues", "creak", "scale"), "cubic", "cues.creak.scale"),
            (("cues", "creek"), {"scale": "linear", "base": 1.0}, "creek"),
            (("raters", "E-2", "deviation"), True, "raters.E-2.deviation"),
            (("dialogues", "impro01", "evaluators"), ["E-9"], "E-9"),
            (("irregularities", "placeholders", "chosen"), 2.5, "irregularities.placeholders.chosen"),
        ],
    )
    def test_wrong_key_is_named(self, tmp_path: Path, keys: tuple[str, ...], value: object, named: str) -> None:
        with pytest.raises(UserError, match=named.replace(".", r"\.")):
            load_recipe(self.changed(tmp_path, *keys, value=value))

    def test_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="nowhere"):
            load_recipe(tmp_path / "nowhere.yaml")

    def test_giant_turn_must_exist(self, tmp_path: Path) -> None:
        path = self.changed(tmp_path, "durations", "giant_turn", value="Ses09F_impro03_F000")
        with pytest.raises(UserError, match="Ses09F_impro03_F000"):
            cast(load_recipe(path), TOY, 1)

    def test_too_few_utterances(self, recipe: Recipe, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="34 utterances are too few"):
            generate(recipe, 34, 1, tmp_path / "corpus")
        assert not (tmp_path / "corpus").exists()


def test_cues_follow_the_table(recipe: Recipe) -> None:
    """The table of cues, written out by hand for one mood of one speaker without noise."""
    silent = {name: formula.model_copy(update={"noise": 0.0}) for name, formula in recipe.cues.items()}
    quiet = recipe.model_copy(update={"cues": silent})
    v, a, e, g = -0.5, 0.4, 1.10, 2.0
    cues = planted(quiet, recipe.speakers["Ses01F"], v, a, np.random.default_rng(0))
    assert recipe.speakers["Ses01F"].expressivity == e
    assert recipe.valence_gain == g
    assert cues.f0_semitones == pytest.approx(e * 4.5 * a + e * g * (0.8 * v + 0.6 * abs(v)))
    assert cues.f0_range_semitones == pytest.approx(5 * 2 ** (e * (0.9 * a + 0.15 * v)))
    assert cues.rate == pytest.approx(4.2 * 1.04 * 2 ** (e * (0.42 * a + 0.12 * v)))
    assert cues.level_db == pytest.approx(-26 + 3 + e * (4.5 * a - 1.5 * v))
    assert cues.peakiness == pytest.approx(2 ** (0.45 * e * a))
    assert cues.tilt_db == pytest.approx(e * (5 * a - 0.6 * g * v))
    assert cues.formant_scale == pytest.approx(1 + 0.055 * g * e * v)
    assert cues.ring_db == pytest.approx(2 * e * g * v)
    assert cues.creak == round(2 - 1.4 * g * v - 1.4 * a)
    assert cues.aspiration_db == pytest.approx(-32 + 4 * g * e * v - 4 * e * a)
    assert cues.run_s == pytest.approx(1.9 * 2 ** (-0.45 * e * a))
    assert cues.pause_s == pytest.approx(0.30 * 2 ** (-0.30 * e * a - 0.30 * g * e * v))
    assert cues.pause_cv == pytest.approx(0.08 + 0.35 * (v + 1))
    assert cues.pause_trend == pytest.approx(0.9 * v)
    assert cues.contour == "falling"


class TestCorpus:
    def test_bytes_depend_on_neither_workers_nor_process(self, corpus: Path, tmp_path: Path) -> None:
        code = (
            "import sys; from pathlib import Path; from elor.corpora.demo import generate, load_recipe;"
            "from elor.engine import Engine;"
            f"generate(load_recipe(Path(sys.argv[1])), {TOY}, 1, Path(sys.argv[2]), Engine('cpu', 1))"
        )
        environment = os.environ | {"PYTHONHASHSEED": "77"}
        subprocess.run([sys.executable, "-c", code, RECIPE, tmp_path], check=True, cwd=ROOT, env=environment)
        assert digests(tmp_path) == digests(corpus)
        assert len(digests(corpus)) > TOY

    def test_another_seed_is_another_corpus(self, recipe: Recipe) -> None:
        one, two = (cast(recipe, TOY, seed) for seed in (1, 2))
        assert [turn.valence for turn in one] != [turn.valence for turn in two]
        turn = one[0]
        mood = (turn.speaker, turn.valence, turn.arousal, turn.name)
        a, b = (synthesise(plan_utterance(recipe, *mood, seed)).samples for seed in (1, 2))
        assert not np.array_equal(a, b)  # nor do two turns of one name and mood sound the same

    def test_failure_leaves_the_old_release(self, recipe: Recipe, tmp_path: Path) -> None:
        (tmp_path / "release").mkdir()
        (tmp_path / "release" / "old").touch()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(release, "annotate", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                generate(recipe, 35, 1, tmp_path, Engine("cpu", 1))
        assert [path.name for path in tmp_path.rglob("*")] == ["release", "old"]

    def test_the_reader_reads_it(self, corpus: Path) -> None:
        tables = Iemocap(corpus / "release").read()
        assert len(tables.utterances) == TOY
        assert tables.report["deviations"] == []
        ratings = tables.ratings.merge(tables.utterances[["utterance", "speaker"]], on="utterance")
        valid = ratings[(ratings["rater"] == "E-2") & ratings["valence"].notna()]
        rated = Counter(valid["speaker"])
        assert len(rated) == 10
        assert min(rated.values()) >= 3
        assert len(tables.utterances) > len(valid)

    def test_irregularities(self, corpus: Path) -> None:
        root = corpus / "release"
        texts = {path.stem: path.read_text() for path in root.glob("Session*/dialog/EmoEvaluation/Ses*.txt")}
        everything = "".join(texts.values())
        assert len(texts) == 35
        assert {"Ses03M_impro05a", "Ses05F_script01_1b"} <= set(texts)
        assert sum("A-E2:" not in text for text in texts.values()) == 10
        assert everything.count("A-E2:\tval 6; act 6; dom ;") == 3
        assert everything.count("val 6; act 6; dom ;") == 7
        assert everything.count("dom ;") == 9
        assert "\txxx\t" in everything
        assert all(f"\nA-{rater}:\tval" in everything for rater in ("F1", "M1", "F2", "F3", "M3", "M5"))
        assert "(hesitates)" in everything
        assert len(list(root.rglob("._*"))) == 10
        assert len(list(root.rglob(".DS_Store"))) == 10
        for dialogue, text in texts.items():
            letters = [line.split("\t")[1][len(dialogue) + 1] for line in text.splitlines() if line.startswith("[")]
            assert letters == sorted(letters)

    def test_attribute_folder_is_reversed(self, corpus: Path) -> None:
        folder = corpus / "release/Session1/dialog/EmoEvaluation"
        plain = (folder / "Ses01F_impro01.txt").read_text().splitlines()
        turned = (folder / "Attribute/Ses01F_impro01_atr.txt").read_text().splitlines()
        pairs = [(a, b) for a, b in zip(plain, turned, strict=True) if a.startswith("A-") and "val 6" not in a]
        assert pairs
        for a, b in pairs:
            (value, act), (other, otheract) = ([int(line.split("; ")[k][-1]) for k in (0, 1)] for line in (a, b))
            assert (value + other, act + otheract) == (6, 6)

    def test_truth_is_in_the_files(self, corpus: Path) -> None:
        truth = pd.read_csv(corpus / "truth.csv").set_index("utterance")
        segments = pd.read_csv(corpus / "segments.csv")
        assert len(truth) == TOY
        for name, own in segments.groupby("utterance"):
            signal, row = samples_of(corpus, str(name)), truth.loc[name]
            assert len(signal) == row["samples"]
            runs = own[own["kind"] == "speech"]
            speech = np.concatenate([signal[s:e] for s, e in zip(runs["start"], runs["end"], strict=True)])
            assert decibels(speech) == pytest.approx(row["level_db"], abs=0.1)
            assert row["syllables"] / (len(speech) / RATE) == pytest.approx(row["rate"], rel=0.002)
            for start, end in own.loc[own["kind"] == "pause", ["start", "end"]].to_numpy():
                late = signal[start + (end - start) // 2 : end]
                assert decibels(late) < -50

    def test_energy_finds_the_pauses(self, corpus: Path) -> None:
        """A plain detector (25 ms below -55 dBFS for a tenth of a second) finds the planted pauses and few others."""
        segments = pd.read_csv(corpus / "segments.csv")
        planted_pauses = segments[(segments["kind"] == "pause") & (segments["end"] - segments["start"] > 0.15 * RATE)]
        found = 0
        for name, start, end in planted_pauses[["utterance", "start", "end"]].itertuples(index=False):
            signal = samples_of(corpus, name)[start:end]
            frames = np.lib.stride_tricks.sliding_window_view(signal, 400)[::160]
            found += np.mean(10 * np.log10(np.mean(frames**2, axis=1)) < -55) > 0.6
        assert len(planted_pauses) > 30
        assert found / len(planted_pauses) > 0.9


@pytest.fixture(scope="module")
def lines(recipe: Recipe) -> pd.DataFrame:
    """All ratings of several corpora of the default size."""
    rows = []
    for seed in SEEDS:
        for name, annotation in annotate(recipe, cast(recipe, 420, seed), seed).items():
            rows += [{"seed": seed, "utterance": name} | vars(rating) for rating in annotation.ratings]
    return pd.DataFrame(rows)


class TestDistributions:
    """At the default size, over several seeds, what the paper and the release show: E-2's modes, agreement, lengths."""

    def test_chosen_rater(self, lines: pd.DataFrame) -> None:
        chosen = lines[(lines["rater"] == "E-2") & lines["valence"].notna()]
        valence = chosen["valence"].value_counts(normalize=True).sort_index()
        arousal = chosen["arousal"].value_counts(normalize=True).sort_index()
        np.testing.assert_allclose(valence, [0.19, 0.32, 0.28, 0.17, 0.05], atol=0.04)
        np.testing.assert_allclose(arousal, [0.05, 0.16, 0.26, 0.29, 0.23], atol=0.04)
        assert (valence.idxmax(), arousal.idxmax()) == (2, 4)  # the paper's best constants, 1 and 3, on 1..5
        assert 0.70 <= len(chosen) / (420 * len(SEEDS)) <= 0.75

    def test_evaluators_agree_as_in_the_paper(self, lines: pd.DataFrame) -> None:
        evaluators = lines[lines["rater"].str.startswith("E-")]
        pairs = evaluators[["valence", "arousal"]].apply(tuple, axis=1)
        distinct = pairs.groupby([evaluators["seed"], evaluators["utterance"]]).nunique()
        assert (distinct == 1).mean() == pytest.approx(0.162, abs=0.03)
        assert len(evaluators) / len(distinct) == pytest.approx(2.1, abs=0.05)

    def test_lengths(self, recipe: Recipe) -> None:
        seconds = np.array(
            [
                contours.total_samples(
                    contours.lay_out(plan_utterance(recipe, t.speaker, t.valence, t.arousal, t.name, 1))
                )
                / RATE
                for t in cast(recipe, 420, 1)
            ]
        )
        assert np.median(seconds) == pytest.approx(4.0, abs=0.3)
        assert 0.01 < np.mean(seconds < 1) < 0.06
        assert 0.16 < np.mean(seconds > 6) < 0.28
        assert 31 < seconds.max() < 34
        assert np.sum(seconds > 26) == 1
        slices = np.maximum(1, seconds // 6 + (seconds % 6 > 3))
        assert slices.mean() == pytest.approx(1.12, abs=0.03)

    def test_a_larger_corpus_only_adds_turns(self, recipe: Recipe) -> None:
        small, large = ({turn.name: turn for turn in cast(recipe, count, 1)} for count in (TOY, 420))
        assert {name: large[name] for name in small} == small


def test_raters_disagree_where_the_recipe_plants_it(recipe: Recipe) -> None:
    """On their own scale, before it is cut off at its ends: the middle of valence at low and at high arousal."""
    planted = recipe.model_copy(update={"disagreement": 1.0})
    for one, low, high in ((recipe, 0.85, 1.15), (planted, 1.6, 2**1.5)):  # rounding and the ends take from both
        turns = {turn.name: turn for turn in cast(one, 4_000, 1)}
        notes = annotate(one, list(turns.values()), 1)
        apart: dict[bool, list[float]] = {False: [], True: []}
        for name, note in notes.items():
            turn = turns[name]
            if abs(turn.valence) < 0.3 and 0.6 < abs(turn.arousal) < 0.9:
                lines = [line for line in note.ratings if line.rater in ("E-1", "E-3", "E-4") and line.valence]
                bias = {rater: one.raters[rater].valence_bias for rater in one.raters}
                apart[turn.arousal > 0] += [line.valence - 3 - 2 * turn.valence - bias[line.rater] for line in lines]
        ratio = np.std(apart[True]) / np.std(apart[False])
        assert low < ratio < high
