"""Columns of pixels: nothing loud may be lost, nothing may be invented."""

from __future__ import annotations

import base64
from itertools import pairwise

import numpy as np
import pytest

from elor.explain.occlusion import starts
from elor.report.downsample import columns, full_colour, packed, pooled, spread, strongest


@pytest.mark.parametrize(("samples", "count"), [(96_000, 1_400), (1_000, 7), (5, 10), (1, 1)])
def test_columns_are_lowest_and_highest_of_every_stretch(samples: int, count: int) -> None:
    values = np.random.default_rng(1).normal(size=samples)
    found = columns(values, count)
    edges = np.linspace(0, samples, min(samples, count) + 1).astype(int)
    expected = [(values[a:b].min(), values[a:b].max()) for a, b in pairwise(edges)]
    np.testing.assert_array_equal(found, expected)


def test_a_single_click_is_seen_at_any_width() -> None:
    values = np.zeros(96_000)
    values[54_321] = -0.7
    for count in (100, 1_400, 24_000):
        assert columns(values, count).min() == -0.7
        assert strongest(values, count).min() == -0.7
        assert (strongest(values, count) != 0).sum() == 1


def test_full_colour_does_not_hang_on_one_sample() -> None:
    values = np.append(np.full(999, 0.1), 50.0)
    assert full_colour(values) == pytest.approx(0.1)
    assert full_colour(np.zeros(10)) == 1.0
    assert full_colour(np.append(np.zeros(9_999), 3.0)) == 3.0  # all but one are zero


def test_occlusion_per_sample_is_the_mean_of_the_windows_that_cover_it() -> None:
    assert starts(10, window=4, hop=2) == [0, 2, 4, 6]
    found = spread([1.0, 3.0, 5.0, 9.0], 10, window=4, hop=2)
    np.testing.assert_allclose(found, [1, 1, 2, 2, 4, 4, 7, 7, 9, 9])


def test_pooling_keeps_the_sum() -> None:
    matrix = np.arange(35.0).reshape(7, 5)
    found = pooled(matrix, 2, 2)
    assert found.shape == (4, 3)
    assert found.sum() == matrix.sum()
    assert found[0, 0] == 0 + 1 + 5 + 6
    assert found[3, 2] == 34


def test_packed_numbers_come_back_within_half_a_level() -> None:
    values = np.random.default_rng(2).normal(size=500) * 3e-4
    found = packed(values)
    levels = np.frombuffer(base64.b64decode(found["bytes"]), dtype=np.int8)
    np.testing.assert_allclose(levels / 127 * found["scale"], values, atol=found["scale"] / 254 * 1.001)
    assert packed(np.zeros(3))["scale"] == 1.0
