"""What all processes of one run of the tests share on disk: made by whoever needs it first, deleted at the end."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

FOLDER = "ELOR_TESTS_SHARED"
"""The environment variable that names the folder."""


def begin() -> None:
    """Make the folder, unless this is a worker of pytest-xdist: those inherit the environment of who starts them."""
    if FOLDER not in os.environ:
        os.environ[FOLDER] = tempfile.mkdtemp(prefix="elor-tests-")
        atexit.register(shutil.rmtree, os.environ[FOLDER], ignore_errors=True)


def shared(name: str, make: Callable[[Path], object]) -> Path:
    """A folder that is always the same, made once for all processes.

    Args:
        name: names it; what is named alike is taken for the same.
        make: writes it into an empty folder.
    """
    root = Path(os.environ[FOLDER])
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / name).is_dir():
            part = Path(tempfile.mkdtemp(dir=root))
            make(part)
            part.rename(root / name)  # only now, lest half of it is taken for the whole
    return root / name


def share_vectors(scratch: Path) -> None:
    """Let a scratch folder keep openSMILE's vectors where all tests keep them, by the digest of what they describe."""
    scratch.mkdir(parents=True, exist_ok=True)
    (scratch / "is10").symlink_to(shared("is10", lambda folder: None), target_is_directory=True)
