"""Folds, or trials, of a network without convolutions, trained as one: `loop` in fewer, larger products.

A training step of such a small network spends most of its time between the products, not in them. So the MLPs of all
folds and heads are stacked, (folds x heads, outputs, inputs), and every product, slope and step is taken for the whole
stack. The heads share nothing but their input, so it does not matter which of them goes first, nor whether the update
is `alternating` or `joint`.

The parameters of the folds' own trainers (`elor.training.loop`) are views into the stack: what happens between two
epochs, validation, audit, stopping, checkpoints, is theirs. A fold's numbers do not depend on the folds beside it, bit
for bit: they are left where PyTorch treats the end of a tensor otherwise than its middle (a sigmoid, a step of SGD) to
operations that go model by model. Folds may therefore stop, be dealt out, or be resumed in any combination.
"""

import time
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from operator import itemgetter

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import vmap
from torch.optim.sgd import sgd

from elor import matrix_products
from elor.networks import INPUTS, SHAPES, standardized
from elor.targets import Head
from elor.training import losses
from elor.training.data import Inputs
from elor.training.draws import Draws, draw
from elor.training.job import Outcome, TrainingJob
from elor.training.loop import Trainer, learning_rate, memory_advice

KEEP_SHARE = 0.05
"""Share of the time that may go into checkpoints: the writing of ten states can take longer than an epoch."""


def stackable(job: TrainingJob) -> bool:
    """Whether a job can be trained in a stack: no convolutions, one kind of answer by one MLP each, plain float32."""
    architecture = job.architecture
    kinds = {(head.classes, head.soft) for head in architecture.heads}
    single = not any(head.spread for head in architecture.heads)
    flat = all(len(SHAPES[name]) == 1 for name in INPUTS[architecture.network])
    coupled = job.options.penalty == "global" and job.options.update == "joint"  # one norm over all heads
    return flat and single and len(kinds) == 1 and job.options.precision == "float32" and not coupled


def alike(job: TrainingJob) -> Hashable:
    """What jobs of one stack share: everything but their data, and what each model may have for itself."""
    own = {"learning_rate": 0.0, "momentum": 0.0, "alpha": 0.0}
    return replace(job.architecture, dropout=0.0), replace(job.options, **own), job.device


def train_together(jobs: Sequence[TrainingJob]) -> list[Outcome]:
    """Train jobs of one `stackable` network that are `alike`, each from its checkpoint.

    Returns:
        The outcomes in the jobs' order.

    Raises:
        Diverged: if a loss is not finite, naming the fold.
        UserError: if the device has too little memory.
    """
    with memory_advice(jobs[0]):
        inputs = Inputs(jobs[0].files, torch.device(jobs[0].device), resident=True)
        trainers = [Trainer(job, inputs) for job in jobs]
        _train(trainers)
        return [trainer.outcome() for trainer in trainers]


def _train(trainers: Sequence[Trainer]) -> None:
    """All epochs of all folds; a fold that has stopped leaves the stack."""
    stack, due = None, 0.0
    while live := [trainer for trainer in trainers if not trainer.finished]:
        if stack is None or len(stack.trainers) > len(live):
            stack = Stack(live)
        for trainer, row in zip(stack.trainers, stack.epoch(), strict=True):
            trainer.judge(row | trainer.validate())
        began = time.monotonic()
        for trainer in live:
            if began >= due or trainer.finished:
                trainer.keep()
        if began >= due:
            due = time.monotonic() + (time.monotonic() - began) / KEEP_SHARE


LARGE = 2**16
"""Weights per layer above which a CPU steps one model at a time: its gradient then stays in the cache."""


class Layer:
    """One linear layer of every model, with its momentum: (models, outputs, inputs) and (models, outputs).

    Args:
        layers: the models' own layers, which become views into this one.
        optimisers: the models' own, of which the momentum buffers become views likewise.
    """

    def __init__(self, layers: Sequence[nn.Linear], optimisers: Sequence[torch.optim.Optimizer]) -> None:
        self.weight, self.weights = _stack([layer.weight for layer in layers], optimisers)
        self.bias, self.biases = _stack([layer.bias for layer in layers], optimisers)


Pairs = list[tuple[Tensor, Tensor]]
"""Values and their momentum, model by model."""

Pace = tuple[float, float]
"""Learning rate and share of momentum of one model."""


def _stack(parameters: Sequence[nn.Parameter], optimisers: Sequence[torch.optim.Optimizer]) -> tuple[Tensor, Pairs]:
    """Parameters in one tensor, their momentum in another; the models' own become views of them, returned in pairs."""
    states = [optimiser.state[parameter] for parameter, optimiser in zip(parameters, optimisers, strict=True)]
    values = torch.stack([parameter.data for parameter in parameters])
    momenta = [state.get("momentum_buffer") for state in states]
    momentum = torch.stack([torch.zeros_like(v) if m is None else m for v, m in zip(values, momenta, strict=True)])
    pairs = list(zip(values, momentum, strict=True))
    for parameter, state, pair in zip(parameters, states, pairs, strict=True):
        parameter.data, state["momentum_buffer"] = pair
    return values, pairs


class Stack:
    """The MLPs of all heads of some folds, `models` = folds x heads in all.

    Args:
        trainers: one per fold.
    """

    def __init__(self, trainers: Sequence[Trainer]) -> None:
        self.trainers = sorted(trainers, key=lambda trainer: -len(trainer.job.train))  # see `_runs`
        first = self.trainers[0]
        self.device, self.inputs = first.device, first.inputs
        self.batch, self.penalty = first.options.batch, first.options.penalty
        self.summed = first.options.reduction == "sum" and not first.heads[0].valued
        self.heads, self.architecture = first.heads, first.job.architecture
        models = [(t.network.heads[head.name], t.optimiser) for t in self.trainers for head in self.heads]
        layers = zip(*([layer for layer in mlp if isinstance(layer, nn.Linear)] for mlp, _ in models), strict=True)
        self.layers = [Layer(column, [optimiser for _, optimiser in models]) for column in layers]
        self.targets = torch.stack([t.targets[head.name] for t in self.trainers for head in self.heads])
        self.models = torch.arange(len(models), device=self.device)[:, None]
        self.alpha = self.by_model([t.options.alpha for t in self.trainers])
        self.left = self.by_model([1 - t.job.architecture.dropout for t in self.trainers])[:, None, None]
        self.weights = None
        if first.options.balance and not self.heads[0].valued:
            self.weights = torch.stack([t.weights[head.name] for t in self.trainers for head in self.heads])
        self.paces: list[Pace] = []
        self.scales = [
            [torch.stack(part)[:, None] for part in zip(*((s.mean, s.deviation) for s in scales), strict=True)]
            for scales in zip(*(t.network.standardize.values() for t in self.trainers), strict=True)
        ]

    def by_model(self, values: Sequence[float]) -> Tensor:
        """One value per fold, for each of its models: (models,)."""
        return torch.tensor(values, device=self.device).repeat_interleave(len(self.heads))

    @torch.no_grad()
    def epoch(self) -> list[dict[str, float]]:
        """One pass over every fold's training slices; returns the mean loss by head of each of `trainers`.

        Raises:
            Diverged: if it is not finite.
        """
        draws = [draw(trainer.job, trainer.state.epoch, self.device) for trainer in self.trainers]
        paces = [(learning_rate(t.options, t.state.epoch), t.options.momentum) for t in self.trainers]
        self.paces = [pace for pace in paces for _ in self.heads]
        sums = torch.zeros(len(self.models), device=self.device)
        for start in range(0, len(draws[0].order), self.batch):
            left = [min(len(each.order) - start, self.batch) for each in draws]
            for folds, size in _runs(left):
                models = slice(folds.start * len(self.heads), folds.stop * len(self.heads))
                sums[models] += self.step(models, draws[folds], slice(start, start + size)) * size
        names = [head.name for head in self.heads]
        by_fold = (dict(zip(names, values, strict=True)) for values in sums.reshape(-1, len(names)).tolist())
        return [trainer.mean_losses(values) for trainer, values in zip(self.trainers, by_fold, strict=True)]

    def step(self, models: slice, draws: Sequence[Draws], part: slice) -> Tensor:
        """Learn from one minibatch per fold, all of one size.

        Args:
            models: the rows of these folds in the stack.
            draws: what was drawn for these folds.
            part: the minibatch's place in their order.

        Returns:
            (models,) losses.
        """
        rows = torch.stack([each.order[part] for each in draws])
        kept = torch.stack([each.kept[part] for each in draws]).transpose(1, 2).flatten(0, 1)
        places = rows.repeat_interleave(len(self.heads), 0)
        values, slopes = [self.features(models, rows)], []
        for layer, keep in zip(self.layers, kept.split(self.architecture.hidden, dim=2), strict=False):
            value = matrix_products.bmm(values[-1], layer.weight[models].mT).add_(layer.bias[models, None])
            torch._foreach_sigmoid_(value.unbind())
            factor = keep / self.left[models]
            slopes.append(value * (1 - value) * factor)
            values.append(value.mul_(factor))
        last = self.layers[-1]
        output = matrix_products.bmm(values[-1], last.weight[models].mT).add_(last.bias[models, None])
        with torch.enable_grad():
            rows_of_models = self.models[models], places
            weight = None if self.weights is None else self.weights[rows_of_models]
            loss = _losses(self.heads[0], output.requires_grad_(), self.targets[rows_of_models], weight)
            (gradient,) = torch.autograd.grad(loss.sum(), output)
        if self.summed:
            gradient = gradient * rows.shape[1]
        self.descend(models, gradient, values, slopes)
        return loss.detach()

    def features(self, models: slice, rows: Tensor) -> Tensor:
        """What the models read: (models, batch, width), each in its fold's scale.

        Args:
            rows: (folds, batch) numbers of slices.
        """
        folds = slice(models.start // len(self.heads), models.stop // len(self.heads))
        parts = [part.unflatten(0, rows.shape) for part in self.inputs.batch(rows.reshape(-1))]
        for index, (mean, deviation) in enumerate(self.scales):
            parts[index] = standardized(parts[index], mean[folds], deviation[folds])
        return torch.cat(parts, dim=2).repeat_interleave(len(self.heads), 0)

    def descend(self, models: slice, gradient: Tensor, values: Sequence[Tensor], slopes: Sequence[Tensor]) -> None:
        """Back-propagate and take a step of SGD with Nesterov momentum.

        Args:
            gradient: (models, batch, outputs) of the losses, by the outputs.
            values: what each layer read. slopes: of the hidden units by what went into their sigmoid.
        """
        pulls = self.pulls(models)  # before any layer moves
        for index in reversed(range(len(self.layers))):
            layer, value = self.layers[index], values[index]
            before = matrix_products.bmm(gradient, layer.weight[models]).mul_(slopes[index - 1]) if index else None
            self.move_weights(layer, models, gradient, value, pulls[index])
            self.move(layer.biases[models], self.paces[models], gradient.sum(1).unbind())
            gradient = before

    def move_weights(self, layer: Layer, models: slice, gradient: Tensor, value: Tensor, pull: Tensor) -> None:
        """Step the weights of one layer, the penalty included.

        Args:
            gradient: (models, batch, outputs) of the losses, by what the layer returned. value: what it read.
            pull: (models,) the penalty's gradient as a multiple of the weights.
        """
        weight, paces = layer.weight[models], self.paces[models]
        if self.device.type == "cpu" and weight[0].numel() > LARGE:
            moves = zip(layer.weights[models], paces, gradient.mT, value, pull.tolist(), strict=True)
            for pair, pace, slope, read, factor in moves:
                self.move([pair], [pace], [matrix_products.bmm(slope[None], read[None])[0]], factor)
        else:
            gradients = matrix_products.bmm(gradient.mT, value).addcmul_(weight, pull[:, None, None])
            self.move(layer.weights[models], paces, gradients.unbind())

    def move(self, pairs: Pairs, paces: Sequence[Pace], gradients: Sequence[Tensor], weight_decay: float = 0.0) -> None:
        """One step of SGD with Nesterov momentum, model by model.

        Args:
            pairs: values and their momentum.
            weight_decay: what is added to the gradients, as a multiple of the values.
        """
        for (rate, momentum), some in groupby(zip(paces, pairs, gradients, strict=True), key=itemgetter(0)):
            _, of_a_pace, slopes = zip(*some, strict=True)
            values, momenta = zip(*of_a_pace, strict=True)
            sgd(
                list(values),
                list(slopes),
                list(momenta),
                fused=True,
                weight_decay=weight_decay,
                momentum=momentum,
                lr=rate,
                dampening=0.0,
                nesterov=True,
                maximize=False,
            )

    def pulls(self, models: slice) -> Sequence[Tensor]:
        """The penalty's gradient as a multiple of each model's weights, layer by layer: (models,) each."""
        alpha = self.alpha[models]
        if self.penalty == "squared":
            return [2 * alpha] * len(self.layers)
        norms = torch.stack([torch.linalg.vector_norm(layer.weight[models], dim=(1, 2)) for layer in self.layers])
        if self.penalty == "global":
            norms = torch.linalg.vector_norm(norms, dim=0).expand_as(norms)
        return torch.where(norms > 0, alpha / norms, 0.0).unbind()


def _losses(head: Head, output: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
    """`losses.loss` of every model: (models, batch, outputs), (models, batch[, classes]) -> (models,)."""
    if head.valued:
        return vmap(partial(losses.loss, head))(output, target)
    each = F.cross_entropy(output.flatten(0, 1), target.flatten(0, 1), reduction="none")  # vmap takes a millisecond
    each = each.unflatten(0, output.shape[:2])
    return (each if weight is None else each * weight).mean(1)


def _runs(sizes: Sequence[int]) -> Iterator[tuple[slice, int]]:
    """Neighbours of equal size, without the empty ones: folds differ in length, so their last minibatches do."""
    starts = [index for index, size in enumerate(sizes) if index == 0 or size != sizes[index - 1]]
    for start, stop in zip(starts, [*starts[1:], len(sizes)], strict=True):
        if sizes[start] > 0:
            yield slice(start, stop), sizes[start]
