"""Tables beside a file of metrics: nothing is lost or reordered, spreadsheets read them, another run's are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from elor.errors import UserError
from elor.evidence.across import Across
from elor.evidence.interventions import Interventions
from elor.evidence.model import read, write
from elor.evidence.saliency import Saliency
from tests.report.world import World

CHANGE = {"change": -0.25, "low": None, "high": 0.5, "p": 0.00001234}
SLOPE = {"per_unit": 0.1, "low": 0.0, "high": 0.2, "p": None, "units": 3, "calibrated": (None, 0.5)}
SLOPE |= {"altered": {"per_unit": 1.0, "low": 0.5, "high": 1.5, "p": 1e-9}}
EFFECT = {"doses": {"2": CHANGE, "-10": CHANGE}, "slope": SLOPE, "sham": CHANGE, "finding": "undecided"}
EFFECT |= {"reason": 'it said "no, never", twice\nand\tagain', "text": "[not a list"}
GAIN = {"unit": "dB", "heads": {"b": EFFECT, "a": EFFECT | {"length_control": {"0.5": CHANGE}}}, "over": {"2": 0.1}}
FOUND = Interventions.of(
    networks={"lom": {"gain": GAIN}}, features={"lom": {"mfcc": {"gain": {"moved_sd": [1.5, None]}}}}
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    place = tmp_path / "metrics" / "interventions.json"
    write(place, FOUND, digits=6, beside=tmp_path / "data" / "bulk")
    return place


def whole(found: Interventions | Saliency) -> str:
    """All of it, in order, what was not given at its default."""
    return json.dumps(found.model_dump(mode="json", by_alias=True))


def test_what_is_written_in_tables_is_read_back_in_its_order(path: Path) -> None:
    back = read(Interventions, path)
    assert whole(back) == whole(FOUND)
    assert list(back.networks["lom"]["gain"].heads["b"].doses) == ["2", "-10"]


def test_the_file_keeps_what_people_read_and_names_its_tables(path: Path) -> None:
    tree = json.loads(path.read_text())
    assert tree["networks"]["lom"]["gain"]["heads"] == {"b": {"finding": "undecided"}, "a": {"finding": "undecided"}}
    assert [Path(name).name for name in tree["tables"]] == ["doses.csv", "effects.csv", "features.csv"]
    assert all((path.parent / name).is_file() for name in tree["tables"])


def test_a_table_is_one_row_per_part(path: Path) -> None:
    doses = pd.read_csv(path.parents[1] / "data" / "bulk" / "doses.csv")
    assert doses.columns.tolist()[:6] == ["network", "alteration", "kind", "answer", "line", "dose"]
    assert doses["dose"].tolist() == [2, -10, 2, -10, 0.5]
    assert doses["line"].tolist() == ["doses"] * 4 + ["length_control"]
    assert doses["p"].eq(0.00001234).all()
    assert doses["low"].isna().all()
    effects = pd.read_csv(path.parents[1] / "data" / "bulk" / "effects.csv")
    assert effects["slope.altered.p"].tolist() == [1e-9, 1e-9]
    assert effects["slope.calibrated"].map(json.loads).tolist() == [[None, 0.5]] * 2


def test_a_list_of_parts_is_a_table_too(tmp_path: Path) -> None:
    about = {"dimension": "arousal", "network": "elor", "factor": "corpus", "a": "x", "b": "y", "what": "gain 6"}
    rest = {"difference": 0.5, "ci_low": None, "ci_high": None, "p": 0.25, "p_holm": 1.0}
    counts = {"speakers_a": 2, "speakers_b": 3, "speakers_both": 0}
    moved = [about | rest | counts | {"value_a": 1.0, "value_b": value} for value in (0.5, None, -2.0)]
    found = Across.of(hold_out="corpus", transfer=(), alterations=moved)
    path = tmp_path / "metrics/across.json"
    write(path, found, beside=tmp_path / "data")
    assert set(json.loads(path.read_text())) == {"schema", "tables", "hold_out", "transfer"}
    assert pd.read_csv(tmp_path / "data/alterations.csv")["b"].tolist() == ["y"] * 3
    assert read(Across, path).alterations == found.alterations
    write(path, Across.of(hold_out="speaker", transfer=()), beside=tmp_path / "data")  # of one corpus
    assert read(Across, path).alterations == ()


NAMES = ("nan", "[]", "[1, 2]", '"nan"', '"', "[not a list", "null", "3", "true", "a,b\n")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_comes_back_whatever_it_looks_like(tmp_path: Path, name: str) -> None:
    about = {"dimension": "arousal", "network": "elor", "factor": "language", "a": name, "b": "y", "what": "gain 6"}
    rest = {"difference": None, "ci_low": None, "ci_high": None, "p": 0.25, "p_holm": 1.0}
    moved = about | rest | {"speakers_a": 2, "speakers_b": 3, "speakers_both": 0}
    path = tmp_path / "metrics/across.json"
    write(path, Across.of(hold_out="corpus", transfer=(), alterations=[moved]), beside=tmp_path / "data")
    (back,) = read(Across, path).alterations
    assert (back.a, back.b, back.difference) == (name, "y", None)


def test_a_table_of_another_run_or_none_is_refused(path: Path) -> None:
    table = path.parents[1] / "data" / "bulk" / "doses.csv"
    text = table.read_text()
    table.write_text(text.replace("-0.25", "0.25", 1))
    with pytest.raises(UserError, match=r"doses\.csv is not the table that .*interventions\.json was written with"):
        read(Interventions, path)
    table.unlink()
    with pytest.raises(UserError, match=r"has its numbers in .*doses\.csv, which is absent: run dvc repro or dvc"):
        read(Interventions, path)
    table.write_text(text)
    assert whole(read(Interventions, path)) == whole(FOUND)


@pytest.mark.parametrize("tables", [[1], {"../x.csv": 3}, "all", {"../data/bulk/doses.csv": None}, {"a\0": "b"}])
def test_a_damaged_list_of_tables_is_refused_in_one_sentence(path: Path, tables: object) -> None:
    tree = json.loads(path.read_text())
    path.write_text(json.dumps(tree | {"tables": tables}))
    with pytest.raises(UserError, match=r"run dvc repro"):
        read(Interventions, path)


def test_every_file_of_an_invented_run_is_the_same_with_and_without_tables(tmp_path: Path) -> None:
    world = World(tmp_path / "run")
    for kind, name in ((Saliency, "saliency"), (Interventions, "interventions")):
        found = read(kind, world.metrics / f"{name}.json")
        write(tmp_path / f"{name}.json", found, beside=tmp_path / name)
        assert whole(read(kind, tmp_path / f"{name}.json")) == whole(found)
