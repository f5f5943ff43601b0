"""The device of these tests: a GPU; for a rehearsal of the tests themselves `ELOR_CUDA_TESTS_ON=cpu` names another."""

import os
from pathlib import Path

import pandas as pd
import pytest
import torch

from tests.worlds import toy

DEVICE = os.environ.get("ELOR_CUDA_TESTS_ON", "cuda")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if DEVICE.startswith("cuda") and not torch.cuda.is_available():
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture(scope="session")
def device() -> str:
    return DEVICE


@pytest.fixture(scope="session")
def slices() -> pd.DataFrame:
    """Labels of every target: classes, values, shares of the raters, emotions."""
    table = toy.tables()
    names = ("valence", "arousal")
    shares = {f"{name}_p{k}": (table[name] == k) * 0.7 + 0.1 for name in names for k in range(3)}
    return table.assign(**shares, emotion=(table["valence"] + table["arousal"]) % 4)


@pytest.fixture(scope="session")
def files(slices: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return toy.write_inputs(tmp_path_factory.mktemp("inputs"), slices)
