"""Slices to alter, made once; jobs run in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from elor.engine import Engine
from tests.explain.altered import write_speech
from tests.worlds.slices import Slices


@pytest.fixture(scope="session")
def speech_corpus(tmp_path_factory: pytest.TempPathFactory) -> Slices:
    return write_speech(tmp_path_factory.mktemp("speech"))


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Jobs run in this process."""

    def run(self: Engine, function: Callable, jobs: list[tuple], finished: Callable[[int, object], None]) -> list:
        found = []
        for index, job in enumerate(jobs):
            found.append(function(*job))
            finished(index, found[-1])
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ELOR_SCRATCH", str(tmp_path_factory.mktemp("scratch")))
        patch.setattr(Engine, "run", run)
        yield
