"""What a stage costs: time, and the memory of the stage with all its worker processes.

metrics/cost/ is no output that DVC knows: it differs from run to run, and dvc.lock shall be the same for the same
numbers. It tells of the last run of the stage on this machine.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from elor import arithmetic
from elor.files import write_json

LOOK_EVERY_S = 0.25
MIB = 1024**2


class Watch(threading.Thread):
    """Looks at this process and its descendants, and keeps the peak of their private memory and their CPU time."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self.cpu: dict[int, float] = {}
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.wait(LOOK_EVERY_S):
            self.look()

    def look(self) -> None:
        """One look; a process that ends meanwhile is passed over."""
        own = psutil.Process()
        total = 0
        for process in [own, *own.children(recursive=True)]:
            try:
                with process.oneshot():
                    memory, times = process.memory_info(), process.cpu_times()
            except psutil.Error:
                continue
            total += memory.rss - getattr(memory, "shared", 0)  # mapped arrays are the disk's memory, not ours
            self.cpu[process.pid] = times.user + times.system
        self.peak = max(self.peak, total)

    def stop(self) -> None:
        """Take a last look and end."""
        self._end.set()
        self.join()
        self.look()


@contextmanager
def costs(stage: str) -> Iterator[None]:
    """Write metrics/cost/<stage>.json when the stage has ended well."""
    start, watch = time.monotonic(), Watch()
    watch.start()
    try:
        yield
    finally:
        watch.stop()
    cost = {
        "seconds": time.monotonic() - start,
        "cpu_seconds": sum(watch.cpu.values()),
        "peak_mb": watch.peak / MIB,
        "cores": psutil.cpu_count(),
        "processor": arithmetic.processor(),
        "doubts": arithmetic.doubts(),
    }
    write_json(Path("metrics/cost") / f"{stage}.json", cost, digits=1)
