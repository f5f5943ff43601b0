"""The device that tensors lie on: which one there is, and under which flags its numbers come about.

Training, explanations and inference set the same flags here, so that a network says on a GPU what it said there when
it was trained.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from elor import arithmetic
from elor.errors import UserError

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS has no deterministic mode


def resolved(asked: str, name: str = "engine.device") -> list[str]:
    """The devices of this machine that a name stands for: `auto` is every GPU, and the CPU where there is none.

    Args:
        asked: `auto`, `cpu`, `cuda` (every GPU), or one GPU, `cuda:1`.
        name: of the parameter or option, for messages.

    Raises:
        UserError: if it is no such name, or this machine shows no such GPU.
    """
    named = re.fullmatch(r"auto|cpu|cuda(?::(\d+))?", asked)
    if named is None:
        raise UserError(f"{name} is {asked}, which is no device; use auto, cpu, cuda, or one GPU as cuda:1.")
    count = 0 if asked == "cpu" else torch.cuda.device_count()
    if asked == "cpu" or (asked == "auto" and not count):
        return ["cpu"]
    if not count:
        raise UserError(f"{name} is {asked}, but this machine shows no GPU; use auto or cpu.")
    arithmetic.note("a GPU computes")
    if named[1] is None:
        return [f"cuda:{index}" for index in range(count)]
    if int(named[1]) >= count:
        last = "only cuda:0" if count == 1 else f"cuda:0 to cuda:{count - 1}"
        raise UserError(f"{name} is {asked}, but this machine shows {last}; use auto or one of them.")
    return [asked]


def local(asked: str, name: str = "engine.device") -> torch.device:
    """The one device that a job computes on, on the machine where it runs."""
    return torch.device(resolved(asked, name)[0])


def configure(deterministic: bool = True, tf32: bool = False) -> None:
    """Set the flags that decide a device's numbers.

    Nothing reads memory before it writes it (tested), so PyTorch need not fill every new tensor with NaN.
    """
    torch.use_deterministic_algorithms(deterministic)
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.backends.cudnn.deterministic = deterministic
    torch.backends.cudnn.benchmark = not deterministic
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32


@contextmanager
def exact() -> Iterator[None]:
    """Compute as training does by default, deterministic and in full float32; the flags are put back afterwards.

    Explanations and inference run under it, or as a decorator within it: they may be called from other people's code.
    """
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn, fill = torch.is_deterministic_algorithms_warn_only_enabled(), torch.utils.deterministic
    filled, cudnn, matmul = fill.fill_uninitialized_memory, torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32
    configure()
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(deterministic, warn_only=warn)
        fill.fill_uninitialized_memory = filled
        cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32 = before


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch to one thread: products are split among threads, which changes their last digits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw under a seed of one's own; the global random state is left as it was, and no GPU is woken for it."""
    awake = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng(list(awake)):
        torch.manual_seed(seed)
        yield


def settle(device: torch.device) -> None:
    """Wait until a device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
