"""The networks: one CNN, one MLP per head, and the ways to feed them that `elor.registry` names. The paper's four:

    elor      raw audio            -> CNN ------------\\
    lom       26 MFCCs as channels -> CNN -------------> one MLP per head -> logits
    ftr       1,582 IS10 functionals ----------------/
    elor_ftr  CNN output and IS10 side by side -----/

And one for a question that it leaves to the future, `elor_txt`: `elor`, and beside its MLPs a linear layer on what was
said, whose logits are added ("wide and deep", Cheng et al. 2016).
Wieser et al. 2020, sections "End-to-end learning network" and "Architectures for comparison". A network takes its
inputs by position, in the order of `INPUTS`, and returns the logits of every head by name.
"""

from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elor.errors import UserError
from elor.fastconv import ConvBlock
from elor.registry import NETWORKS, TEXT, VECTORS
from elor.targets import Head
from elor.vectors import IS10, SETS, Vectors

INPUTS = {name: network.inputs for name, network in NETWORKS.items()}
"""What each network eats, in the order of its arguments."""

SHAPES: dict[str, tuple[int, ...]] = {"audio": (1, 96_000), "mfcc": (26, 599)}
SHAPES |= dict.fromkeys(VECTORS, (SETS["IS10"],))
"""One slice of each input: (channels, samples), (coefficients, frames), (functionals,); but see `elor.vectors`."""


@dataclass(frozen=True)
class Architecture:
    """Everything that fixes a network's shape; stored beside its weights.

    Attributes:
        network: one of `elor.registry.NETWORKS`.
        heads: what it predicts.
        filters, lengths, pools: of each convolutional layer (none for `ftr`); lengths in samples or frames.
        stride: of the first convolution (1 in the paper).
        hidden: units of the hidden layers of each head's MLP.
        dropout: share of hidden units dropped in training.
        standardize: whether MFCCs and vectors are scaled by the training part's mean and deviation.
        vectors: what its input `is10` or `text` holds, if it has one.
    """

    network: str
    heads: tuple[Head, ...]
    filters: tuple[int, ...]
    lengths: tuple[int, ...]
    pools: tuple[int, ...]
    stride: int
    hidden: tuple[int, ...]
    dropout: float
    standardize: bool
    vectors: Vectors = IS10

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs, in the order of the network's arguments."""
        return INPUTS[self.network]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """One slice of each of its inputs, as `SHAPES` has it, but vectors of its own width."""
        every = SHAPES | dict.fromkeys(VECTORS, (self.vectors.width,))
        return {name: every[name] for name in self.inputs}


class ImpossibleShape(UserError):
    """Layers that leave nothing of the signal: a search counts such a trial as failed."""


FURTHEST = 100
"""Deviations from the mean at which a standardised value is cut off. Of n training values none can lie farther than
sqrt(n - 1), of 10,000 slices not even one here; but what is only rounding in the training part, the slope of a contour
that is flat there, say, may be 1e16 elsewhere, and would drown all else."""


def standardized(values: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """Values in deviations from a mean, at most `FURTHEST`."""
    return ((values - mean) / deviation).clamp(-FURTHEST, FURTHEST)


class Standardize(nn.Module):
    """Subtract a mean and divide by a deviation, per channel, both fitted on the training part only (`standardized`).

    Shape:
        (batch, channels) or (batch, channels, time), unchanged.
    """

    def __init__(self, channels: int, time: bool) -> None:
        super().__init__()
        shape = (channels, 1) if time else (channels,)
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("deviation", torch.ones(shape))

    def fit(self, mean: Tensor, deviation: Tensor) -> None:
        """Take over the statistics of the training part; a constant channel keeps the deviation 1."""
        self.mean.copy_(mean.reshape(self.mean.shape))
        self.deviation.copy_(torch.where(deviation > 0, deviation, 1.0).reshape(self.deviation.shape))

    def forward(self, values: Tensor) -> Tensor:
        return standardized(values, self.mean, self.deviation)


class Weigh(nn.Module):
    """Weigh words by how rare they are in the training part: tf-idf of whether they occur, of unit length.

    scikit-learn's TfidfVectorizer(binary=True, smooth_idf=False), fitted on the training part: a word weighs 1 +
    ln(n / df), one that does not occur there nothing, and each row is divided by its length, so that long texts do not
    weigh more.

    Shape:
        (batch, words), unchanged.
    """

    def __init__(self, words: int) -> None:
        super().__init__()
        self.register_buffer("idf", torch.ones(words))

    def fit(self, mean: Tensor, deviation: Tensor) -> None:
        """Take over the share of training slices in which each word occurs; their deviation says no more."""
        self.idf.copy_(torch.where(mean > 0, 1 - mean.clamp_min(torch.finfo(mean.dtype).tiny).log(), 0.0))

    def forward(self, values: Tensor) -> Tensor:
        return F.normalize(values * self.idf, dim=-1)


class Dropout(nn.Dropout):
    """Dropout by a mask drawn ahead, so that a training alone and one in a stack of folds drop the same units.

    Attributes:
        kept: (batch, units) which values the next training pass keeps; None: drawn on the way, as PyTorch does.

    Shape:
        (batch, units), unchanged.
    """

    kept: Tensor | None = None

    def forward(self, values: Tensor) -> Tensor:
        if self.kept is None or not self.training:
            return super().forward(values)
        return values * self.kept / (1 - self.p)


class Told(nn.Module):
    """A head that is told words: an MLP on what is heard and a linear layer on what was said, their outputs added.

    "Wide and deep" (Cheng et al. 2016): both learn together. A vector of words beside hundreds of numbers from the CNN
    is either too small to be learned from or, made larger, learned by heart (docs/words.md).

    Shape:
        (batch, heard + words) -> (batch, outputs)
    """

    def __init__(self, heard: nn.Sequential, words: nn.Linear) -> None:
        super().__init__()
        self.heard, self.words = heard, words

    def forward(self, features: Tensor) -> Tensor:
        heard = features.shape[1] - self.words.in_features
        return self.heard(features[:, :heard]) + self.words(features[:, heard:])


class Spread(nn.Module):
    """A head that says mean and deviation, by an MLP each.

    That of the deviation reads what the learning of means has made of the input, and moves nothing of it: the means are
    what they would be alone ("faithful", Stirn et al. 2023).

    Shape:
        (batch, features) -> (batch, 2)
    """

    def __init__(self, mean: nn.Module, deviation: nn.Module) -> None:
        super().__init__()
        self.mean, self.deviation = mean, deviation

    def forward(self, features: Tensor) -> Tensor:
        return torch.cat([self.mean(features), self.deviation(features.detach())], dim=1)


class MultiHeadNetwork(nn.Module):
    """A CNN (if any) and one MLP per head.

    Args:
        architecture: the network's shape.
        fast: use the block convolutions of `elor.fastconv` where they win; the results are the same.

    Shape:
        inputs: (batch, 1, 96000) audio in [-1, 1], (batch, 26, 599) MFCCs, (batch, 1582) IS10, (batch, words) 0 or 1
            for what was said, as `INPUTS` says.
        output: for each head (batch, answers) logits (classes, distribution) or values (regression, spread).

    Raises:
        ImpossibleShape: if pooling leaves nothing of the signal.

    Attributes:
        heard: the speakers that it was trained or validated on; None where its file does not say.
    """

    heard: tuple[str, ...] | None = None

    def __init__(self, architecture: Architecture, fast: bool = True) -> None:
        super().__init__()
        self.architecture = architecture
        shapes = architecture.shapes
        scaled = {name: s for name, s in shapes.items() if architecture.standardize and name not in ("audio", TEXT)}
        fitted: dict[str, nn.Module] = {name: Standardize(s[0], time=len(s) == 2) for name, s in scaled.items()}
        if TEXT in shapes:
            fitted[TEXT] = Weigh(*shapes[TEXT])
        self.standardize = nn.ModuleDict(fitted)
        self.cnn, width = _cnn(architecture, fast) if len(shapes[architecture.inputs[0]]) == 2 else (None, 0)
        width += sum(shape[0] for name, shape in shapes.items() if len(shape) == 1 and name != TEXT)
        self.heads = self._answers(width, {head.name: head.answers for head in architecture.heads})
        doubted = {head.name: 1 for head in architecture.heads if head.spread}
        for name, deviation in self._answers(width, doubted).items():
            self.heads[name] = Spread(self.heads[name], deviation)

    def _answers(self, width: int, outputs: dict[str, int]) -> nn.ModuleDict:
        """MLPs of so many output units, by head; and beside them a linear layer, if the network is told words."""
        made = nn.ModuleDict({name: _mlp(width, count, self.architecture) for name, count in outputs.items()})
        if words := self.architecture.shapes.get(TEXT):
            for name, count in outputs.items():
                made[name] = Told(made[name], _normalised(nn.Linear(*words, count)))
        return made

    def features(self, *inputs: Tensor) -> Tensor:
        """What the heads read: the flattened CNN output, the functionals or words, or two of them side by side.

        Shape:
            (batch, width)
        """
        parts = []
        for name, value in zip(self.architecture.inputs, inputs, strict=True):
            if name in self.standardize:
                value = self.standardize[name](value)
            parts.append(self.cnn(value).flatten(1) if value.dim() == 3 else value)
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    def forward(self, *inputs: Tensor) -> dict[str, Tensor]:
        features = self.features(*inputs)
        answers = {name: head.mean if isinstance(head, Spread) else head for name, head in self.heads.items()}
        return {name: answer(features) for name, answer in answers.items()}

    def outputs(self, *inputs: Tensor) -> dict[str, Tensor]:
        """All output units of every head, (batch, outputs): with a spread what `elor.training.losses.predict` takes."""
        features = self.features(*inputs)
        return {name: head(features) for name, head in self.heads.items()}

    def head(self, name: str, *inputs: Tensor) -> Tensor:
        """The output of one head alone, as the alternating update needs it."""
        return self.heads[name](self.features(*inputs))

    def keep_units(self, kept: Tensor) -> None:
        """Say which hidden units dropout keeps in the next training passes; of a mean and a deviation the same.

        Args:
            kept: (batch, heads, units of all hidden layers) of bool.
        """
        for index, head in enumerate(self.heads.values()):
            parts = kept[:, index].split(self.architecture.hidden, dim=1)
            for answer in (head.mean, head.deviation) if isinstance(head, Spread) else (head,):
                layers = [module for module in answer.modules() if isinstance(module, Dropout)]
                for layer, part in zip(layers, parts, strict=True):
                    layer.kept = part

    def compile_parts(self) -> None:
        """Hand the CNN and the heads to torch.compile, in place; parameter names stay as they are."""
        for part in [self.cnn, *self.heads.values()]:
            if part is not None:
                part.compile()

    def penalised_by(self, head: str) -> list[nn.Parameter]:
        """The weight tensors in the penalty of an update for `head`: no biases, no batch normalisation."""
        parts = ([self.cnn] if self.cnn is not None else []) + [self.heads[head]]
        modules = (module for part in parts for module in part.modules())
        return [module.weight for module in modules if isinstance(module, (nn.Conv1d, nn.Linear))]


def _cnn(architecture: Architecture, fast: bool) -> tuple[nn.Sequential, int]:
    """Three times convolution -> batch normalisation -> max-pooling -> ReLU; and the width of the flattened output."""
    channels, time = SHAPES[architecture.inputs[0]]
    blocks = []
    layers = zip(architecture.filters, architecture.lengths, architecture.pools, strict=True)
    for index, (filters, length, pool) in enumerate(layers):
        stride = architecture.stride if index == 0 else 1
        blocks.append(ConvBlock(channels, filters, length, pool, stride=stride, fast=fast))
        # ReLU's gain (He et al. 2015) on the normalised initialisation (Glorot and Bengio 2010): the paper names both.
        nn.init.xavier_normal_(blocks[-1].conv.weight, gain=nn.init.calculate_gain("relu"))
        nn.init.zeros_(blocks[-1].conv.bias)
        channels, time = filters, -(-time // stride) // pool
    if time < 1:
        raise ImpossibleShape(
            f"Pools {list(architecture.pools)} with stride {architecture.stride} leave nothing of the "
            f"{SHAPES[architecture.inputs[0]][1]} steps of {architecture.network}'s input; make them smaller."
        )
    return nn.Sequential(*blocks), channels * time


def _mlp(width: int, outputs: int, architecture: Architecture) -> nn.Sequential:
    """Hidden layers with sigmoid and dropout, and a linear output layer; the softmax is in the loss."""
    layers: list[nn.Module] = []
    for units in architecture.hidden:
        layers += [nn.Linear(width, units), nn.Sigmoid(), Dropout(architecture.dropout)]
        width = units
    return _normalised(nn.Sequential(*layers, nn.Linear(width, outputs)))


Layers = TypeVar("Layers", bound=nn.Module)


def _normalised(module: Layers) -> Layers:
    """Draw the weights of linear layers anew, by the normalised initialisation (Glorot and Bengio 2010)."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
    return module
