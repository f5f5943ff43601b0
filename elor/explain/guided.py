"""Guided backpropagation, caught below the modules, strict about what it crosses.

Through each ReLU the gradient becomes g <- max(g, 0) 1[input > 0] (Springenberg et al., "Striving for simplicity",
2015). Every ReLU, be it a module or a function, ends in the operator `aten.threshold_backward`; a dispatch mode meets
it there, so no hooks are set and nothing has to be restored. The same mode sees what else the signal crosses
(`elor.explain.crossings`): where that is neither linear nor a known ReLU guided backpropagation is not defined,
and what one would get is a mixture of guided and plain layers under a wrong name.

Sigmoid, tanh and max-pooling keep their ordinary derivative, as in the paper's networks.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import compress
from typing import Any

import torch
from torch import Tensor, nn

from elor.errors import UserError
from elor.explain.crossings import Crossing, Crossings, Following, opaque
from elor.explain.derivative import false_gradient
from elor.explain.doubts import Doubt, Refusal, Refused, aside
from elor.explain.heads import each_head, merged
from elor.explain.input_gradients import input_gradients
from elor.explain.model import Heads, Targets, prepared, signals, targets_of
from elor.explain.model_copies import is_compiled, left_as_found
from elor.explain.precision import as_written
from elor.explain.repeatability_checks import others, repeatable

METHODS = ("guided", "gradient")

ASKED = 8
"""So often is asked about one signal, to know what is drawn."""

HIDDEN = "that depends on the signal comes to it from outside torch's operators (from numpy, a list, another thread)"


class Guided(Following):
    """Replaces the backward pass of ReLU while `guiding` and counts it.

    Attributes:
        crossed: ReLUs met on the way back, so far.
        others: by head what cannot be guided on the way there, once `forward` was called.
    """

    def __init__(self) -> None:
        super().__init__()
        self.guiding = True
        self.crossed = 0

    def run(self, func, args, kwargs):
        if func is torch.ops.aten.threshold_backward.default and self.crossings is None:  # on the way back
            self.crossed += 1
            grad, *rest = args
            args = (grad.clamp(min=0) if self.guiding else grad, *rest)
        return super().run(func, args, kwargs)


def guided_backprop(model: nn.Module, audio: Tensor, targets: Targets | None = None, strict: bool = True) -> Heads:
    """Guided backpropagation of every head's logit: one forward pass, one backward pass per head.

    Its maps recover the input more than they explain the network (Nie et al. 2018; Adebayo et al. 2018): never show
    one without the map of an untrained network beside it.

    Args:
        model, audio, targets: as in `elor.explain.attribution.gradient`.
        strict: refuse where guided backpropagation is undefined; otherwise the gradient passes unchanged there.

    Returns:
        Per head (batch, samples), as in `elor.explain.attribution.gradient`.

    Raises:
        UserError: if strict and the model is compiled or scripted, crosses what is neither linear nor a known ReLU,
            meets no ReLU between the input and a head, or takes something of the signal out of torch's operators; and
            as `elor.explain.attribution.gradient`.
    """
    audio = signals(model, audio)
    true = False  # of every gradient it is known that it is how the answer changes

    def ask(model: nn.Module, targets: Targets | None) -> Heads:
        nonlocal true

        def choose(logits: Heads) -> list[Heads]:
            return [targets_of(logits, targets)]

        if strict:
            _refuse_opaque(model)
        with prepared(model), repeatable(model, audio, len(audio)):
            try:
                found = _maps(model, audio, choose, ("guided",), strict)[1]["guided"][0]
                if strict:
                    _refuse_hidden(model, audio)
            except Refused as error:
                if error.refusal.gradient and not true:
                    with aside(Doubt) as doubts:
                        why = _no_gradient(model, audio, targets)
                    if why:
                        raise Refused(error.refusal.without_gradient(why)) from None
                    true = not doubts
                raise
            if why := false_gradient(model, audio, targets):
                raise UserError(why)
        return found

    return merged(each_head(ask, model, audio, targets))


def _no_gradient(model: nn.Module, audio: Tensor, targets: Targets | None) -> str:
    """Why the gradient is no remedy, a clause; empty if it is one."""
    try:
        for _ in input_gradients(model, audio, targets):
            pass
    except UserError:
        return "the gradient is refused too"
    return "its gradient is not how its answer changes" if false_gradient(model, audio, targets) else ""


def guided_and_plain(
    model: nn.Module,
    audio: Tensor,
    choose: Callable[[Heads], Sequence[Heads]],
    methods: Sequence[str] = METHODS,
    trusted: bool = True,
) -> tuple[Heads, dict[str, list[Heads]]]:
    """Guided backpropagation and the gradient, of several sets of classes, all from one forward pass.

    Args:
        model, audio: as in `elor.explain.attribution.gradient`.
        choose: from the logits to the sets of classes; a set may leave heads out.
        methods: of `METHODS`.
        trusted: nothing of the signal is known to leave torch's operators and to come back.

    Returns:
        The logits, and by method a map (batch, samples) per set and head.

    Raises:
        UserError: as `guided_backprop`, which is always strict here.
    """
    if "guided" in methods:
        _refuse_opaque(model)
    found = _maps(model, audio, choose, methods, strict=True)
    if "guided" in methods and not trusted:
        with prepared(model):
            _refuse_hidden(model, audio)
    return found


def _maps(
    model: nn.Module, audio: Tensor, choose: Callable[[Heads], Sequence[Heads]], methods: Sequence[str], strict: bool
) -> tuple[Heads, dict[str, list[Heads]]]:
    """As `guided_and_plain`."""
    found: dict[str, list[Heads]] = {}
    guide = Guided()
    with prepared(model), ExitStack() as watching:
        if "guided" in methods:
            watching.enter_context(as_written())
            watching.enter_context(guide)
        forward = guide.forward(model, audio)
        sets = choose(forward.logits)
        for method in methods:
            guide.guiding = method == "guided"
            if guide.guiding and strict:
                _refuse_other(guide.others, forward.logits)
            found[method] = [{} for _ in sets]
            for maps, targets in zip(found[method], sets, strict=True):
                for head, target in targets.items():
                    before = guide.crossed
                    maps[head], _ = forward.gradient(head, target)
                    if guide.guiding and strict and guide.crossed == before:
                        raise Refused(
                            Refusal(
                                f"Guided backpropagation met no ReLU between head {head} and the input, so it would be "
                                "the plain gradient",
                                "try that",
                                gradient=True,
                            )
                        )
    return {head: value.detach() for head, value in forward.logits.items()}, found


def _refuse_other(others: Mapping[str, set[Crossing]], logits: Heads) -> None:
    """Say why a model's maps would not be those of guided backpropagation."""
    hidden = {what for value in logits.values() if (what := opaque(value))}
    differentiable = all(value.requires_grad for value in logits.values())  # else that is what to say
    if differentiable and (found := hidden.union(*others.values())):
        raise _unguided(f"this model also uses {', '.join(sorted({str(each) for each in found}))}")


def _refuse_hidden(model: nn.Module, audio: Tensor) -> None:
    """What leaves torch's operators (as numpy's arrays, as lists, in another thread) cannot be followed: it is noticed
    where it comes back, since what the signal meets on its way to a head must be the same for any signal.

    Where it is not, chance may be why, or what is kept: then all is asked from one and the same state of these.

    Raises:
        UserError: if it is not; where it differs for one and the same signal too, it is not said to depend on it.
    """
    one = audio[:1].detach().clone(memory_format=torch.contiguous_format)  # strides are compared too
    sounds = list(others(model, one))
    first, *after = (_met(model, sound)[0] for sound in (one, *sounds))
    if not (heads := [head for head, met in first.items() if any(each[head] != met for each in after)]):
        return
    again, elsewhere = (list(map(partial(_met_afresh, model), some)) for some in (ASKED * [one], sounds))
    alike = [head for head in heads if all(each[head] == again[0][head] for each in again)]
    if any(each[head] != again[0][head] for head in alike for each in elsewhere):
        raise _unguided(f"in this model something {HIDDEN}")
    drawn = [head for head in heads if head not in alike]
    if not _drawn_beside(model, one, heads) or (drawn and not _drawn_apart(model, one, sounds, drawn)):
        raise _unguided("in this model something differs from call to call (it is drawn, or kept)")


def _met(model: nn.Module, sound: Tensor, apart: bool = False) -> tuple[dict[str, Any], Heads]:
    """By head what a sound meets, and the logits."""
    with as_written(), Guided() as guide:
        logits = guide.forward(model, sound, Crossings(model.parameters(), apart)).logits
    return guide.met, logits


def _met_afresh(model: nn.Module, sound: Tensor) -> dict[str, Hashable]:
    """By head what a sound meets, whatever was drawn and kept before."""
    with left_as_found(model):
        return _met(model, sound)[0]


def _drawn_beside(model: nn.Module, one: Tensor, heads: Sequence[str]) -> bool:
    """Whether what differs from call to call leaves the logits of these heads as they are: it may be written beside
    them, into one memory."""
    (met, logits), *after = (_met(model, one) for _ in range(ASKED))
    return all(
        any(each[head] != met[head] for each, _ in after)
        and all(torch.equal(each[head], logits[head]) for _, each in after)
        for head in heads
    )


def _drawn_apart(model: nn.Module, one: Tensor, sounds: Sequence[Tensor], heads: Sequence[str]) -> bool:
    """Whether nothing differs for other sounds but numbers that differ from call to call, of chance that cannot be
    wound back."""
    again, elsewhere = ([_met(model, sound, True)[0] for sound in some] for some in (ASKED * [one], sounds))
    for head in heads:
        way, _ = again[0][head]
        if any(each[head][0] != way for each in (*again, *elsewhere)):
            return False
        fixed = [len(set(drawn)) == 1 for drawn in zip(*(each[head][1] for each in again), strict=True)]
        first = list(compress(again[0][head][1], fixed))
        if any(list(compress(each[head][1], fixed)) != first for each in elsewhere):
            return False
    return True


def _unguided(why: str) -> Refused:
    return Refused(
        Refusal(
            f"Guided backpropagation is defined for linear layers and ReLU only, and {why}",
            "try the gradient, integrated gradients or occlusion",
            gradient=True,
        )
    )


def _refuse_opaque(model: nn.Module) -> None:
    """Compiled and scripted code runs kernels of its own, in which a ReLU cannot be seen."""
    for module in model.modules():
        compiled = is_compiled(module)
        if compiled or isinstance(module, torch.jit.ScriptModule):
            kind = "compiled" if compiled else "scripted"
            what = f"Guided backpropagation cannot see the ReLUs of a {kind} model"
            raise Refused(Refusal(what, "give the model as it was before"))
