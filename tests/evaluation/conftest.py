"""Fixtures of the evaluation's tests."""

import pytest

from .world import World, make_world


@pytest.fixture
def world() -> World:
    return make_world()
