"""Deletion and insertion: do the parts that a map ranks first carry the answer more than others do?

Segments are silenced, or left alone in silence, in the order of a map. That an order beats a random one says little,
since loud parts carry more of everything; it must beat loudest-first too (Petsiuk et al., "RISE", 2018, for the
curves; the loudness baseline is ours).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elor.explain.attribution import SEGMENT, segment_sums
from elor.explain.model import logits_of, prepared

LEVELS = (0.05, 0.1, 0.2, 0.4, 0.6)
"""Shares of the segments that are deleted or inserted."""


def from_windows(drops: Tensor) -> Tensor:
    """Scores of 50-ms segments from those of 100-ms windows every 50 ms: the mean of the windows that cover one.

    Shape:
        (windows,) -> (windows + 1,)
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
) -> dict[str, tuple[float, float]]:
    """Mean fall of the logit by deletion, and mean rise by insertion, over `LEVELS`; the more, the better the order.

    Args:
        model: see `elor.explain.model`.
        signal: (samples,).
        head, target: whose logit is watched.
        scores: by order, (segments,): what is silenced (or kept) first has the highest score.
        support: samples before the padding; only segments that begin there count.
        segment: samples per segment.

    Returns:
        By order z(x) - mean z(x without its first segments), and mean z(its first segments alone) - z(silence).
    """
    count = -(-support // segment)
    masks = [
        _mask(value[:count], max(1, round(level * count)), segment, signal)
        for value in scores.values()
        for level in LEVELS
    ]
    first = torch.stack(masks)
    whole = torch.stack([signal, torch.zeros_like(signal)])
    batches = [whole, signal * ~first, signal * first]
    with prepared(model), torch.no_grad():
        logits = [logits_of(model, batch[:, None])[head][:, target] for batch in batches]
    (full, silent), deleted, inserted = logits[0], *(value.reshape(-1, len(LEVELS)).mean(1) for value in logits[1:])
    falls, rises = (full - deleted).tolist(), (inserted - silent).tolist()
    return {order: pair for order, pair in zip(scores, zip(falls, rises, strict=True), strict=True)}


def _mask(scores: Tensor, most: int, segment: int, signal: Tensor) -> Tensor:
    """Samples of the segments with the highest scores, (samples,) bool."""
    chosen = torch.zeros(-(-len(signal) // segment), dtype=torch.bool, device=signal.device)
    chosen[scores.topk(most).indices] = True
    return chosen.repeat_interleave(segment)[: len(signal)]
