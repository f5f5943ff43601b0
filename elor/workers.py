"""Worker processes, whoever starts them: how many there may be, and that none outlives its parent."""

from __future__ import annotations

import multiprocessing
import os
import threading
from multiprocessing import connection


def available_cores() -> int:
    """Cores that this process may use (a container's or a batch system's share, not the machine's)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def end_with_parent() -> None:
    """Make this worker end when its parent does, however that ends; call it in the worker."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "only a worker has a parent"

    def watch() -> None:
        connection.wait([parent.sentinel])  # not getppid: a fork server lives as long as its workers
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
