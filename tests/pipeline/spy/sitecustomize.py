"""Notes every file below the working folder that a Python process opens for reading (on PYTHONPATH in tests only)."""

import os
import sys

LOG = os.environ.get("ELOR_SPY_LOG")
ROOT = os.environ.get("ELOR_SPY_ROOT", "")


def note(event: str, arguments: tuple) -> None:
    """Write `<stage>\t<path>` for a file of the repository that is opened to be read."""
    if event != "open" or not isinstance(arguments[0], (str, bytes, os.PathLike)):
        return
    path, mode, flags = os.path.abspath(os.fsdecode(arguments[0])), arguments[1], arguments[2]
    writes = isinstance(mode, str) and any(letter in mode for letter in "wax+")
    if writes or flags & (os.O_WRONLY | os.O_RDWR) or not path.startswith(ROOT):
        return
    stage = os.environ.get("ELOR_SPY_STAGE") or " ".join(part for part in sys.orig_argv if part.startswith("stages."))
    descriptor = os.open(LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{stage or sys.orig_argv[-1]}\t{os.path.relpath(path, ROOT)}\n".encode())
    os.close(descriptor)


if LOG:
    if len(sys.orig_argv) > 2 and sys.orig_argv[1] == "-m" and sys.orig_argv[2].startswith("stages."):
        os.environ["ELOR_SPY_STAGE"] = " ".join(sys.orig_argv[2:])  # worker processes inherit it
    sys.addaudithook(note)
