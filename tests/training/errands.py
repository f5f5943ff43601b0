"""Jobs for workers to do. Nothing is imported that takes a worker seconds to load."""

import os
import signal
import time
from pathlib import Path


def square(value: int) -> int:
    time.sleep(0.05 * (3 - value % 3))  # later jobs finish first
    return value**2


def fail(message: str) -> None:
    raise ValueError(message)


def die_once(marker: str, value: int) -> int:
    """Kills its own worker the first time it runs."""
    path = Path(marker)
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return value


def die_always() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def linger(folder: str) -> None:
    (Path(folder) / f"{os.getpid()}.pid").touch()
    time.sleep(120)
