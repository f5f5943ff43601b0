"""The toy experiment's tables and arrays, made once."""

from pathlib import Path

import pandas as pd
import pytest

from tests.worlds import toy


@pytest.fixture(scope="session")
def slices() -> pd.DataFrame:
    return toy.tables()


@pytest.fixture(scope="session")
def files(slices: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return toy.write_inputs(tmp_path_factory.mktemp("inputs"), slices)


@pytest.fixture(autouse=True)
def _scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unfinished work of one test is never found by another."""
    monkeypatch.setenv("ELOR_SCRATCH", str(tmp_path / "scratch"))
