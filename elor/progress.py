"""Progress of long work: a bar on a terminal, now and then a line in a log, always with the time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")

LOG_EVERY_S = 15.0
"""Seconds between two lines where no terminal shows a bar."""


class Progress:
    """Counts steps towards a total; a context manager.

    Example:
        >>> with Progress("IS10", total=2, unit="slice") as progress:
        ...     progress.advance()
        ...     progress.advance(note="Ses01F")
    """

    def __init__(self, title: str, total: int, unit: str = "step") -> None:
        self.title, self.total, self.unit = title, total, unit
        self.done = 0
        self._first = 0  # steps that were done before this run: they say nothing about its speed
        self._started = self._spoke = time.monotonic()
        self._bar: tqdm | None = None
        self._note = ""

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            self._bar = tqdm(total=self.total, desc=self.title, unit=self.unit, file=sys.stderr)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.leave = self.done >= self.total  # no half bar of what ended early
            self._bar.close()
        elif exception[0] is None and self.done > self._first:
            self._say(f"done in {clock(time.monotonic() - self._started)}{self._noted()}")

    def resume(self, done: int) -> None:
        """Start counting at `done`: what an earlier, killed run had finished."""
        self.done = self._first = done
        if self._bar is not None:
            self._bar.initial = self._bar.n = done
            self._bar.refresh()
        elif done:
            self._say("resumed")

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Count finished steps; `note` says what was last done, and stands until there is another."""
        self.done += steps
        self._note = note or self._note
        if self._bar is not None:
            if note:
                self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(steps)
            return
        now = time.monotonic()
        if now - self._spoke >= LOG_EVERY_S and self.done > self._first:
            self._spoke = now
            left = (self.total - self.done) * (now - self._started) / max(1, self.done - self._first)
            self._say(f"{clock(left)} left{self._noted()}")

    def _noted(self) -> str:
        return f", {self._note}" if self._note else ""

    def _say(self, text: str) -> None:
        print(f"{self.title}: {self.done}/{self.total} {self.unit}s, {text}", file=sys.stderr, flush=True)


def track(items: Iterable[Item], title: str, total: int, unit: str = "step") -> Iterator[Item]:
    """Iterate over `items` with a `Progress` beside it."""
    with Progress(title, total, unit) as progress:
        for item in items:
            yield item
            progress.advance()


def clock(seconds: float) -> str:
    """Seconds as people read them: `42 s`, `3 min 20 s`, `2 h 05 min`."""
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
