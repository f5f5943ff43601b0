"""What a factory reads from files, and which of a network's numbers come from there.

Files are noticed as they are opened. A factory that is called once more, with other numbers in what it reads and with
modules that keep what they were made with, shows what comes from files: that differs, constants (windows, filter banks)
do not.
"""

from __future__ import annotations

import functools
import os
import pickle
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn.modules.module import _IncompatibleKeys

READERS = (
    *((torch, "load"), (safetensors.torch, "load_file"), (pickle, "load")),
    *((np, name) for name in ("load", "loadtxt", "genfromtxt", "fromfile")),
)
"""Functions whose results are known, so that other numbers can be put in."""

SETTINGS = {".py", ".pyc", ".pyi", ".so", ".pyd", ".json", ".yaml", ".yml", ".toml", ".cfg", ".ini", ".md"}
"""Endings of code, and of what holds settings rather than what was learned."""

NUMBERS = {".pt", ".pth", ".bin", ".ckpt", ".jit", ".safetensors", ".npy", ".npz", ".pkl", ".h5", ".onnx"}
"""Endings of what counts in the folders of installed packages, which read much else."""

SYSTEM = ("/proc/", "/sys/", "/dev/", "/etc/")
INSTALLED = ("site-packages", "dist-packages", os.path.dirname(os.__file__))

_listening: list[set[str]] = []


@contextmanager
def noticed() -> Iterator[set[str]]:
    """The files of numbers that are opened for reading within the block."""
    _listen()
    found: set[str] = set()

    def hearing(read: Callable[..., Any]) -> Callable[..., Any]:
        def reading(file: Any, *args: Any, **named: Any) -> Any:
            _note(file)
            return read(file, *args, **named)

        return reading

    _listening.append(found)
    try:
        with ExitStack() as stack:  # these two read below Python
            stack.enter_context(_replaced(torch.jit, "load", hearing(torch.jit.load)))
            from_file = staticmethod(hearing(torch.UntypedStorage.from_file))
            stack.enter_context(_replaced(torch.UntypedStorage, "from_file", from_file))
            yield found
    finally:
        _listening.remove(found)


@contextmanager
def other_numbers() -> Iterator[set[str]]:
    """Within the block files hold other numbers, and modules load none.

    Yields:
        The files of which that is so.
    """
    known: set[str] = set()

    def differing(read: Callable[..., Any]) -> Callable[..., Any]:
        def reading(file: Any, *args: Any, **named: Any) -> Any:
            known.update(_path(file))
            return _other(read(file, *args, **named))

        return reading

    with ExitStack() as stack:
        for owner, name in READERS:
            stack.enter_context(_replaced(owner, name, differing(getattr(owner, name))))
        stack.enter_context(_replaced(nn.Module, "load_state_dict", lambda *_, **__: _IncompatibleKeys([], [])))
        yield known


@functools.cache
def _listen() -> None:
    def hear(event: str, args: tuple) -> None:
        if _listening and event == "open":
            path, mode, flags = args
            writes = set(mode) & set("wax") if isinstance(mode, str) else flags & (os.O_WRONLY | os.O_RDWR)
            if not writes:
                _note(path)

    sys.addaudithook(hear)  # for good: it can not be removed


def _note(file: Any) -> None:
    for path in _path(file):
        if _counts(path):
            for found in _listening:
                found.add(path)


def _path(file: Any) -> list[str]:
    """The path of a file, or of what is open; none if there is none."""
    name = getattr(file, "name", file) if not isinstance(file, os.PathLike) else file
    return [os.path.abspath(os.fsdecode(name))] if isinstance(name, (str, bytes, os.PathLike)) else []


def _counts(path: str) -> bool:
    ending = Path(path).suffix.lower()
    if ending in SETTINGS or path.startswith(SYSTEM) or os.path.isdir(path):
        return False
    return ending in NUMBERS or not any(place in path for place in INSTALLED)


def _other(value: Any) -> Any:
    """The same with other numbers.

    Raises:
        TypeError: if it is of a kind whose numbers are not known.
    """
    if isinstance(value, nn.Parameter):
        return nn.Parameter(_other(value.detach()), value.requires_grad)
    if isinstance(value, (Tensor, np.ndarray)):
        real = value.dtype.kind in "fc" if isinstance(value, np.ndarray) else value.is_floating_point()
        return value * 1.25 + 0.125 if real or getattr(value, "is_complex", bool)() else value
    if isinstance(value, (Mapping, np.lib.npyio.NpzFile)):
        return {key: _other(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        parts = [_other(one) for one in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, nn.Module):
        with torch.no_grad():
            for one in (*value.parameters(), *value.buffers()):
                one.copy_(_other(one.detach()))
        return value
    if value is None or isinstance(value, (str, bytes, int, float, torch.Size, torch.dtype)):
        return value
    raise TypeError(f"the numbers of a {type(value).__name__} are not known")


@contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """An attribute replaced within the block."""
    before = vars(owner).get(name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if before is None:  # it was inherited
            delattr(owner, name)
        else:
            setattr(owner, name, before)
