"""A model of several heads as several models: what one head does not allow is refused for that head alone."""

import re
import warnings
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from torch import Tensor, nn

from elor.errors import UserError
from elor.explain.doubts import Doubt
from elor.explain.model import CannotRun, Heads, NoSuchClass, Targets, heads_of, named
from elor.explain.model_copies import left_as_found, recordable

Found = TypeVar("Found")


class LeftOut(Doubt):
    """A head that a method does not allow, of a model of which it allows others.

    Attributes:
        head: its name.
        why: the reason, to be read.
    """

    def __init__(self, head: str, why: object) -> None:
        super().__init__(f"Head {head} is left out: {why}", head)
        self.head, self.why = head, why


class SomeHeads(nn.Module):
    """A model of which some heads alone are asked about.

    Shape:
        as the model -> (batch, classes) of each of these heads
    """

    def __init__(self, model: nn.Module, *heads: str) -> None:
        super().__init__()
        self.model, self.heads, self.training = model, heads, getattr(model, "training", False)

    def forward(self, audio: Tensor) -> Heads:
        found = named(self.model(audio), len(audio))
        if absent := [head for head in self.heads if head not in found]:
            raise UserError(f"The network answers without head {absent[0]} from time to time; let it always return it.")
        return {head: found[head] for head in self.heads}


def each_head(
    ask: Callable[[nn.Module, Targets | None], Found], model: nn.Module, audio: Tensor, targets: Targets | None
) -> list[Found]:
    """Ask about all heads together; where that is refused, about one after the other.

    Warns with `LeftOut` of every head that is refused.

    Returns:
        What was found: of all heads, or of one each.

    Raises:
        UserError: if no head allows it, as `ask` does for all of them; or the targets name what is not there.
    """
    with _once():
        return _each_head(ask, recordable(model), audio, targets)


@contextmanager
def _once() -> Iterator[None]:
    """Say each kind of doubt once: it may be had at every call, with other numbers."""
    with warnings.catch_warnings(record=True) as noticed:
        try:
            yield
        finally:
            said = list({_kind(one.message): one for one in reversed(noticed)}.values())
    for one in reversed(said):
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


def _kind(message: Warning | str) -> Hashable:
    return message.kind if isinstance(message, Doubt) else (type(message), str(message))


def _each_head(
    ask: Callable[[nn.Module, Targets | None], Found], model: nn.Module, audio: Tensor, targets: Targets | None
) -> list[Found]:
    """As `each_head`."""
    try:
        return [ask(model, targets)]
    except (CannotRun, NoSuchClass):
        raise
    except UserError as error:
        whole = error
    with left_as_found(model):
        heads = heads_of(model, audio)
    found, left_out = [], []
    for head in heads if len(heads) > 1 else ():
        try:
            found.append(ask(SomeHeads(model, head), {head: targets[head]} if head in (targets or {}) else None))
        except UserError as error:
            left_out.append(LeftOut(head, error))
    if not found:
        raise _each_for_its_reason(left_out) or whole
    for doubt in left_out:
        warnings.warn(doubt, stacklevel=5)
    return found


def _each_for_its_reason(left_out: list[LeftOut]) -> UserError | None:
    """Why no head is allowed, where that is not the same for all of them but for names and numbers."""
    alike = dict[str, list[LeftOut]]()
    for doubt in left_out:
        text = str(doubt.why).replace(f"ead {doubt.head} ", "").replace(f"({doubt.head})", "")
        alike.setdefault(re.sub(r"\d\S*", "", text), []).append(doubt)
    if len(alike) < 2:
        return None
    said = (f"Head {', '.join(doubt.head for doubt in some)}: {some[0].why}" for some in alike.values())
    return UserError(" ".join(said))


def merged(parts: list[Heads]) -> Heads:
    """What was found of some heads each, as one."""
    return {head: value for part in parts for head, value in part.items()}
