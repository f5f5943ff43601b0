"""Workspaces, made once per target; a small corpus."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from typer.testing import CliRunner, Result

from elor.commands import app
from tests.worlds.run import make_workspace


@pytest.fixture(scope="session")
def workspace_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    return cache(lambda target: make_workspace(tmp_path_factory.mktemp(target), target))


@pytest.fixture(scope="session")
def workspace(workspace_of: Callable[[str], Path]) -> Path:
    return workspace_of("classes")


@pytest.fixture
def elor() -> Callable[..., Result]:
    """Run `elor` with arguments, on a terminal of so many columns; a bug keeps its traceback."""

    def run(*arguments: object, columns: int = 160) -> Result:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": str(columns)})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Three speakers, one file in stereo, one of two slices; labels 1..7, three classes."""
    rng, rows = np.random.default_rng(0), []
    for speaker in ("01", "02", "03"):
        for turn in range(4):
            seconds, channels = (10.0, 1) if turn == 3 else (0.5, 1 + (turn == 2))
            name = f"{speaker}_{turn}.wav"
            noise = rng.normal(scale=0.1, size=(int(seconds * 8000), channels))
            soundfile.write(tmp_path / name, noise, 8000)
            rows.append(
                {"file": name, "speaker": speaker, "valence": (1, 4, 7, 4)[turn], "arousal": (7, 1, 4, 7)[turn]}
            )
    pd.DataFrame(rows).to_csv(tmp_path / "manifest.csv", index=False)
    return tmp_path / "manifest.csv"
