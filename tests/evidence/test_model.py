"""The door of metrics/: what is written is read back, and what is not a run's own file is refused in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel, ValidationError

from benchmarks.evidence import FILES, PAGE, page
from elor.errors import UserError
from elor.evidence.claims import Claims
from elor.evidence.interventions import Change, Interventions
from elor.evidence.model import check, read, read_if_there, write
from elor.evidence.names import UNTRAINED, Control, Verdict
from elor.evidence.protocol import Protocol
from elor.evidence.saliency import Contrast, Saliency
from elor.evidence.scores import Headline, Scores
from elor.explain.claims.rows import claims
from tests.explain.claimed import facts

SCORES = {"count": 4, "speakers": 2, "permutation_p": 0.1}
SCORES |= {f"utterance_{key}": value for key, value in SCORES.items()}


def test_what_is_written_is_read_back_with_its_schema_first(tmp_path: Path) -> None:
    found = claims(facts(1))
    write(tmp_path / "claims.json", found, digits=None)
    tree = json.loads((tmp_path / "claims.json").read_text())
    assert next(iter(tree.items())) == ("schema", "claims/2")
    assert read(Claims, tmp_path / "claims.json") == found
    assert all(row["truth"] is None for row in tree["claims"])


def test_undefined_is_none_in_memory_and_null_in_the_file(tmp_path: Path) -> None:
    change = Change.of(change=np.float64("nan"), low=np.inf, high=np.float32(0.5), p=1, slices=np.int64(3))
    assert (change.change, change.low, change.high, change.p, change.slices) == (None, None, 0.5, 1.0, 3)
    assert change.tree() == {"change": None, "low": None, "high": 0.5, "p": 1.0, "slices": 3}  # and no speakers


def test_keys_with_spaces_are_attributes_without() -> None:
    tested = {"difference": 0.1, "low": 0.0, "high": 0.2, "p": 0.5}
    overlap = {"trained": {"overlap": 0.1, "chance": 0.1, "slices": 2, "over chance": tested}}
    found = Saliency.of(overlap=overlap)
    assert found.overlap["trained"].over_chance == Contrast.of(tested)
    assert found.tree() == {"overlap": overlap}


def test_scores_are_flat_and_know_their_recalls() -> None:
    scores = Scores.of(SCORES, recall_0=0.5, recall_1=float("nan"), utterance_recall_0=0.7, uar=0.5)
    assert scores.recalls == {0: 0.5, 1: None}
    assert (scores.value("uar"), scores.value("utterance_recall_0"), scores.value("ccc")) == (0.5, 0.7, None)
    with pytest.raises(ValidationError, match="recal_0 is no score"):
        Scores.of(SCORES, recal_0=0.5)


def test_the_headline_is_nothing_but_scores(tmp_path: Path) -> None:
    (tmp_path / "uar.json").write_text('{"arousal.elor": 0.5, "valence.elor": null}')
    assert read(Headline, tmp_path / "uar.json").root == {"arousal.elor": 0.5, "valence.elor": None}
    for damaged in ("{}", '{"arousal": 0.5}', '{"arousal.elor": "good"}', "[]"):
        (tmp_path / "uar.json").write_text(damaged)
        with pytest.raises(UserError, match=r"uar\.json, key .*; run dvc repro to make it anew"):
            read(Headline, tmp_path / "uar.json")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[1]", "has no schema, and this version of elor reads protocol/1"),
        ('{"confidence": 0.95}', "has no schema, and this version of elor reads protocol/1"),
        ('{"schema": "protocol/0", "confidence": 0.95}', "has schema protocol/0"),
        ('{"schema": "saliency/1"}', "has schema saliency/1"),
        ('{"schema": "protocol/1", "confidence": "high"}', "key confidence: input should be a valid number"),
        ('{"schema": "protocol/1", "confident": 1}', "key confident: extra inputs are not permitted"),
        ('{"schema": "protocol/1", "search_has_seen": {"elor": 3}}', "key search_has_seen.elor:"),
    ],
)
def test_what_is_not_a_runs_own_file_is_refused_in_one_sentence(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "protocol.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"run dvc repro") as caught:
        read(Protocol, path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_not_there_is_named_or_none(tmp_path: Path) -> None:
    assert read_if_there(Protocol, tmp_path / "protocol.json") is None
    with pytest.raises(UserError, match="does not exist: run dvc repro"):
        read(Protocol, tmp_path / "protocol.json")
    with pytest.raises(UserError, match="claims of other has no schema"):
        check(Claims, {"claims": []}, "claims of other")


def test_nothing_changes_once_it_is_made() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Interventions().networks = {}


def test_the_family_of_controls_is_the_declared_one() -> None:
    assert [str(one) for one in Control] == [
        "initial",
        "calibrated",
        "heads",
        "class swap",
        "other waveform",
        "shifted",
        "shuffled",
        "sham",
    ]
    assert {"initial", "calibrated"} == UNTRAINED
    assert [verdict for verdict in Verdict if verdict.asserts] == ["holds", "contradicted"]


def test_every_key_is_described_and_the_page_is_current() -> None:
    def models(kind: type[BaseModel]) -> list[type[BaseModel]]:
        from benchmarks.evidence import _parts

        return _parts(kind)

    for kind in FILES[1:]:
        for part in models(kind):
            assert part.__doc__
            assert all(field.description for field in part.model_fields.values()), part
    assert PAGE.read_text(encoding="utf-8") == page()
