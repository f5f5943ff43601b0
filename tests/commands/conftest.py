"""Workspaces, made once per target."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
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
