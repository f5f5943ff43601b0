"""Which epoch of a training is kept: the one with the best validation score, or the last; and when a training ends."""

from collections.abc import Sequence

from torch import nn

from elor.training.job import Options
from elor.training.resume import State


def finished(state: State, options: Options) -> bool:
    """Whether the epochs are used up, or the patience, or the floor was missed."""
    return state.stopped or state.epoch >= options.epochs or state.epoch - state.kept > options.patience


def close_epoch(state: State, score: float, network: nn.Module, keep: str, floor: Sequence[float]) -> None:
    """Keep the weights of an epoch if they are to be kept; stop the training if it missed the floor.

    Args:
        state: of the training; its history ends with this epoch.
        score: by which epochs are chosen; of equals the first is kept.
        network: as the epoch left it.
        keep: `best`, or `last` whatever it scores.
        floor: per epoch, the best score so far below which a training is not worth going on with.
    """
    best_score = max(row["score"] for row in state.history)
    if keep == "last" or state.kept < 0 or score > state.history[state.kept]["score"]:
        state.kept = state.epoch
        state.kept_tensors = {name: value.detach().clone() for name, value in network.state_dict().items()}
    if state.epoch < len(floor) and best_score < floor[state.epoch]:
        state.stopped = True
    state.epoch += 1
