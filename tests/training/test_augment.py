"""Altered training slices: by how much, of what, and that nothing else decides."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from elor.engine import Engine
from elor.features.slices import SLICE_SAMPLES
from elor.training import loop
from elor.training.augment import GAIN_DB, MOST_COEFFICIENTS, MOST_TIME, SNR_DB, augmented
from elor.training.train import place
from tests.worlds import toy

ROWS = list(range(40))
AUDIO = torch.from_numpy(np.random.default_rng(0).normal(size=(40, 1, 4_000)).astype(np.float32)) / 10
MFCC = torch.from_numpy(np.random.default_rng(1).normal(size=(40, 26, 200)).astype(np.float32))
VECTORS = torch.ones(40, 7)


def altered(
    value: torch.Tensor,
    name: str,
    how: str,
    rows: list[int] = ROWS,
    seed: int = 1,
    epoch: int = 3,
    sounding: float = 1.0,
) -> torch.Tensor:
    return augmented([value], [name], rows, [sounding] * len(rows), how, seed, epoch)[0]


def test_gain_scales_a_slice_by_up_to_six_decibels() -> None:
    ratio = altered(AUDIO, "audio", "gain") / AUDIO
    assert (ratio.amax((1, 2)) - ratio.amin((1, 2))).max() < 1e-5  # one factor per slice
    decibels = 20 * ratio.mean((1, 2)).log10()
    assert decibels.abs().max() <= GAIN_DB + 1e-4
    assert decibels.min() < -3
    assert decibels.max() > 3


def test_noise_lies_so_far_below_the_slice() -> None:
    noise = altered(AUDIO, "audio", "noise") - AUDIO
    snr = 20 * (AUDIO.square().mean((1, 2)).sqrt() / noise.square().mean((1, 2)).sqrt()).log10()
    assert SNR_DB[0] - 0.2 < snr.min() < SNR_DB[0] + 5
    assert SNR_DB[1] - 5 < snr.max() < SNR_DB[1] + 0.2
    assert abs(np.corrcoef(noise[0, 0], noise[1, 0])[0, 1]) < 0.1  # every slice has its own


@pytest.mark.parametrize(("value", "name"), [(AUDIO, "audio"), (MFCC, "mfcc")])
def test_a_mask_is_one_piece_and_some_neighbouring_coefficients(value: torch.Tensor, name: str) -> None:
    channels, time = value.shape[1:]
    widths, heights = [], []
    for one, was in zip(altered(value, name, "mask"), value, strict=True):
        changed = one != was
        torch.testing.assert_close(one[changed], was.mean(1, keepdim=True).expand_as(was)[changed])
        rows = changed.float().mean(1) > 0.9
        columns = (changed[~rows].all(0) if channels > 1 else changed[0]).nonzero().flatten()
        assert columns.numel() == 0 or columns[-1] - columns[0] + 1 == columns.numel()
        widths.append(columns.numel())
        heights.append(int(rows.sum()))
        assert changed[~rows].sum() == columns.numel() * (~rows).sum()  # nothing beside the two
    assert 0.07 * time < max(widths) <= MOST_TIME * time
    assert max(heights) == (MOST_COEFFICIENTS if channels > 1 else 0)


@pytest.mark.parametrize(("value", "name"), [(AUDIO, "audio"), (MFCC, "mfcc")])
def test_padding_is_left_alone_and_decides_nothing(value: torch.Tensor, name: str) -> None:
    """As if the slice ended where its sound does."""
    short = value.shape[2] // 4
    padded = value.clone()
    padded[:, :, short:] = 0.25
    found = altered(padded, name, "all", sounding=0.25)
    assert torch.equal(found[:, :, short:], padded[:, :, short:])
    torch.testing.assert_close(found[:, :, :short], altered(value[:, :, :short], name, "all"))


def test_only_seed_epoch_and_slice_decide() -> None:
    every = altered(AUDIO, "audio", "all")
    backwards = altered(AUDIO.flip(0), "audio", "all", ROWS[::-1])
    assert torch.equal(backwards.flip(0), every)
    assert torch.equal(altered(AUDIO[7:8], "audio", "all", [7]), every[7:8])
    for other in ({"seed": 2}, {"epoch": 4}):
        assert not torch.isclose(altered(AUDIO, "audio", "all", **other), every).all((1, 2)).any()


def test_vectors_stay_and_mfccs_have_no_gain() -> None:
    assert altered(VECTORS, "is10", "all") is VECTORS
    assert torch.equal(altered(MFCC, "mfcc", "gain"), MFCC)


@pytest.mark.parametrize("network", ["elor", "lom"])
def test_it_trains_on_them_and_is_judged_on_slices_as_they_are(
    network: str, files: dict[str, Path], slices: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[list[int], int]] = []
    honest = augmented

    def noting(batch, names, rows, sounding, how, seed, epoch):
        seen.append((rows, epoch))
        assert sounding.tolist() == (slices["samples"] / SLICE_SAMPLES)[rows].tolist()
        return honest(batch, names, rows, sounding, how, seed, epoch)

    monkeypatch.setattr(loop, "augmented", noting)
    how = toy.TRAIN.model_copy(update={"augment": "all"})
    task = toy.task(network, files, slices, how=how, epochs=2)
    job = place([task.job("S00", toy.settings(network))], Engine("cpu"))[0]
    found = loop.train(job)
    assert {row for rows, _ in seen for row in rows} == set(job.train.tolist())
    assert {epoch for _, epoch in seen} == {0, 1}
    plain = loop.train(replace(job, options=replace(job.options, augment="none"), scratch=job.scratch / "plain"))
    assert [row["score"] for row in found.history] != [] != plain.history
    assert not all(torch.equal(value, plain.tensors[name]) for name, value in found.tensors.items())
