"""Networks that this project did not make: transformers without ReLU, and a classifier that is no network at all."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from elor.errors import UserError
from elor.explain.attribution import gradient, segment_saliency
from elor.explain.erasure import MEASURES, erasure
from elor.explain.guided import guided_backprop
from elor.explain.integrated import integrated_gradients
from elor.explain.occlusion import band_occlusion, occlusion

RATE = 16_000


class Wav2Vec2(nn.Module):
    """torchaudio's wav2vec2 architecture, tiny, with a linear head on the mean over time."""

    def __init__(self) -> None:
        super().__init__()
        from torchaudio.models import wav2vec2_model

        self.encoder = wav2vec2_model(
            extractor_mode="layer_norm",
            extractor_conv_layer_config=[(16, 10, 5), (16, 8, 4), (16, 4, 4)],
            extractor_conv_bias=False,
            encoder_embed_dim=16,
            encoder_projection_dropout=0.1,
            encoder_pos_conv_kernel=8,
            encoder_pos_conv_groups=2,
            encoder_num_layers=1,
            encoder_num_heads=2,
            encoder_attention_dropout=0.1,
            encoder_ff_interm_features=16,
            encoder_ff_interm_dropout=0.1,
            encoder_dropout=0.1,
            encoder_layer_norm_first=True,
            encoder_layer_drop=0.0,
            aux_num_out=None,
        )
        self.head = nn.Linear(16, 3)

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(audio[:, 0])[0].mean(1))


@pytest.mark.long
def test_a_transformer_with_gelu_is_refused_by_guided_backprop_only() -> None:
    torch.manual_seed(0)
    model, audio = Wav2Vec2(), 0.1 * torch.randn(2, 1, RATE // 2)
    with pytest.raises(UserError, match="also uses GELU"):
        guided_backprop(model, audio)
    assert model.training  # as it was, after a refusal too
    assert gradient(model, audio)["output"].abs().max() > 0
    assert segment_saliency(model, audio)["output"].shape == (2, 10)
    path = integrated_gradients(model, audio, baseline=0.1 * torch.randn(2, 1, RATE // 2), steps=32, most=128)
    assert path.error()["output"].max() < 0.05
    # layer normalisation makes silence a singular point: a path from there is not complete, and says so
    assert integrated_gradients(model, audio, steps=4, most=4).error()["output"].max() > 0.05
    assert occlusion(model, audio)["output"].abs().max() > 0
    assert band_occlusion(model, audio)["output"].shape == (2, 26)


class Functionals(nn.Module):
    """A scikit-learn classifier on the energy of the two halves of a signal: nothing to differentiate."""

    def __init__(self) -> None:
        super().__init__()
        rng = np.random.default_rng(0)
        energy = rng.random((200, 2))
        self.classifier = LogisticRegression().fit(energy, energy[:, 1] > 0.5)

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        halves = audio[:, 0].detach().unflatten(1, (2, -1)).square().mean(-1)
        score = self.classifier.decision_function(halves.numpy())
        return torch.from_numpy(np.stack([-score, score], axis=1)).float()


def test_a_classifier_outside_torch_is_explained_by_occlusion_alone() -> None:
    audio = torch.ones(1, 1, RATE)
    for method in (gradient, guided_backprop, integrated_gradients):
        with pytest.raises(UserError, match="try occlusion"):
            method(Functionals(), audio)
    drops = occlusion(Functionals(), audio)["output"][0]
    assert drops[-9:].min() > 10 * drops[:9].abs().max()
    orders = {"map": torch.arange(20.0), "against": -torch.arange(20.0)}
    found = erasure(Functionals(), audio[0, 0], "output", 1, orders, support=RATE)
    for measure in MEASURES[:1] + MEASURES[2:3]:
        assert found["map"][measure] > found["against"][measure]
