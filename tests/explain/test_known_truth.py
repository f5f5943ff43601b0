"""Known truth: the rule by hand, what corpora declare, counterfactual pairs of a network that hears the level alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from elor.corpora.declared_truth import Pair, Truth, read_pairs, read_truth, truth_files
from elor.corpora.demo import load_recipe
from elor.corpora.demo.planted_cues import plans_of, population
from elor.corpora.demo.planted_cues import planted as recipe_truth
from elor.corpora.demo.recipe_schema import CUES
from elor.corpora.manifest import Manifest
from elor.errors import UserError
from elor.evidence.names import Planted, Verdict
from elor.explain import counterfactuals
from elor.explain.claims.known_truth import ASKED, BETTER, NETWORK, Known, of_ratings, planted, truth_of
from elor.explain.claims.rows import claims
from elor.explain.claims.table import CLAIMS
from elor.explain.counterfactuals import Effect, PairJob, effects, jobs, measure, spoken_again
from elor.report.sentences import known, sentence
from tests.explain.claimed import facts
from tests.explain.test_counterfactuals import Level

ROOT = Path(__file__).parents[2]
RECIPE = load_recipe(ROOT / "data" / "demo.yaml")
UP, DOWN, NONE, EITHER = Effect(0.3, 0.2, 0.4), Effect(-0.3, -0.4, -0.2), Effect(0, -0.05, 0.05), Effect(0.1, 0, 0.2)


def world(cue: str, effect: Effect, cues: dict | None = None) -> Known:
    answers = ("arousal", "valence", "valence.extremity")
    return Known(cues or {}, {(name, answer): effect if name == cue else NONE for name in ASKED for answer in answers})


@pytest.mark.parametrize(
    ("claim", "cue", "effect", "truth"),
    [
        ("arousal-rate", "rate", UP, True),
        ("arousal-rate", "rate", DOWN, False),
        ("arousal-rate", "rate", NONE, False),
        ("arousal-rate", "rate", EITHER, None),
        ("arousal-interruptions", "run_s", DOWN, True),  # shorter runs are more pauses
        ("arousal-interruptions", "run_s", UP, False),
        ("arousal-loudness", "level_db", NONE, True),
        ("arousal-loudness", "level_db", DOWN, False),
        ("arousal-loudness", "level_db", EITHER, None),
        ("amplitude-valence", "level_db", DOWN, True),
        ("amplitude-valence", "level_db", NONE, False),
        ("amplitude-matters", "level_db", UP, True),
        ("valence-high-pauses", "run_s", UP, False),  # the pauses' length does nothing
    ],
)
def test_an_interval_beyond_the_margin_is_true_one_below_it_false_and_all_else_unknown(
    claim, cue, effect, truth
) -> None:
    assert truth_of(claim, world(cue, effect)) is truth
    assert truth_of(claim, Known({})) is None  # nothing was measured


def test_scores_are_false_where_nothing_can_be_learned_and_unknown_where_both_heads_can() -> None:
    nothing, both = Known({}), Known({"arousal": {"rate": 1}, "valence": {"rate": 1}})
    assert {truth_of(name, nothing) for name in (*BETTER, "arousal-easier")} == {False}
    assert {truth_of(name, both) for name in (*BETTER, "arousal-easier")} == {None}
    assert truth_of("arousal-easier", Known({"arousal": {"rate": 1}})) is True
    assert truth_of("arousal-easier", Known({"valence.extremity": {"rate": 1}})) is False


def test_cues_are_present_absent_or_reversed_as_the_claim_has_them() -> None:
    def of(claim: str, **cues: int) -> Planted | None:
        return planted(claim, Known({"arousal": cues, "valence": cues}))

    assert of("arousal-rate", rate=1) == of("arousal-interruptions", run_s=-1) == Planted.present
    assert of("arousal-rate", rate=-1) == of("arousal-interruptions", run_s=1) == Planted.reversed
    assert of("arousal-rate") == of("valence-high-pauses", run_s=1) == Planted.absent
    assert of("amplitude-arousal", level_db=-1) == Planted.present  # either way
    assert of("elor-best-arousal", rate=1) is None


def test_every_claim_that_the_rule_names_is_one() -> None:
    assert {*NETWORK, *BETTER, "arousal-easier", "mfcc-amplitude"} <= {claim.id for claim in CLAIMS}


def test_the_scoreboard_counts_what_stands_in_the_rows() -> None:
    some = Known(
        {"arousal": {"rate": 1}}, {("rate", "arousal"): UP, ("tilt_db", "arousal"): NONE}, {"rater-balanced": True}
    )
    found = claims(facts(1), known=some)
    rows = {row.id: row for row in found.claims}
    assert rows["arousal-rate"].verdict == rows["arousal-frequencies"].verdict == Verdict.holds
    assert (rows["arousal-rate"].truth, rows["arousal-frequencies"].truth) == (True, False)
    assert "known to be false here: the verdict is wrong" in sentence(rows["arousal-frequencies"], found.family)
    assert known(rows["same-parts"]) == ""
    right = wrong = undecided = 0
    for row in found.claims:
        if row.truth is not None:
            right += row.verdict.value == ("holds" if row.truth else "contradicted")
            wrong += row.verdict.value == ("contradicted" if row.truth else "holds")
            undecided += row.verdict.value not in ("holds", "contradicted")
    board = found.scoreboard
    assert board is not None
    assert (board.right, board.wrong, board.undecided) == (right, wrong, undecided)
    assert right + wrong + undecided + board.undecidable == len(found.claims)
    assert {(one.cue, one.answer): (one.low, one.high) for one in found.counterfactuals} == {
        ("rate", "arousal"): (UP.low, UP.high),
        ("tilt_db", "arousal"): (NONE.low, NONE.high),
    }
    assert board.right >= 3
    assert board.wrong >= 2
    assert claims(facts(1)).scoreboard is None
    assert not claims(facts(1)).counterfactuals


def test_the_recipe_declares_its_own_constants() -> None:
    cues = recipe_truth(RECIPE).cues
    assert cues["arousal"]["rate"] == cues["arousal"]["level_db"] == cues["valence"]["pause_cv"] == 1
    assert cues["arousal"]["run_s"] == cues["valence"]["pause_s"] == -1
    assert cues["valence.extremity"] == {"f0_semitones": 1}
    assert "formant_scale" not in cues["arousal"]


def test_a_population_has_the_recipes_raters_and_extremes_go_with_arousal_in_it() -> None:
    table = population(RECIPE, seed=1, utterances=400)
    assert set(table["rater"]) == {"E-1", "E-2", "E-3", "E-4"}
    assert table[["valence", "arousal"]].isin(range(1, 6)).all(axis=None)


def test_ratings_are_judged_by_their_correlation_and_evenness() -> None:
    cells = [(v, a) for v in range(5) for a in range(5)]
    rows = [(f"u{k}", "S", "own", *cell) for k, cell in enumerate(cells)]
    rows += [(f"u{k}", "S", "other", 2, 2) for k in range(25)]
    table = pd.DataFrame(rows, columns=["utterance", "speaker", "rater", "valence", "arousal"])
    assert of_ratings(table, "own")["rater-balanced"] is True
    assert of_ratings(table, "other")["rater-balanced"] is False
    assert of_ratings(table, "own")["extreme-valence-aroused"] is None  # every cell once: r is 0
    skewed = table[(table["rater"] == "own") & ((table["valence"] - 2).abs() == (table["arousal"] - 2).abs())]
    skewed = skewed[skewed["arousal"] >= 2]
    assert of_ratings(skewed, "own")["extreme-valence-aroused"] is True
    assert of_ratings(table, "nobody") == {}


def test_a_pair_that_differs_by_6_db_moves_what_hears_the_level_by_half_of_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counterfactuals, "load_network", lambda path: Level())
    wave = np.random.default_rng(0).normal(size=16_000) * 1_000
    for name, factor in (("less", 1), ("more", 10 ** (6 / 20))):
        soundfile.write(tmp_path / f"{name}.wav", (wave * factor).astype(np.int16), 16_000)
    pair = Pair("S", "level_db", tmp_path / "less.wav", tmp_path / "more.wav")
    rows = measure(PairJob("S", Path("network"), (pair,)))
    assert rows.set_index("answer")["value"].to_dict() == pytest.approx({"arousal": 3.0, "valence": 0.0}, abs=0.01)
    both = pd.concat([rows, rows.assign(speaker="T", value=rows["value"] + 1)])
    assert effects(both, {"arousal": 2.0})["level_db", "arousal"].change == pytest.approx(1.75, abs=0.01)
    assert ("level_db", "valence") not in effects(both, {"arousal": 2.0})  # its spread is not known


def test_an_utterance_spoken_again_is_louder_and_softer_by_a_standard_deviation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(counterfactuals, "load_network", lambda path: Level())
    plans = plans_of(RECIPE, utterances=40, seed=3)
    rows = [{"utterance": one.name, "speaker": one.name[:5] + one.name[-4]} | {"samples": 40_000} for one in plans]
    truth = pd.DataFrame(
        [row | {cue: getattr(one.cues, cue) for cue in CUES} for row, one in zip(rows, plans, strict=True)]
    )
    pairs = spoken_again(RECIPE, plans, truth, ("level_db", "pause_cv"), each=1, seed=1)
    some = [pair for pair in pairs if pair.speaker == "Ses01F"]
    assert {pair.cue for pair in some} == {"level_db", "pause_cv"}
    (job,) = jobs(pairs, {"Ses01F": Path("network")})
    found = measure(job).set_index(["cue", "answer"])["value"]
    assert found["level_db", "arousal"] == pytest.approx(truth["level_db"].std(), abs=0.3)
    assert abs(found["pause_cv", "arousal"]) < 0.3


def declare(folder: Path, text: str) -> Path:
    (folder / "tones.truth.yaml").write_text(text)
    (folder / "tones.csv").write_text("file,speaker,valence,arousal\na.wav,S,3,3\n")
    for name in ("a.wav", "b.wav"):
        soundfile.write(folder / name, np.zeros(16_000, dtype=np.int16), 16_000)
    return folder / "tones.csv"


def test_a_manifest_declares_its_truth_beside_it_and_its_files_belong_to_the_corpus(tmp_path: Path) -> None:
    table = declare(
        tmp_path, "cues: {arousal: {rate: 1}}\nclaims: {extreme-valence-aroused: false}\npairs: pairs.csv\n"
    )
    (tmp_path / "pairs.csv").write_text("speaker,cue,less,more\nS,rate,a.wav,b.wav\n")
    truth = read_truth(table)
    assert truth == Truth(cues={"arousal": {"rate": 1}}, claims={"extreme-valence-aroused": False}, pairs="pairs.csv")
    assert read_pairs(table, truth) == [Pair("S", "rate", tmp_path / "a.wav", tmp_path / "b.wav")]
    assert Manifest(table).files() == ["a.wav", "b.wav", "pairs.csv", "tones.csv", "tones.truth.yaml"]
    (tmp_path / "tones.truth.yaml").unlink()
    assert read_truth(table) is None
    assert truth_files(table) == []


@pytest.mark.parametrize(
    ("text", "pairs", "said"),
    [
        ("cues: {arousal: {rate: 2}}\n", "", "cues.arousal.rate"),
        ("cues: {}\npairs: other.csv\n", "", "other.csv"),
        ("cues: {}\npairs: pairs.csv\n", "speaker,cue,less\nS,rate,a.wav\n", "lacks more"),
        ("cues: {}\npairs: pairs.csv\n", "speaker,cue,less,more\nS,rate,a.wav,c.wav\n", "c.wav"),
    ],
)
def test_a_damaged_truth_is_one_sentence(tmp_path: Path, text: str, pairs: str, said: str) -> None:
    table = declare(tmp_path, text)
    (tmp_path / "pairs.csv").write_text(pairs)
    with pytest.raises(UserError, match=said):
        truth_files(table)
