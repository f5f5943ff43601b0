"""Integrated gradients in time, in frequency and in both, all from one average of the gradient along a path.

From a baseline x' to the signal x: attribution_i = (x_i - x'_i) g_i, with g the mean of dz/dx over the straight path
(Sundararajan et al., "Axiomatic attribution for deep networks", 2017). The sum over i is z(x) - z(x'): completeness,
which measures the error of the numerical integral. A linear change of basis keeps the sum: with D and G the Fourier
transforms of x - x' and g, Parseval's theorem gives attribution_k = Re(D_k conj(G_k)) / N, without further passes.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elor.errors import UserError
from elor.explain.doubts import Doubt
from elor.explain.heads import each_head, merged
from elor.explain.input_gradients import Forward
from elor.explain.model import Heads, Targets, at, blaming, logits_of, prepared, signals, targets_of
from elor.explain.repeatability_checks import checked

STEPS = 64
TOLERANCE = 0.01
REMEDY = "try another one: baseline=noise_like(audio), or try occlusion"
LARGE = 0.1
"""Completeness error from which there is a warning."""
NOISE_FLOOR = 10 ** (-60 / 20)
"""RMS of the noise baseline: -60 dB below full scale."""

FRAME, HOP = 400, 160
"""25-ms frames every 10 ms at 16 kHz, as for MFCCs."""


def frames_at(rate: int) -> tuple[int, int]:
    """Samples of a frame, an even number, and from one to the next, at that rate."""
    return FRAME * rate // 16_000 // 2 * 2, HOP * rate // 16_000


class Incomplete(Doubt):
    """Integrated gradients whose sum is far from what they should explain."""


@dataclass(frozen=True)
class Path:
    """The mean gradient along the path from a baseline to a signal, and what follows from it.

    Attributes:
        difference: x - x', (batch, samples).
        gradients: per head the mean gradient, (batch, samples).
        change: per head z(x) - z(x'), (batch,).
        steps: per signal the number of steps taken, the most of its heads, (batch,).
    """

    difference: Tensor
    gradients: Heads
    change: Heads
    steps: Tensor

    def time(self) -> Heads:
        """Attribution to each sample; per head (batch, samples)."""
        return {name: self.difference * value for name, value in self.gradients.items()}

    def frequency(self) -> Heads:
        """Attribution to each frequency k / N, both signs together; per head (batch, N // 2 + 1)."""
        return {name: _cross(self.difference, value) for name, value in self.gradients.items()}

    def stft(self, frame: int = FRAME, hop: int = HOP) -> Heads:
        """Attribution to each frame and frequency of a short-time Fourier transform; per head (batch, frames, bins).

        The Hann window w enters squared: with C = sum_f w_f^2 > 0, x = sum_f w_f^2 x / C, so the sum over frames of
        the spectra of w_f x times those of w_f g / C is complete. The first frame is centred on the first sample.
        """
        window = torch.hann_window(frame, dtype=self.difference.dtype, device=self.difference.device)
        samples = self.difference.shape[-1]
        padding = (frame // 2, frame // 2 + -samples % hop)

        def framed(values: Tensor) -> Tensor:
            return F.pad(values, padding).unfold(-1, frame, hop)

        ones = torch.ones(1, 1, samples + sum(padding), dtype=window.dtype, device=window.device)
        frames = ones.unfold(-1, frame, hop).shape[2]
        weight = torch.zeros(samples + sum(padding), dtype=window.dtype, device=window.device)
        for index in range(frames):
            weight[index * hop : index * hop + frame] += window**2
        cover = weight[padding[0] : padding[0] + samples]
        return {
            name: _cross(framed(self.difference) * window, framed(value / cover) * window)
            for name, value in self.gradients.items()
        }

    def error(self) -> Heads:
        """Completeness error relative to the change of the logit, per head (batch,); 0 of nothing is 0."""
        off = {name: (value.sum(-1) - self.change[name]).abs() for name, value in self.time().items()}
        return {name: (value / self.change[name].abs()).where(value != 0, 0) for name, value in off.items()}


def integrated_gradients(
    model: nn.Module,
    audio: Tensor,
    targets: Targets | None = None,
    baseline: Tensor | None = None,
    steps: int = STEPS,
    tolerance: float = TOLERANCE,
    most: int = 1024,
    trusted: bool = False,
) -> Path:
    """Average the gradient over the path by the midpoint rule, with twice the steps until complete to `tolerance`.

    Steps are taken one after the other: memory is that of a single gradient. Only signals and heads that are not
    complete yet are integrated again; what is not complete with `most` steps shows it in `Path.error`.

    Args:
        model, audio, targets: as in `elor.explain.attribution.gradient`.
        baseline: (batch, 1, samples), zeros if absent; `noise_like` gives a noise floor.
        steps: to begin with. most: at most so many.
        tolerance: of the relative completeness error, in every head.
        trusted: the model is known to mind nothing but the signal, and to have its own gradient; it is not asked.

    Raises:
        UserError: as `elor.explain.attribution.gradient`.
    """
    audio = signals(model, audio)
    start = torch.zeros_like(audio) if baseline is None else signals(model, baseline)
    if start.shape != audio.shape:
        raise UserError(f"The baseline has the shape {tuple(start.shape)}, the audio {tuple(audio.shape)}; make it so.")
    if trusted:
        with prepared(model):
            return _path(model, audio, targets, start, (steps, most), tolerance)

    def ask(model: nn.Module, targets: Targets | None) -> Path:
        with prepared(model), checked(model, audio, targets, len(audio)):
            return _path(model, audio, targets, start, (steps, most), tolerance)

    parts = each_head(ask, model, audio, targets)
    gradients, change = merged([one.gradients for one in parts]), merged([one.change for one in parts])
    path = Path(parts[0].difference, gradients, change, torch.stack([one.steps for one in parts]).amax(0))
    _warn_of(path)
    return path


def _path(
    model: nn.Module,
    audio: Tensor,
    targets: Targets | None,
    start: Tensor,
    limits: tuple[int, int],
    tolerance: float,
) -> Path:
    """The path from `start`, with twice the steps until it is complete; they begin and end at `limits`."""
    steps, most = limits
    with torch.no_grad():
        end_logits, start_logits = logits_of(model, audio.detach()), _beginning(model, start.detach())
    chosen = targets_of(end_logits, targets)
    change = {
        name: at(value, chosen[name]) - at(start_logits[name], chosen[name]) for name, value in end_logits.items()
    }
    path = Path((audio - start)[:, 0], {}, change, torch.full((len(audio),), steps))
    path.gradients.update(_average(model, audio, start, chosen, steps))
    while steps * 2 <= most and (wrong := _incomplete(path, tolerance)):
        steps *= 2
        left = torch.stack(list(wrong.values())).any(0)
        again = _average(model, audio[left], start[left], {name: chosen[name][left] for name in wrong}, steps)
        for name, value in again.items():  # of a signal only the heads that were incomplete
            path.gradients[name][wrong[name]] = value[wrong[name][left]]
        path.steps[left.to(path.steps.device)] = steps
    return path


def _warn_of(path: Path) -> None:
    for name, error in path.error().items():
        if not (worst := float(error.max())) <= LARGE:
            share = f"{worst:.0%} of the change of its logit" if worst < math.inf else "what they sum to"
            share += "" if worst < math.inf else ", where the logit is the same as at the baseline,"
            text = (
                f"Integrated gradients of head {name} leave {share} unexplained (a jump on the path, or a bend that "
                "takes more steps): try another baseline, more steps, or occlusion."
            )
            warnings.warn(Incomplete(text, name), stacklevel=3)


def _beginning(model: nn.Module, start: Tensor) -> Heads:
    """What a model says of the baseline, which must be a number."""
    with blaming("the baseline, which is silence unless another one is given", REMEDY):
        found = logits_of(model, start)
    for head, value in found.items():
        if not value.isfinite().all():
            raise UserError(
                f"Head {head} answers with NaN or infinity to the baseline, so that nothing can be integrated from "
                f"there (a logarithm of 0 in silence, say); {REMEDY}."
            )
    return found


def noise_like(audio: Tensor, rms: float = NOISE_FLOOR, seed: int = 0, supports: Sequence[int] | None = None) -> Tensor:
    """White Gaussian noise of a given RMS in the shape of the audio: quiet, but no digital silence.

    Args:
        audio: (..., samples).
        rms: of full scale.
        seed: of the noise.
        supports: samples of each signal, along the first dimension, before its padding, which stays as silent as it is
            in training; none: nothing is padded.
    """
    generator = torch.Generator().manual_seed(seed)
    noise = (rms * torch.randn(audio.shape, generator=generator, dtype=torch.float64)).to(audio)
    for line, support in zip(noise, supports, strict=True) if supports is not None else ():
        line[..., support:] = 0
    return noise


def _average(model: nn.Module, end: Tensor, start: Tensor, targets: Heads, steps: int) -> Heads:
    total: Heads = {}
    for step in range(steps):
        point = start + (step + 0.5) / steps * (end - start)
        with blaming("a sound between the baseline and the one that is asked about", REMEDY):
            forward = Forward(model, point)
        for index, (name, target) in enumerate(targets.items(), start=1):
            value, _ = forward.gradient(name, target, last=index == len(targets))
            total[name] = total[name].add_(value) if name in total else value.clone()
    return {name: value / steps for name, value in total.items()}


def _incomplete(path: Path, tolerance: float) -> Heads:
    """Which signals are not complete, (batch,) bool, for every head that has any."""
    wrong = {name: ~(error < tolerance) for name, error in path.error().items()}  # NaN is not complete either
    return {name: value for name, value in wrong.items() if value.any()}


def _cross(one: Tensor, other: Tensor) -> Tensor:
    """Real cross-spectrum over N whose sum is the dot product: inner bins of the one-sided spectrum count twice."""
    count = one.shape[-1]
    found = (torch.fft.rfft(one) * torch.fft.rfft(other).conj()).real / count
    found[..., 1 : (count + 1) // 2] *= 2
    return found
