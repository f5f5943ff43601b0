"""What is explained: a network with what it takes to be asked, its controls, and what is known of it."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from elor.audio import SAMPLE_RATE
from elor.errors import UserError
from elor.explain.controls import partly_untrained, untrained
from elor.explain.doubts import Doubt
from elor.explain.heads import LeftOut, SomeHeads
from elor.explain.model import CannotRun, Heads, heads_of, logits_of, named, predict, prepared
from elor.explain.model_copies import spare
from elor.explain.occlusion import CHUNK
from elor.explain.precision import half
from elor.explain.repeatability import Unrepeatable
from elor.explain.repeatability_checks import Alone, repeatable
from elor.networks import MultiHeadNetwork
from elor.provenance import Score

SAME = 1e-3
"""How far sums of probabilities may lie from 1: half precision rounds to this."""


SHAPING = {
    *("View", "UnsafeView", "Squeeze", "Unsqueeze", "Transpose", "Permute", "Select", "Slice", "Cat", "Stack", "T"),
    "Clone",
}
"""Operations that change no value, as they are called on the way back."""

SCALING = {"Add", "Sub", "Rsub", "Neg", "Mul", "Div", "ToCopy"}
"""Those that do not change what kind of value it is, where the other operand is a constant."""

RANGED = {
    **{"Sigmoid": "a sigmoid", "Tanh": "a tanh", "Softplus": "softplus", "Exp": "an exponential", "Relu": "a ReLU"},
    **{"Clamp": "a clamp", "ClampMin": "a clamp", "Hardtanh": "a clamp", "Elu": "ELU", "Pow": "a power"},
    **{"LinalgVectorNorm": "a norm", "Norm": "a norm", "Cdist": "a distance", "EuclideanDist": "a distance"},
}
"""Endings of values in a range of their own: probabilities, ratings, deviations, evidence, distances."""

FROM_ZERO = {"Softplus", "Exp", "Relu", "ClampMin", "Pow", "LinalgVectorNorm", "Norm", "Cdist", "EuclideanDist"}
"""Those that are never below 0. Turned round they are logits: energies, distances to prototypes (Snell et al. 2017)."""


@dataclass(frozen=True)
class Subject:
    """A network to be explained.

    Attributes:
        name: what it is called.
        model: in evaluation mode, from (batch, 1, samples) to logits.
        twin: makes an untrained network of the same kind from a seed; None where that is impossible.
        reason: why there is no twin.
        headless: makes the same network with untrained heads from a seed; None where no heads are known.
        scores: by head, where they are known.
        rate: samples per second of what it takes.
        unloaded: what to say of weights that nobody loaded.
    """

    name: str
    model: nn.Module
    twin: Callable[[int], nn.Module] | None
    reason: str = ""
    headless: Callable[[int], nn.Module] | None = None
    scores: Mapping[str, Score] = field(default_factory=dict)
    rate: int = SAMPLE_RATE
    unloaded: str = ""

    def asked(self, way: Callable[[nn.Module], nn.Module], model: nn.Module | None = None) -> "Subject":
        """The same, of which network and controls are asked in some way; `model`, if the network is so already."""

        def so(make: Callable[[int], nn.Module] | None) -> Callable[[int], nn.Module] | None:
            return None if make is None else lambda seed: way(make(seed))

        asked = way(self.model) if model is None else model
        return replace(self, model=asked, twin=so(self.twin), headless=so(self.headless))

    def of(self, *heads: str) -> "Subject":
        """Some of its heads."""
        scores = {head: score for head, score in self.scores.items() if head in heads}
        return replace(self.asked(lambda model: SomeHeads(model, *heads).eval()), scores=scores)


class Resampled(nn.Module):
    """A network of a rate below 16 kHz, to be asked about what is made at 16 kHz: altered sounds. Of a higher rate it
    would not hear what lies above 8 kHz.

    Args:
        rate: of the network. samples: what it is given, at that rate.

    Shape:
        (batch, 1, samples at 16 kHz) -> logits
    """

    def __init__(self, model: nn.Module, rate: int, samples: int) -> None:
        super().__init__()
        from torchaudio.transforms import Resample

        self.resample, self.model, self.samples = Resample(SAMPLE_RATE, rate), model, samples

    def forward(self, audio: Tensor) -> Any:
        heard = self.resample(audio)[..., : self.samples]
        return self.model(nn.functional.pad(heard, (0, self.samples - heard.shape[-1])))


class Cast(nn.Module):
    """A network whose weights are in another precision than float32 (`model.half()`, `.double()`), fed in its own.

    Some convert what they hear themselves, at a place of their own: those are fed as ever.

    Shape:
        (batch, 1, samples), float32 -> logits
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model, self.converts = model, True

    def forward(self, audio: Tensor) -> Any:
        dtype = next(value.dtype for value in self.model.parameters() if value.is_floating_point())
        if self.converts:
            try:
                return self.model(audio.clone())
            except RuntimeError:  # float32 against weights of another kind
                found = self.model(audio.to(dtype))
            self.converts = False
            return found
        return self.model(audio.to(dtype))


class Values(nn.Module):
    """A network of whose heads some give values of their own, not classes: each of these is a head here.

    Shape:
        as the network; (batch, n) of a head `h` becomes (batch, 1) of `h.0`, `h.1`, ..., or of `h` if n is 1
    """

    def __init__(self, model: nn.Module, heads: Sequence[str]) -> None:
        super().__init__()
        self.model, self.heads = model, tuple(heads)

    def forward(self, audio: Tensor) -> Heads:
        found = named(self.model(audio), len(audio))
        if unknown := [head for head in self.heads if head not in found]:
            raise UserError(f"--values {unknown[0]}: the network has no such head; it has {', '.join(found)}.")
        parts: Heads = {}
        for head, value in found.items():
            apart = {f"{head}.{place}": one for place, one in enumerate(value.split(1, 1))}
            parts |= apart if head in self.heads and value.shape[1] > 1 else {head: value}
        return parts


class Committee(nn.Module):
    """Several networks of one kind as one, by head: the mean of their logits, so that a fall of it is their mean fall.

    What they answer together is another thing: the mean of their probabilities, as `elor predict` has it, see
    `probabilities`. (Its logarithm is no logit: softmax squeezes it where the answer is sure, and ties its classes.)

    Shape:
        as each of them
    """

    def __init__(self, members: Iterable[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, audio: Tensor) -> Heads:
        found = [logits_of(member, audio) for member in self.members]
        return {head: torch.stack([each[head] for each in found]).mean(0) for head in found[0]}

    def probabilities(self, audio: Tensor) -> Heads:
        """The mean of the members' probabilities, of a single output the mean of the values."""
        found = [probabilities(member, audio) for member in self.members]
        return {head: torch.stack([each[head] for each in found]).mean(0) for head in found[0]}


def probabilities(model: nn.Module, audio: Tensor) -> Heads:
    """What a network answers, (batch, classes) per head: probabilities that sum to 1, or the value of a single output.

    The class that is predicted is the likeliest one. Outputs that are probabilities already stay as they are. In
    evaluation mode, without a graph.
    """
    if isinstance(model, Committee):
        return model.probabilities(audio)
    logits = predict(model, audio)
    kept = {head for head, value in logits.items() if value.shape[1] == 1 or _sum_to_one(value)}
    return {head: value if head in kept else value.softmax(1) for head, value in logits.items()}


def no_logits(logits: Heads) -> Iterator[str]:
    """A sentence for every head of several outputs: what they are taken for, and if they look like something else.

    Args:
        logits: what the network says of some sounds, (batch, classes) each.
    """
    for head, value in logits.items():
        count = value.shape[1]
        if count == 1:
            continue
        if _sum_to_one(value):
            yield f"Head {head} answers with probabilities: they stand as they are, also where a logit is spoken of."
        elif (value.logsumexp(1).abs() < SAME).all() and (value <= 0).all():
            yield f"Head {head} answers with logarithms of probabilities: they stand where a logit is spoken of."
        elif endings := sorted({RANGED[name] for name in _endings(value) & RANGED.keys() - _turned(value)}):
            yield (
                f"Head {head} ends in {' and '.join(endings)}: its {count} outputs are hardly logits, and p, their "
                "softmax, is hardly theirs. If each is a value of its own (arousal, evidence, a deviation), give "
                f"--values {head}; if each is a probability of its own, let the network return what is before it."
            )
        elif value.grad_fn is None and ((value >= 0) & (value <= 1)).all():
            yield (
                f"All outputs of head {head} lie between 0 and 1: if each is a probability of its own (a sigmoid), "
                "p here is not theirs, since it takes them for logits; give the values before the sigmoid."
            )
        else:
            yield (
                f"The {count} outputs of head {head} are taken for the logits of {count} classes: p is their softmax, "
                "and the largest is explained. If each is a value of its own (arousal, valence, dominance, say), give "
                f"--values {head}."
            )


def _turned(value: Tensor) -> set[str]:
    """Of `FROM_ZERO` what has its sign turned round in these outputs, if it is among what made them."""
    return FROM_ZERO if bool((value <= 0).all() and value.any()) else set()


def _endings(value: Tensor) -> set[str]:
    """By what operations these outputs were made, shapes and scales apart; none where no graph tells."""
    found, left = set(), [value.grad_fn]
    while left:
        node = left.pop()
        if node is None:
            continue
        name, before = node.name().split("Backward")[0], [one for one, _ in node.next_functions if one is not None]
        if name in SHAPING or (name in SCALING and len(before) == 1):
            left += before
        else:
            found.add(name)
    return found


def _sum_to_one(value: Tensor) -> bool:
    """Whether these outputs, (batch, classes), are distributions."""
    return bool((value >= 0).all() and ((value.sum(1) - 1).abs() < SAME).all())


def deciding(model: nn.Module, logits: Heads, answers: Heads) -> Heads:
    """By what the predicted class is the first: a committee's probabilities, which its mean logits need not rank alike;
    else the logits, since probabilities may be too close for a float."""
    return answers if isinstance(model, Committee) else logits


def committee(name: str, networks: Sequence[MultiHeadNetwork], scores: Mapping[str, Score] | None = None) -> Subject:
    """The trained networks of a run as one subject; its twins are as many untrained ones, or have untrained heads.

    Args:
        name: what it is called.
        networks: of one shape.
        scores: of their heads, where they are known.

    Raises:
        UserError: if they do not listen to raw audio.
    """
    shape = networks[0].architecture
    if shape.inputs != ("audio",):
        raise UserError(
            f"The network {shape.network} takes {' and '.join(shape.inputs)}; elor explain needs one on raw audio "
            "alone, as elor is: give its folder or file as the model."
        )

    def fresh(seed: int) -> Iterator[MultiHeadNetwork]:
        count = len(networks)
        return (untrained(lambda: MultiHeadNetwork(shape), seed * count + number) for number in range(count))

    def twin(seed: int) -> nn.Module:
        return Committee(fresh(seed)).eval()

    def headless(seed: int) -> nn.Module:
        both = zip(networks, fresh(seed), strict=True)
        return Committee(partly_untrained(one, other, ["heads"]) for one, other in both).eval()

    return Subject(name, Committee(networks).eval(), twin, headless=headless, scores=scores or {})


def made_repeatable(subject: Subject, audio: Tensor) -> tuple[Subject, list[Doubt]]:
    """A subject whose answer depends on the sound alone, and what had to be done for it.

    It is asked about one signal at a time where its answer depends on the signals beside it; and of several heads those
    are left out whose answer is no number, or depends on chance or on what was asked before.

    Args:
        audio: (1, 1, samples), a sound to ask about.

    Raises:
        UserError: if that leaves no head.
    """
    try:
        return _made_repeatable(subject, audio)
    except CannotRun as error:
        raise UserError(f"The network cannot be run on every sound, a quieter one say: {error}") from None
    except UserError as error:
        whole, heads = error, heads_of(spare(subject.model), audio)
    left_out = dict[str, str]()
    for head in heads if len(heads) > 1 and not isinstance(subject.model, Committee) else ():
        try:
            _made_repeatable(subject.of(head), audio)
        except UserError as why:
            left_out[head] = str(why)
    if not (kept := [head for head in heads if head not in left_out]) or not left_out:
        raise whole
    subject, noted = _made_repeatable(subject.of(*kept), audio)
    return subject, [*(LeftOut(head, why) for head, why in left_out.items()), *noted]


def _made_repeatable(subject: Subject, audio: Tensor) -> tuple[Subject, list[Doubt]]:
    """As `made_repeatable`, of all heads."""
    with prepared(subject.model), warnings.catch_warnings(record=True) as noticed:
        warnings.simplefilter("always")
        with repeatable(subject.model, audio, beside=CHUNK, alone=True) as asked:
            pass
        own = [each.message for each in noticed if isinstance(each.message, Unrepeatable)]
        coarse = half(subject.model, audio)
        noted = [*([coarse] if coarse else []), *{each.kind: each for each in reversed(own)}.values()]
    return (subject.asked(Alone, asked) if asked is not subject.model else subject), noted
