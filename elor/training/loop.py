"""The training of one fold, readable top to bottom.

On each minibatch the heads are updated one after the other, in random order; the second update starts from the
network that the first one left, with a forward pass of its own (Wieser et al. 2020, "End-to-end learning network").
After every epoch the validation slices decide whether this epoch is the best so far, and the state goes to disk: a
killed training goes on from its last epoch and ends with the same numbers, because everything random in an epoch is
a function of (seed, network, fold, epoch).
"""

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elor.device import configure
from elor.errors import UserError
from elor.networks import MultiHeadNetwork
from elor.targets import Head
from elor.training import losses
from elor.training.augment import augmented
from elor.training.data import Inputs
from elor.training.draws import draw, seed_of
from elor.training.job import Diverged, Options, Outcome, TrainingJob
from elor.training.kept_epoch import close_epoch, finished
from elor.training.resume import keep, resume

PREDICT_BATCH = 32
"""Slices per forward pass without gradients."""


def learning_rate(options: Options, epoch: int) -> float:
    """The learning rate of an epoch, counted from 0 (cosine: Loshchilov and Hutter 2017, without restarts)."""
    if options.schedule == "constant":
        return options.learning_rate
    return options.learning_rate * (1 + math.cos(math.pi * epoch / options.epochs)) / 2


def train(job: TrainingJob) -> Outcome:
    """Train one fold to its end, from its checkpoint if there is one.

    Raises:
        Diverged: if a loss is not finite.
        UserError: if the device has too little memory.
    """
    with memory_advice(job):
        return Trainer(job).run()


NO_MEMORY = re.compile(
    r"ALLOC(ATION)?_FAILED|out of memory|not enough memory|can't allocate memory|unable to find an engine",
    re.IGNORECASE,
)
"""How cuDNN, cuBLAS, cuFFT, the CUDA runtime and the CPU's allocator say in a RuntimeError that memory is lacking.

PyTorch finds no engine where each of cuDNN's ways of convolving has failed for want of memory.
"""


@contextmanager
def memory_advice(job: TrainingJob) -> Iterator[None]:
    """Turn a device's lack of memory into a UserError that says what to make smaller."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, (MemoryError, torch.OutOfMemoryError)) and not NO_MEMORY.search(str(error)):
            raise
        raise UserError(
            f"{job.title}: a batch of {job.options.batch} does not fit into the memory of {job.device}; set a smaller "
            f"networks.{job.architecture.network}.batch or fewer engine.workers."
        ) from None


class Trainer:
    """A network, its optimiser and its data on one device, and the state between two epochs.

    Args:
        job: what to train.
        inputs: the arrays of `job.files` on the job's device, if somebody has opened them already.
    """

    def __init__(self, job: TrainingJob, inputs: Inputs | None = None) -> None:
        configure(job.options.deterministic, job.options.tf32)
        torch.manual_seed(seed_of(job, epoch=-1))
        self.job, self.options = job, job.options
        self.device = torch.device(job.device)
        self.inputs = inputs or Inputs(job.files, self.device, resident=True)
        self.targets = {name: torch.from_numpy(values).to(self.device) for name, values in job.targets.items()}
        self.truth = {name: torch.from_numpy(values).to(self.device) for name, values in job.truth.items()}
        self.heads: Sequence[Head] = job.architecture.heads
        train = torch.from_numpy(job.train).to(self.device)
        self.weights = {
            head.name: losses.balancing(head, self.truth[head.name], train) if job.options.balance else None
            for head in self.heads
        }
        fast = job.options.fast and not job.options.compile  # the compiler breaks their hand-written gradients
        self.network = MultiHeadNetwork(job.architecture, fast).to(self.device)
        if job.options.compile:
            self.network.compile_parts()
        for name, module in self.network.standardize.items():
            module.fit(*self.inputs.moments(name, job.train))
        self.optimiser = torch.optim.SGD(
            self.network.parameters(), lr=self.options.learning_rate, momentum=self.options.momentum, nesterov=True
        )
        self.state = resume(job.scratch, self.network, self.optimiser)

    def run(self) -> Outcome:
        """All epochs that are left, then the predictions of the best one."""
        while not self.finished:
            self.judge(self.epoch() | self.validate())
            self.keep()
        return self.outcome()

    @property
    def finished(self) -> bool:
        """Whether no epoch is left."""
        return finished(self.state, self.options)

    def keep(self) -> None:
        """Put the state on disk."""
        done = self.options.epochs if self.finished else self.state.epoch
        keep(self.job.scratch, self.network, self.optimiser, self.state, done)

    def outcome(self) -> Outcome:
        """What the kept epoch leaves; its weights become the network's."""
        state = self.state
        self.network.load_state_dict(state.kept_tensors)
        predictions = {name: value.cpu().numpy() for name, value in self.predict(self.job.test).items()}
        return Outcome(
            tensors={name: value.cpu() for name, value in state.kept_tensors.items()},
            predictions=predictions,
            history=state.history,
            audit=state.audit,
            kept=state.kept,
            stopped=state.stopped,
        )

    def epoch(self) -> dict[str, float]:
        """One pass over the training slices; returns the mean loss by head.

        Raises:
            Diverged: if it is not finite.
        """
        draws = draw(self.job, self.state.epoch, self.device)
        sums = {head.name: torch.zeros((), device=self.device) for head in self.heads}
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.options, self.state.epoch)
        self.network.train()
        for start, turns in zip(range(0, len(draws.order), self.options.batch), draws.turns, strict=True):
            part = slice(start, start + self.options.batch)
            rows = draws.order[part]
            self.network.keep_units(draws.kept[part])
            for name, loss in self.step(rows, [self.heads[index] for index in turns]).items():
                sums[name] += loss * len(rows)  # on the device: no waiting for it
        return self.mean_losses({name: total.item() for name, total in sums.items()})

    def mean_losses(self, sums: dict[str, float]) -> dict[str, float]:
        """The mean loss by head, from its sum over the training slices.

        Raises:
            Diverged: if it is not finite.
        """
        losses_by_head = {f"loss_{name}": total / len(self.job.train) for name, total in sums.items()}
        if not np.isfinite(list(losses_by_head.values())).all():
            raise Diverged(f"{self.job.title}: in epoch {self.state.epoch} the loss is {losses_by_head}")
        return losses_by_head

    def step(self, rows: np.ndarray | Tensor, turns: Sequence[Head]) -> dict[str, Tensor]:
        """Learn from one minibatch, head by head in the order of `turns`.

        Nothing here waits for the device unless slices are augmented.
        """
        rows = torch.as_tensor(rows, device=self.device)
        batch = self.inputs.batch(rows)
        if (how := self.options.augment) != "none":
            inputs, places = self.job.architecture.inputs, rows.tolist()
            sounding = self.job.sounding[places]
            batch = augmented(batch, inputs, places, sounding, how, self.job.seed, self.state.epoch)
        if self.options.update == "joint":
            return self.update_jointly(batch, rows)
        return {head.name: self.update(head, batch, rows) for head in turns}

    def update(self, head: Head, batch: tuple[Tensor, ...], places: Tensor) -> Tensor:
        """Forward for one head, then step its MLP and the CNN. The other head has no gradient and stays as it is.

        One optimiser serves all, so that the CNN's momentum buffer is shared by the updates of both heads.
        """
        self.optimiser.zero_grad(set_to_none=True)
        with self.autocast():
            output = self.network.head(head.name, *batch)
        loss = self.loss(head, output, places)
        penalty = losses.penalty(self.network.penalised_by(head.name), self.options.penalty)
        (self.reduced(head, loss, places) + self.options.alpha * penalty).backward()
        self.optimiser.step()
        return loss.detach()

    def loss(self, head: Head, output: Tensor, places: Tensor) -> Tensor:
        """A head's loss on the slices of these numbers."""
        weight = self.weights[head.name]
        target = self.targets[head.name][places]
        return losses.loss(head, output.float(), target, None if weight is None else weight[places])

    def reduced(self, head: Head, loss: Tensor, places: Tensor) -> Tensor:
        """What is descended of a mean over slices; the loss of values is not one, and stays."""
        return loss * len(places) if self.options.reduction == "sum" and not head.valued else loss

    def update_jointly(self, batch: tuple[Tensor, ...], places: Tensor) -> dict[str, Tensor]:
        """The cheaper variant: one pass over the sum of the losses; every weight tensor is penalised once."""
        self.optimiser.zero_grad(set_to_none=True)
        with self.autocast():
            outputs = self.network.outputs(*batch)
        found = {head.name: self.loss(head, outputs[head.name], places) for head in self.heads}
        weights = {id(weight): weight for head in self.heads for weight in self.network.penalised_by(head.name)}
        penalty = losses.penalty(weights.values(), self.options.penalty)
        descended = sum(self.reduced(head, found[head.name], places) for head in self.heads)
        (descended + self.options.alpha * penalty).backward()
        self.optimiser.step()
        return {name: loss.detach() for name, loss in found.items()}

    def validate(self) -> dict[str, float]:
        """Validation score by head, and the `score` that decides."""
        predictions = self.predict(self.job.validation)
        rows = torch.from_numpy(self.job.validation).to(self.device)
        scores = {
            head.name: losses.score(head, predictions[head.name], self.truth[head.name][rows], self.options.select)
            for head in self.heads
        }
        decides = scores.get(self.options.score, float(np.mean(list(scores.values()))))
        return {f"validation_{name}": value for name, value in scores.items()} | {"score": decides}

    def judge(self, row: dict[str, float]) -> None:
        """Note the scores of an epoch, and decide by them whether it is kept (`elor.training.kept_epoch`)."""
        self.state.history.append(row)
        self.state.audit += self.audit()
        close_epoch(self.state, row["score"], self.network, self.options.keep, self.job.floor)

    def audit(self) -> list[dict[str, Any]]:
        """How the network of this epoch does on the test speaker, for the report on selection; decides nothing."""
        if not len(self.job.test):
            return []
        predictions = self.predict(self.job.test)
        places = torch.from_numpy(self.job.test).to(self.device)
        rows: list[dict[str, Any]] = []
        for head in self.heads:
            first: dict[str, Any] = {"epoch": self.state.epoch, "head": head.name}
            prediction, truth = predictions[head.name], self.truth[head.name][places]
            if head.valued:
                rows.append(first | {"concordance": losses.score(head, prediction, truth)})
                continue
            pairs = truth * head.outputs + prediction.argmax(dim=1)
            for pair, count in enumerate(torch.bincount(pairs, minlength=head.outputs**2).tolist()):
                if count:
                    actual, predicted = divmod(pair, head.outputs)
                    rows.append(first | {"actual": actual, "predicted": predicted, "count": count})
        return rows

    @torch.no_grad()
    def predict(self, rows: np.ndarray) -> dict[str, Tensor]:
        """Probabilities (or values) of every head for some slices, without dropout and with running statistics.

        Raises:
            Diverged: if they are not finite: the last step of an epoch is in no loss.
        """
        self.network.eval()
        parts = {head.name: [torch.empty(0, head.outputs, device=self.device)] for head in self.heads}
        for some in torch.from_numpy(rows).to(self.device).split(PREDICT_BATCH) if len(rows) else ():
            with self.autocast():
                outputs = self.network.outputs(*self.inputs.batch(some))
            for head in self.heads:
                parts[head.name].append(losses.predict(head, outputs[head.name].float()))
        answers = {name: torch.cat(found) for name, found in parts.items()}
        if not all(found.isfinite().all() for found in answers.values()):
            raise Diverged(f"{self.job.title}: after epoch {self.state.epoch} the answers are not finite")
        return answers

    def autocast(self) -> AbstractContextManager[Any]:
        """bfloat16 where it is asked for."""
        if self.options.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)
