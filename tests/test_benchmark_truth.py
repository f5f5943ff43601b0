"""Corpora of tones: what is declared is what sounds; tables drawn from trainings on shuffled labels."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from benchmarks import publish, truth
from benchmarks.nulls import ASKED, own, rates, tables
from benchmarks.tones import BASES, CORPORA, make, plan, sound
from benchmarks.truth import tally
from elor.corpora.declared_truth import read_pairs, read_truth
from elor.corpora.manifest import Manifest
from elor.evidence.names import FALSE_DISCOVERY, HOLM
from elor.explain.claims.table import CLAIMS
from tests.worlds.parts import part


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(CORPORA[2], tmp_path_factory.mktemp("tones"), utterances=12, speakers=3, each=1)


def level(path: Path) -> float:
    """RMS in dB of what is louder than the floor and no loud noise."""
    samples = soundfile.read(path)[0]
    return 20 * float(np.log10(np.median(np.abs(samples[np.abs(samples) > 2e-3]))))


def test_the_table_is_a_manifest_with_its_truth_and_a_pair_per_cue_and_speaker(table: Path) -> None:
    truth = read_truth(table)
    assert truth is not None
    assert truth.cues == {"arousal": {"level_db": 1}, "valence": {}}
    pairs = read_pairs(table, truth)
    assert sorted((pair.speaker, pair.cue) for pair in pairs) == sorted(
        (f"S{s}", cue) for s in range(3) for cue in BASES
    )
    assert len(Manifest(table).files()) == 12 + 2 * len(pairs) + 3
    assert len(Manifest(table).read().utterances) == 12


def test_a_pair_differs_in_its_own_cue(table: Path) -> None:
    truth = read_truth(table)
    assert truth is not None
    by_cue = {pair.cue: pair for pair in read_pairs(table, truth)}
    assert level(by_cue["level_db"].more) - level(by_cue["level_db"].less) > 5
    assert abs(level(by_cue["pause_s"].more) - level(by_cue["pause_s"].less)) < 1
    longer = [len(soundfile.read(path)[0]) for path in (by_cue["pause_s"].less, by_cue["pause_s"].more)]
    assert longer[0] < longer[1]


def test_of_a_kept_workspace_that_was_explained_only_the_claims_are_decided_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[tuple[str, ...]] = []

    def run(folder: Path, stages: tuple[str, ...]) -> None:
        ran.append(stages)
        for name, tree in (("interventions", {}), ("uar", {"arousal.elor": 0.5})):
            (folder / "metrics").mkdir(exist_ok=True)
            (folder / "metrics" / f"{name}.json").write_text(json.dumps(tree))

    monkeypatch.setattr(truth, "run", run)
    monkeypatch.setattr(truth, "claims_of", lambda folder: [])
    for kept in (tmp_path, tmp_path, None):
        assert truth.explained("present", 3, kept)["claims"] == []
    assert [stages == ("claims",) for stages in ran] == [False, True, False]
    assert ran[0] == ran[2]
    assert "claims" in ran[0]
    assert "train@elor" in ran[0]


def test_planted_cues_follow_their_label_and_no_other() -> None:
    some = [plan(CORPORA[0], number, number % 8, 11) for number in range(300)]
    rows = pd.DataFrame([dict(one.labels) | dict(one.cues) for one in some])
    r = rows.corr("spearman")
    assert r.loc["rate", "arousal"] > 0.9
    assert r.loc["tilt_db", "valence"] < -0.9
    rest = r.drop(index=["rate", "tilt_db", "arousal", "valence"])[["arousal", "valence"]]
    assert rest.abs().to_numpy().max() < 0.2
    assert abs(r.loc["arousal", "valence"]) < 0.15
    assert np.array_equal(sound(some[0]), sound(some[0]))


@pytest.mark.long
def test_a_long_measurement_goes_on_where_it_was_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "RESULTS", tmp_path)
    make = partial(part, folder=tmp_path)
    with pytest.raises(ValueError, match="b"):
        publish.resumed("some", {"seed": 1}, "abc", make)
    (tmp_path / "mended").touch()
    found = publish.resumed("some", {"seed": 1}, "abc", make)
    assert [(one["name"], one["value"]) for one in found] == [("a", "A"), ("b", "B"), ("c", "C")]
    assert [len(list(tmp_path.glob(f"{name}.*[0-9]"))) for name in "abc"] == [1, 1, 1]


def test_a_long_measurement_is_known_by_all_digits_of_what_it_is_of(tmp_path: Path, monkeypatch) -> None:
    """Of anything else it is made anew."""
    monkeypatch.setattr(publish, "RESULTS", tmp_path)
    monkeypatch.setattr(publish, "ProcessPoolExecutor", lambda workers, mp_context: ThreadPoolExecutor(workers))
    made = []

    def kept(name: str) -> dict[str, str]:
        made.append(name)
        return {}

    for share in (1 / 3, 1 / 3, 1 / 3 + 1e-9):
        publish.resumed("some", {"share": share}, "a", kept)
    assert made == ["a", "a"]


def runs(p: float, points: int, learned_p: float, truth: bool | None = None, control: str = "initial") -> list[dict]:
    """Runs whose every piece, and claim, has these values."""
    piece = {"control": control, "p": p, "points": points, "learned_p": learned_p, "missing": ""}
    about = {"truth": truth, "verdict": "undecided"}
    rows = [
        about | {"id": claim.id, "evidence": [piece | {"what": look.what, "role": look.role} for look in claim.looks]}
        for claim in CLAIMS
    ]
    return [{"claims": rows}]


def test_what_has_not_learned_is_never_wrong_and_what_seems_to_have_is_always() -> None:
    for method in (HOLM, FALSE_DISCOVERY):
        assert rates(runs(1e-6, 1, 0.5), "nothing was learned", 20)[method].wrong == 0
        assert rates(runs(1e-6, 1, 0.5), "everything passes for learned", 20)[method].wrong == 20
        assert rates(runs(0.5, 1, 1e-4), "nothing was learned", 20)[method].wrong == 0


def test_each_training_has_one_table_of_its_own() -> None:
    found = own([*runs(1e-6, 1, 0.5), *runs(0.5, 1, 0.5), *runs(0.5, 1, 0.5)], "everything passes for learned")
    assert all((one.tables, one.wrong, one.asserted) == (3, 1, sum(ASKED)) for one in found.values())


@pytest.mark.parametrize(("truth", "wrong", "unknown"), [(None, 0, sum(ASKED)), (False, 0, 0), (True, 1, 0)])
def test_an_absence_of_unknown_truth_counts_as_right_and_is_told(truth: bool | None, wrong: int, unknown: int) -> None:
    found = own(runs(1e-6, -1, 0.5, truth, control="no change"), "everything passes for learned")[HOLM]
    assert (found.asserted, found.wrong, found.unknown) == (sum(ASKED), wrong, unknown)


def test_what_is_missing_in_every_training_is_told() -> None:
    some = [{**one, "effects": []} for one in (*runs(0.5, 0, 0.5), *runs(0.5, 1, 0.5))]
    for one in some:
        row = next(row for row in one["claims"] if row["id"] == "arousal-rate")
        row["evidence"][0]["missing"] = "not there"
    row["evidence"][0]["missing"] = ""  # in the second it is there
    for one in some:
        next(row for row in one["claims"] if row["id"] == "arousal-easier")["evidence"][0]["missing"] = "nowhere"
    _, _, _, pieces, gaps, _ = tables({"runs": some}, 10)
    never, left = gaps.items
    assert never == "Missing in all 2 trainings: arousal against valence, mean over networks (`arousal-easier`)."
    assert "`rater-balanced`" in left
    assert "`arousal-rate`" not in left
    (scores,) = (row for row in pieces.groups[0] if row[0] == "scores")
    count = sum(look.needs.source == "scores" for claim in CLAIMS for look in claim.looks)
    assert scores == ("scores", str(2 * count), "2", str(count - 1), "0", str(count - 1))


def test_the_tally_counts_by_hand() -> None:
    rows = [
        {"truth": True, "verdict": "holds"},
        {"truth": False, "verdict": "holds"},
        {"truth": False, "verdict": "contradicted"},
        {"truth": False, "verdict": "not learned"},
        {"truth": True, "verdict": "not distinguishable from untrained"},
        {"truth": None, "verdict": "holds"},
    ]
    found = tally(rows)
    assert (found["right"], found["wrong"], found["undecided"], found["undecidable"]) == (2, 1, 2, 1)
    assert (found["not learned"], found["no further than untrained"]) == (1, 1)
