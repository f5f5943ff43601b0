"""What the input `is10` holds: its file, and what is refused."""

import json
from pathlib import Path
from typing import get_args

import pytest

from elor.errors import UserError
from elor.params import FeatureSet
from elor.vectors import IS10, SETS, Vectors


def test_every_set_that_params_allow_has_a_width() -> None:
    assert set(get_args(FeatureSet)) == set(SETS)
    assert Vectors("IS10", SETS["IS10"]) == IS10


@pytest.mark.parametrize("vectors", [IS10, Vectors("eGeMAPSv02", 88), Vectors("wavlm.parquet", 768, table=True)])
def test_they_come_back_from_disk(tmp_path: Path, vectors: Vectors) -> None:
    vectors.write(tmp_path / "is10.json")
    assert Vectors.read(tmp_path / "is10.json") == vectors


@pytest.mark.parametrize(
    "value",
    [
        [],
        {"name": "IS10"} | {"size": 3},
        {"name": "IS11", "width": 88, "table": False},  # no set of ours, and no table
        {"name": "IS10", "width": 88.0, "table": False},
        {"name": "IS10", "width": True, "table": False},
        {"name": "IS10", "width": 0, "table": False},
        {"name": "IS10", "width": 2**40, "table": False},
        {"name": 3, "width": 88, "table": True},
        {"name": "a.csv", "width": 88, "table": 1},
    ],
)
def test_a_damaged_file_is_a_sentence(tmp_path: Path, value: object) -> None:
    path = tmp_path / "is10.json"
    path.write_text(json.dumps(value))
    with pytest.raises(UserError, match=r"is10\.json cannot be read .*; run dvc repro"):
        Vectors.read(path)
    path.unlink()
    with pytest.raises(UserError, match="run dvc repro"):
        Vectors.read(path)
