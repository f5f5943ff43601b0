"""The only place that knows where independent jobs run.

A job is a pure function of its arguments and files, so its result does not depend on how many workers there are or
in which order they finish. Local workers are processes with one thread each; GPUs are dealt out in turn, and several
jobs may share one. With an address, a Dask cluster does the same work: Slurm, Kubernetes and SSH come with Dask's
own launchers. Workers must see the same files.
"""

import importlib
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import connection
from typing import Any, Generic, TypeVar

from elor import arithmetic
from elor.errors import UserError
from elor.progress import Progress

Result = TypeVar("Result")

LARGE, SMALL, ANALYSIS = 2, 8, 16
"""Jobs that share a GPU: networks on raw audio, whose products fill it; small networks, which wait for their many
small kernels to be launched; and analysis, which spends most of its time on a core."""

POLL_S = 1.0


def available_cores() -> int:
    """Cores that this process may use (a container's or a batch system's share, not the machine's)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class _Work(Generic[Result]):
    """What `Engine.run` was asked for."""

    function: Callable[..., Result]
    jobs: Sequence[tuple]
    watch: Callable[[], None]
    finished: Callable[[int, Result], None]


@dataclass(frozen=True)
class Engine:
    """Where jobs run.

    Attributes:
        device: `auto` (a GPU if there is one), `cpu`, `cuda`, `cuda:1`.
        workers: how many jobs at a time; None: one per core, or some per GPU.
        address: of a Dask scheduler; None: processes here.
        per_gpu: how many of these jobs may share a GPU: `LARGE`, `SMALL` or `ANALYSIS`. More than `LARGE` need a core
            each.
    """

    device: str = "auto"
    workers: int | None = None
    address: str | None = None
    per_gpu: int = LARGE

    def devices(self) -> list[str]:
        """The devices that jobs are dealt to, in turn.

        Raises:
            UserError: if a GPU is asked for that this machine does not show.
        """
        if self.address or self.device == "cpu":  # on a cluster its machines decide, see `elor.device.local`
            return [self.device]
        from elor.device import resolved

        return resolved(self.device)

    def count(self) -> int:
        """How many local jobs run at a time."""
        devices, cores = self.devices(), available_cores()
        if self.workers or devices == ["cpu"]:
            return self.workers or cores
        return min(self.per_gpu, max(LARGE, cores // len(devices))) * len(devices)

    def run(
        self,
        function: Callable[..., Result],
        jobs: Sequence[tuple],
        watch: Callable[[], None] = lambda: None,
        finished: Callable[[int, Result], None] = lambda index, result: None,
    ) -> list[Result]:
        """Run `function(*job)` for every job and return the results in the jobs' order.

        Args:
            function: importable by its name.
            jobs: arguments of each call.
            watch: called about once a second while jobs run, to show the progress inside them.
            finished: called with a job's index and its result as soon as it has ended.

        Raises:
            UserError: if workers die again and again, or the cluster does not answer.
        """
        if not jobs:
            return []
        work = _Work(function, jobs, watch, finished)
        return self._on_dask(work) if self.address else self._here(work)

    def track(
        self, function: Callable[..., Result], jobs: Sequence[tuple], title: str, sizes: Sequence[int], unit: str
    ) -> list[Result]:
        """`run`, with progress in units of work: of every job `sizes`, called `unit` in the singular."""
        with Progress(title, sum(sizes), unit) as progress:
            return self.run(function, jobs, finished=lambda index, result: progress.advance(sizes[index]))

    def _here(self, work: _Work[Result]) -> list[Result]:
        jobs, results = work.jobs, {}
        for _attempt in range(3):  # a worker that the system killed takes the pool with it; its jobs resume
            try:
                with _pool(min(self.count(), len(jobs) - len(results)), work.function.__module__) as pool:
                    left = {
                        pool.submit(work.function, *job): index
                        for index, job in enumerate(jobs)
                        if index not in results
                    }
                    for future in _as_they_finish(list(left), work.watch):
                        results[left[future]] = future.result()
                        work.finished(left[future], results[left[future]])
                return [results[index] for index in range(len(jobs))]
            except BrokenProcessPool:
                continue
        raise UserError(
            "Worker processes were killed three times in a row, probably for want of memory; set a smaller "
            "engine.workers and run again: finished work is kept. (A script of your own calls elor below "
            "`if __name__ == '__main__':`, since every worker reads it again.)"
        )

    def _on_dask(self, work: _Work[Result]) -> list[Result]:
        try:
            from distributed import Client, KilledWorker
        except ModuleNotFoundError:
            raise UserError("engine.address needs Dask: pip install 'elor[dask]'.") from None
        try:
            client = Client(self.address, timeout=10)
        except (OSError, ValueError) as error:
            raise UserError(
                f"No Dask scheduler answers at engine.address {self.address} ({type(error).__name__}); start it or "
                "leave the address empty."
            ) from None
        with client:
            futures = [client.submit(_on_a_node, work.function, job, pure=False, retries=3) for job in work.jobs]
            results: dict[int, Result] = {}
            conditions = []
            while len(results) < len(futures):
                work.watch()
                time.sleep(POLL_S)
                for index, future in enumerate(futures):
                    if index not in results and future.done():
                        try:
                            results[index], found = future.result()
                        except KilledWorker:
                            raise UserError(
                                "Workers of the cluster died again and again, probably for want of memory; give them "
                                "more and run again: finished work is kept."
                            ) from None
                        conditions.append(found)
                        work.finished(index, results[index])
        arithmetic.compare(conditions)
        return [results[index] for index in range(len(futures))]


@contextmanager
def _pool(workers: int, module: str) -> Iterator[Executor]:
    """Processes that run one thread each and never outlive this one.

    They fork from one server that has imported the jobs' module, once: the next round's workers are warm. PyTorch puts
    off one import of seconds until a process first sets a seed or makes an optimiser: the server does that, too.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([module, *(["torch._dynamo"] if "torch" in sys.modules else [])])
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_become_worker, initargs=(module,))
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _become_worker(module: str) -> None:
    """One thread, since jobs side by side beat threads inside a job; and the end when the parent ends, however it does.

    What computes with torch has loaded it when its module is loaded.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None, "only a worker has a parent"

    def end_with_parent() -> None:
        connection.wait([parent.sentinel])  # not getppid: a fork server lives as long as its workers
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
    importlib.import_module(module)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def _on_a_node(function: Callable[..., Any], job: tuple) -> tuple[Any, arithmetic.Conditions]:
    """A job on a Dask worker: one thread, so that its sums are the ones of a local worker; and under which conditions.

    A worker names itself by its address, which tells two on one machine apart.
    """
    import torch
    from distributed import get_worker

    torch.set_num_threads(1)
    result = function(*job)
    found = arithmetic.conditions()
    return result, replace(found, where=f"{get_worker().address} ({found.where})")


def _as_they_finish(futures: list[Future], watch: Callable[[], None]) -> Iterator[Future]:
    """Futures as they finish, with `watch` called in between."""
    pending = set(futures)
    while pending:
        done, pending = wait(pending, timeout=POLL_S, return_when="FIRST_COMPLETED")
        watch()
        yield from done
