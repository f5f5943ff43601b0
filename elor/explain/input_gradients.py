"""The gradient of a model's logits by the signal that it heard."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from elor.errors import UserError
from elor.explain.backward import QuickBackward
from elor.explain.model import Targets, at, logits_of, message_of, targets_of


class Forward:
    """One forward pass, to be differentiated by the signal as often as one likes; use it inside `prepared`.

    Attributes:
        logits: by head, (batch, classes).
    """

    def __init__(
        self,
        model: nn.Module,
        audio: Tensor,
        watch: Callable[[Tensor], None] = lambda signal: None,
        answered: Callable[[], None] = lambda: None,
    ) -> None:
        """`watch` is called with the signal before the model is, `answered` after it."""
        self._signal = audio.detach().clone().requires_grad_()
        watch(self._signal)
        self.logits = logits_of(model, self._signal, answered)

    def gradient(self, head: str, target: Tensor, last: bool = False) -> tuple[Tensor, Tensor]:
        """The gradient (batch, samples) of a head's logits of given classes, and those logits (batch,).

        Args:
            head: its name.
            target: class of each signal, (batch,).
            last: no other gradient is asked for, so that the graph may be freed on the way.

        Raises:
            UserError: if there is no gradient, because a model leaves torch or a head does not look at the signal; or
                if it is not finite somewhere.
        """
        picked = at(self.logits[head], target)
        if not picked.requires_grad:  # zeros would look like an answer
            raise UserError(
                f"Head {head} cannot be differentiated by the signal; try occlusion, which needs no gradient."
            )
        try:
            with QuickBackward():
                (gradient,) = torch.autograd.grad(picked.sum(), self._signal, retain_graph=not last, allow_unused=True)
        except (MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # the user's code again: a backward pass of its own, values changed in place
            raise UserError(
                f"Head {head} cannot be differentiated by the signal ({message_of(error)}); try occlusion."
            ) from error
        if gradient is None:  # weights that want a gradient of their own, and no way to the signal
            raise UserError(
                f"Head {head} cannot be differentiated by the signal; try occlusion, which needs no gradient."
            )
        if wrong := int((~gradient.isfinite()).sum()):
            raise UserError(
                f"The gradient of head {head} is not a number at {wrong} of {gradient.numel()} samples (a root or a "
                "logarithm of 0 in silence, say); try occlusion, or add a small constant below the root."
            )
        return gradient[:, 0].detach(), picked.detach()


def input_gradients(
    model: nn.Module, audio: Tensor, targets: Targets | None = None
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
