"""What every attribution asks of a model: logits by head, a chosen class, and to be left as it was found.

A model is any torch module from (batch, 1, samples) to logits: one tensor, or a tuple or a dict of them, one per head.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from elor.errors import UserError
from elor.explain.backward import QuickBackward

Heads = dict[str, Tensor]
"""One tensor per head, by the head's name."""

ONE_HEAD = "output"
"""Name of the head of a model that returns one tensor; those of a tuple are called `0`, `1`, ..."""


@contextmanager
def prepared(model: nn.Module) -> Iterator[None]:
    """Evaluate a model with gradients of its input only; its flags are restored, whatever happens inside.

    In training mode dropout would make every map a random one and batch normalisation would move its statistics.
    """
    training = {module: module.training for module in model.modules()}
    frozen = {parameter: parameter.requires_grad for parameter in model.parameters()}
    try:
        model.eval()
        for parameter in frozen:
            parameter.requires_grad_(False)  # the weights' gradients would take longer than the input's
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        for module, flag in training.items():
            module.training = flag
        for parameter, flag in frozen.items():
            parameter.requires_grad_(flag)


def logits_of(model: nn.Module, audio: Tensor) -> Heads:
    """Run a model and name its heads; each output is (batch, classes).

    Raises:
        UserError: if the audio or an output has another shape, or an output is no tensor.
    """
    if audio.dim() != 3 or audio.shape[1] != 1:
        raise UserError(f"Audio has the shape {tuple(audio.shape)}; attribution needs (batch, 1, samples).")
    output = model(audio)
    if isinstance(output, Tensor):
        output = {ONE_HEAD: output}
    elif isinstance(output, (tuple, list)):
        output = {str(index): value for index, value in enumerate(output)}
    if not isinstance(output, Mapping) or not output:
        raise UserError(
            f"The model returns {type(output).__name__}; it must return a tensor, a tuple or a dict of them."
        )
    for name, value in output.items():
        if not isinstance(value, Tensor) or value.dim() != 2 or len(value) != len(audio):
            shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise UserError(f"Head {name} of the model gives {shape}; logits must be ({len(audio)}, classes).")
    return dict(output)


def predict(model: nn.Module, audio: Tensor) -> Heads:
    """Logits of every head in evaluation mode, without a graph, (batch, classes) each."""
    with prepared(model), torch.no_grad():
        return logits_of(model, audio.detach().clone())


def targets_of(logits: Heads, targets: Mapping[str, Tensor] | None) -> Heads:
    """The class that each map explains, (batch,) per head: the one given, else the predicted one.

    Raises:
        UserError: if a given class does not exist.
    """
    chosen = {}
    for name, value in logits.items():
        given = (targets or {}).get(name)
        chosen[name] = value.argmax(1) if given is None else torch.as_tensor(given, device=value.device).long()
        if chosen[name].shape != (len(value),) or not ((chosen[name] >= 0) & (chosen[name] < value.shape[1])).all():
            raise UserError(f"Head {name} has the classes 0..{value.shape[1] - 1}; give one of them for each signal.")
    return chosen


def at(logits: Tensor, target: Tensor) -> Tensor:
    """The logit of each row's class, (batch,)."""
    return logits.gather(1, target[:, None])[:, 0]


class Forward:
    """One forward pass, to be differentiated by the signal as often as one likes; use it inside `prepared`.

    Attributes:
        logits: by head, (batch, classes).
    """

    def __init__(self, model: nn.Module, audio: Tensor) -> None:
        self._signal = audio.detach().clone().requires_grad_()
        self.logits = logits_of(model, self._signal)

    def gradient(self, head: str, target: Tensor, last: bool = False) -> tuple[Tensor, Tensor]:
        """The gradient (batch, samples) of a head's logits of given classes, and those logits (batch,).

        Args:
            head: its name.
            target: class of each signal, (batch,).
            last: no other gradient is asked for, so that the graph may be freed on the way.

        Raises:
            UserError: if there is no gradient, because a model leaves torch or a head does not look at the signal.
        """
        picked = at(self.logits[head], target)
        if not picked.requires_grad:  # zeros would look like an answer
            raise UserError(
                f"Head {head} cannot be differentiated by the signal; use occlusion, which needs no gradient."
            )
        with QuickBackward():
            (gradient,) = torch.autograd.grad(picked.sum(), self._signal, retain_graph=not last)
        return gradient[:, 0].detach(), picked.detach()


def input_gradients(
    model: nn.Module, audio: Tensor, targets: Mapping[str, Tensor] | None = None
) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Differentiate each head's chosen logit by the signal: one forward pass, one backward pass per head.

    A generator, so that the caller may look at what each backward pass crossed; use it inside `prepared`.

    Yields:
        The head's name, its gradient (batch, samples) and its chosen logits (batch,).

    Raises:
        UserError: as `Forward.gradient`.
    """
    forward = Forward(model, audio)
    chosen = targets_of(forward.logits, targets)
    for index, name in enumerate(forward.logits, start=1):
        yield name, *forward.gradient(name, chosen[name], last=index == len(forward.logits))
