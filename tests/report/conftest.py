"""Findings of an invented run."""

from __future__ import annotations

from pathlib import Path

import pytest

from elor.report.findings import Findings
from elor.report.page import Making, report
from tests.report.world import World


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def found(world: World) -> Findings:
    return read(world)


@pytest.fixture
def making() -> Making:
    return Making({"seed": 7, "corpus": {"path": "data/demo.yaml"}}, {"elor": {"stride": 8}}, ["numpy==2.4.6"])


def read(world: World) -> Findings:
    return Findings.read(world.metrics, world.data, world.plots, world.heads)


def invented(folder: Path, kind: str) -> Findings:
    """Runs of other targets, and one without the analysis."""
    if kind == "emotion":
        return read(World(folder, heads=("emotion",)))
    if kind == "regression":
        return read(World(folder, values=True))
    return read(World(folder, analysed=False))


@pytest.fixture(scope="session")
def text(found: Findings) -> str:
    return report(found, Making({"seed": 7}, {"elor": {"stride": 8}}, ["numpy==2.4.6"]))
