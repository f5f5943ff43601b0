"""Deletion and insertion: do the parts that a map ranks first carry the answer more than others do?

Segments are taken away, or left alone, in the order of a map. That an order beats a random one says little, since loud
parts carry more of everything; it must beat loudest-first too (Petsiuk et al., "RISE", 2018, for the curves; the
loudness baseline is ours). What stands in their place is digital silence, which no microphone records, and beside it a
noise floor: what holds for one of them only is about the mask.
"""

from collections.abc import Mapping
from contextlib import nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elor.explain.attribution import SEGMENT, segment_sums
from elor.explain.integrated import noise_like
from elor.explain.model import blaming, logits_of, prepared
from elor.explain.repeatability_checks import repeatable

LEVELS = (0.05, 0.1, 0.2, 0.4, 0.6)
"""Shares of the segments that are deleted or inserted."""

MEASURES = ("deletion", "insertion", "noise deletion", "noise insertion")
"""What an order is measured by: with silence in place of what is taken away, and with noise at -60 dBFS."""


def points(measure: str) -> dict[str, str]:
    """By each of `LEVELS`, in %, what a measure's value at it is called: its curve."""
    return {f"{100 * level:g}": f"{measure} {level}" for level in LEVELS}


def from_windows(drops: Tensor) -> Tensor:
    """Scores of 50-ms segments from those of 100-ms windows every 50 ms: the mean of the windows that cover one.

    Shape:
        (..., windows) -> (..., windows + 1)
    """
    before, after = F.pad(drops, (0, 1), value=torch.nan), F.pad(drops, (1, 0), value=torch.nan)
    return torch.stack([before, after]).nanmean(0)


def baselines(signal: Tensor, seed: int, segment: int = SEGMENT) -> dict[str, Tensor]:
    """The orders that a map must beat, as scores (segments,): `random`, and `loudest` first."""
    energy = segment_sums(signal.square(), segment)
    random = torch.rand(energy.shape, generator=torch.Generator().manual_seed(seed))
    return {"random": random.to(energy), "loudest": energy}


def erasure(
    model: nn.Module,
    signal: Tensor,
    head: str,
    target: int,
    scores: Mapping[str, Tensor],
    support: int,
    segment: int = SEGMENT,
    seed: int = 0,
    trusted: bool = False,
    either_way: bool = False,
) -> dict[str, dict[str, float]]:
    """Mean fall of the logit by deletion, and mean rise by insertion, over `LEVELS`; the more, the better the order.

    Args:
        model: see `elor.explain.model`.
        signal: (samples,).
        head, target: whose logit is watched.
        scores: by order, (segments,): what is taken away (or kept) first has the highest score.
        support: samples before the padding; only segments that begin there count.
        segment: samples per segment.
        seed: of the noise.
        trusted: the model is known to mind nothing but the signal, and is not asked whether it does.
        either_way: count every change by its size, be it a fall or a rise: of a value, not of a class.

    Returns:
        By order and measure (`MEASURES`) z(x) - mean z(x without its first segments), and mean z(its first segments
        alone) - z(the mask alone); and the same at each level, by the names of `points`.
    """
    count = -(-support // segment)
    masks = [
        _mask(value[:count], max(1, round(level * count)), segment, signal)
        for value in scores.values()
        for level in LEVELS
    ]
    first = torch.stack(masks)
    (noise,) = noise_like(signal[None], seed=seed, supports=[support])
    measured, curves = list[Tensor](), list[Tensor]()
    asking = nullcontext(model) if trusted else repeatable(model, signal[None, None], len(masks), alone=True)
    with prepared(model), asking as model, torch.no_grad():
        for mask in (torch.zeros_like(signal), noise):
            batches = torch.stack([signal, mask]), torch.where(first, mask, signal), torch.where(first, signal, mask)
            with blaming("parts of the sound alone, or on what stands for the others", "it seems to need sound"):
                (full, empty), *rest = (logits_of(model, batch[:, None])[head][:, target] for batch in batches)
            deleted, inserted = (value.reshape(-1, len(LEVELS)) for value in rest)
            if either_way:
                curves += [(full - deleted).abs(), (inserted - empty).abs()]
                measured += [curve.mean(1) for curve in curves[-2:]]
                continue
            measured += [full - deleted.mean(1), inserted.mean(1) - empty]
            curves += [full - deleted, inserted - empty]
    rows = torch.cat([torch.stack(measured, dim=1), *curves], dim=1).tolist()
    names = [*MEASURES, *(name for measure in MEASURES for name in points(measure).values())]
    return {order: dict(zip(names, row, strict=True)) for order, row in zip(scores, rows, strict=True)}


def _mask(scores: Tensor, most: int, segment: int, signal: Tensor) -> Tensor:
    """Samples of the segments with the highest scores, (samples,) bool."""
    chosen = torch.zeros(-(-len(signal) // segment), dtype=torch.bool, device=signal.device)
    chosen[scores.topk(most).indices] = True
    return chosen.repeat_interleave(segment)[: len(signal)]
