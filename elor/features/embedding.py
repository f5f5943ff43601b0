"""Vectors of slices by somebody's pretrained network: the mean over time of what one of its layers answers.

A slice is heard without its padding and without its neighbours, so that a vector depends on nothing but its own sound.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from elor.audio import FULL_SCALE
from elor.device import exact
from elor.errors import UserError
from elor.progress import track

LEAST_SAMPLES = 1_600
"""A shorter slice, a tenth of a second, is filled up to this: strided convolutions need some sound."""


def embedded(
    model: nn.Module, audio: np.ndarray, slices: pd.DataFrame, layer: int | None = None, device: str = "cpu"
) -> np.ndarray:
    """Let a network hear every slice.

    Args:
        model: from float32 (1, samples) at 16 kHz, in [-1, 1], to (1, frames, width), or to a tuple that begins with
            it, as torchaudio's wav2vec 2.0, HuBERT and WavLM do.
        audio: int16 (slices, 96000), `data/slices.npy`.
        slices: rows of `slices.csv`, which know how many samples are not padding.
        layer: number of the transformer layer whose output counts, from 1; the model then needs torchaudio's method
            `extract_features`. None: what the model returns.
        device: where to compute.

    Returns:
        float32 (slices, width).

    Raises:
        UserError: if the model cannot hear a slice, or answers something else.
    """
    model, found = model.eval().to(device), []
    with exact(), torch.inference_mode():
        for row, samples in track(enumerate(slices["samples"]), "Vectors", len(slices), "slice"):
            sound = torch.from_numpy(audio[row, : max(samples, LEAST_SAMPLES)] / np.float32(FULL_SCALE))
            try:
                answer = _frames(model, sound[None].to(device), layer)
            except (RuntimeError, ValueError, TypeError, AttributeError, IndexError) as error:
                reason = " ".join(str(error).split())[:200]
                raise UserError(f"The network cannot hear {slices['slice'].iloc[row]} ({reason}).") from None
            if not isinstance(answer, Tensor) or answer.dim() != 3 or len(answer) != 1 or not answer.shape[1]:
                kind = tuple(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
                raise UserError(f"The network answers {kind}; expected are (1, frames, width) numbers.")
            found.append(answer[0].float().mean(0).cpu().numpy())
    return np.stack(found)


def _frames(model: Any, sound: Tensor, layer: int | None) -> Any:
    answer = model(sound) if layer is None else model.extract_features(sound, num_layers=layer)
    answer = answer[0] if isinstance(answer, tuple) else answer
    return answer[-1] if isinstance(answer, list) else answer


def write_table(path: Path, slices: pd.DataFrame, vectors: np.ndarray) -> None:
    """Write vectors as a table that `elor.features.table` reads.

    Raises:
        UserError: if the disk is full.
    """
    from elor.files import replacing

    with replacing(path) as part, part.open("wb") as stream:
        np.savez(stream, slice=slices["slice"].to_numpy(str), vectors=vectors)
