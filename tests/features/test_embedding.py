"""Vectors of slices by a pretrained network: a small random wav2vec 2.0, since no weights can be had here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torchaudio
from torch import nn

from elor.errors import UserError
from elor.features.embedding import embedded, write_table
from elor.features.table import vectors_of

from .speech import pseudo_speech

SAMPLES = [96_000, 40_000, 700]


def wav2vec2() -> nn.Module:
    """torchaudio's wav2vec 2.0 at a hundredth of its size."""
    torch.manual_seed(0)
    return torchaudio.models.wav2vec2_model(
        extractor_mode="group_norm",
        extractor_conv_layer_config=[(8, 10, 5), (8, 3, 2), (8, 3, 2), (8, 3, 2), (8, 2, 2)],
        extractor_conv_bias=False,
        encoder_embed_dim=16,
        encoder_projection_dropout=0.1,
        encoder_pos_conv_kernel=16,
        encoder_pos_conv_groups=4,
        encoder_num_layers=3,
        encoder_num_heads=2,
        encoder_attention_dropout=0.1,
        encoder_ff_interm_features=32,
        encoder_ff_interm_dropout=0.1,
        encoder_dropout=0.1,
        encoder_layer_norm_first=False,
        encoder_layer_drop=0.1,
        aux_num_out=None,
    )


@pytest.fixture(scope="module")
def slices() -> pd.DataFrame:
    return pd.DataFrame({"slice": ["a_0", "a_1", "b_0"], "utterance": ["a", "a", "b"], "samples": SAMPLES})


@pytest.fixture(scope="module")
def audio() -> np.ndarray:
    sound = pseudo_speech(3)
    for row, samples in enumerate(SAMPLES):
        sound[row, samples:] = 0
    return sound


@pytest.mark.parametrize("layer", [None, 1, 3])
def test_a_vector_is_the_mean_over_the_frames_of_the_slice_alone(
    audio: np.ndarray, slices: pd.DataFrame, layer: int | None
) -> None:
    model = wav2vec2()
    found = embedded(model, audio, slices, layer)
    assert found.shape == (3, 16)
    assert found.dtype == np.float32
    with torch.inference_mode():
        for row, samples in enumerate(
            [96_000, 40_000, 1_600]
        ):  # a slice of 700 samples is filled up to a tenth of a second
            sound = torch.from_numpy(audio[row : row + 1, :samples].astype(np.float32) / 32_768)
            every = model.eval().extract_features(sound)[0]
            frames = model(sound)[0] if layer is None else every[layer - 1]
            np.testing.assert_allclose(found[row], frames[0].numpy().mean(0), atol=1e-6)
    assert np.ptp(found, axis=0).min() > 1e-4  # it listens
    np.testing.assert_array_equal(embedded(model, audio, slices, layer), found)  # and drops nothing out
    padded = audio.copy()
    padded[1, 40_000:] = 999
    np.testing.assert_array_equal(embedded(model, padded, slices, layer), found)  # what follows the slice is not heard


def test_answers_in_whole_numbers_have_a_mean_too(audio: np.ndarray, slices: pd.DataFrame) -> None:
    """As units of a quantiser."""

    class Units(nn.Module):
        def forward(self, sound: torch.Tensor) -> torch.Tensor:
            return torch.tensor([[[1, 4], [2, 4]]])

    np.testing.assert_array_equal(embedded(Units(), audio, slices), [[1.5, 4]] * 3)


def test_the_table_goes_into_the_pipeline(tmp_path: Path, audio: np.ndarray, slices: pd.DataFrame) -> None:
    vectors = embedded(wav2vec2(), audio, slices)
    write_table(tmp_path / "w.npz", slices, vectors)
    back, names = vectors_of(tmp_path / "w.npz", slices.iloc[::-1])
    np.testing.assert_array_equal(back, vectors[::-1])
    assert names[-1] == "vectors_15"


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (nn.Flatten(), r"answers \(1, 96000\); expected are \(1, frames, width\)"),
        (nn.Conv1d(2, 3, 9), "cannot hear a_0"),
        (nn.LSTM(96_000, 3), r"answers \(1, 3\); expected"),
    ],
)
def test_a_network_of_another_kind_is_a_sentence(
    audio: np.ndarray, slices: pd.DataFrame, model: nn.Module, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        embedded(model, audio, slices)


def test_a_layer_that_it_has_not_is_a_sentence(audio: np.ndarray, slices: pd.DataFrame) -> None:
    for layer in (0, 4):
        with pytest.raises(UserError, match="cannot hear a_0"):
            embedded(wav2vec2(), audio, slices, layer)
    with pytest.raises(UserError, match="cannot hear a_0"):
        embedded(nn.Conv1d(1, 3, 9), audio, slices, 1)
