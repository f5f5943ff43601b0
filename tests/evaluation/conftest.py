"""Fixtures of the evaluation's tests."""

import pytest

from tests.worlds.tables import World, make_world


@pytest.fixture
def world() -> World:
    return make_world()
