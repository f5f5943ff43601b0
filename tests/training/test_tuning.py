"""data/tuning/<net>.yaml keeps every fold's values, whatever the folds are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from elor.params import Settings
from elor.training.tuning_file import Tuning

ODD = ("03", "1e3", "NA", "alpha", "no", "null", "x y", "~", "a: b", "# c", "é")


@pytest.mark.parametrize("nested", [False, True])
def test_folds_of_any_name_keep_their_values(tmp_path: Path, nested: bool) -> None:
    values = {name: Settings(hidden=[8], alpha=0.1 * (nested * place + 1)) for place, name in enumerate(ODD)}
    tuning = Tuning("ftr", "nested" if nested else "shared", None if nested else "03", values, {"alpha": "search"})
    tuning.write(tmp_path / "ftr.yaml")
    assert Tuning.read(tmp_path / "ftr.yaml") == tuning
    own = tuning.selected["values"]
    assert (set(own) == set(ODD)) == nested
    assert (own["alpha"] if nested else own) == {"hidden": [8], "alpha": pytest.approx(0.4 if nested else 0.1)}
