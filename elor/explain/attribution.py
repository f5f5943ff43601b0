"""Saliency in the time domain by one backward pass: the plain gradient, and input times gradient by segments."""

import torch.nn.functional as F
from torch import Tensor, nn

from elor.explain.heads import each_head, merged
from elor.explain.input_gradients import input_gradients
from elor.explain.model import Heads, Targets, prepared, signals
from elor.explain.repeatability_checks import checked

SEGMENT = 800
"""50 ms at 16 kHz, about the span of one or two periods of a voice and short against a syllable."""


def gradient(model: nn.Module, audio: Tensor, targets: Targets | None = None) -> Heads:
    """dz_c/dx of every head, z_c the logit of the predicted class, or of a given one.

    Reference: Simonyan et al., "Deep inside convolutional networks", 2014 (signed here, not its magnitude).

    Args:
        model: from (batch, 1, samples) to logits, see `elor.explain.model`. Left as it was found.
        audio: (batch, 1, samples); an array of real numbers is taken as well.
        targets: per head the class of each signal, (batch,), or one for all; absent heads: the predicted class.

    Returns:
        Per head (batch, samples). Of several heads those that are refused are left out, with a warning
        (`elor.explain.heads.LeftOut`).

    Raises:
        UserError: if the shapes are others, a head or a class does not exist, the gradient is not finite or not how the
            answer changes, or the answer depends on chance, company or history.
    """
    audio = signals(model, audio)

    def ask(model: nn.Module, targets: Targets | None) -> Heads:
        with prepared(model), checked(model, audio, targets, len(audio)):
            return {name: found for name, found, _ in input_gradients(model, audio, targets)}

    return merged(each_head(ask, model, audio, targets))


def segment_saliency(model: nn.Module, audio: Tensor, targets: Targets | None = None, segment: int = SEGMENT) -> Heads:
    """Input times gradient, summed over segments: the derivative of the logit by the log gain of each segment.

    With x_s scaled by exp(g_s), dz/dg_s at g = 0 is the sum of x dz/dx over segment s. Unlike a sample's gradient this
    answers a question that can be put to an ear: what if this part were louder?

    Args:
        segment: samples per segment; the last one may be shorter. The others as in `gradient`.

    Returns:
        Per head (batch, ceil(samples / segment)).
    """
    audio = signals(model, audio)
    found = gradient(model, audio, targets)
    return {name: segment_sums(value * audio[:, 0], segment) for name, value in found.items()}


def segment_sums(values: Tensor, segment: int = SEGMENT) -> Tensor:
    """Sum over consecutive segments: (batch, samples) -> (batch, ceil(samples / segment))."""
    short = -values.shape[-1] % segment
    return F.pad(values, (0, short)).unflatten(-1, (-1, segment)).sum(-1)
