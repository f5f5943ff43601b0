"""What came of one input: it was read, it was refused in one sentence, or something broke."""

from __future__ import annotations

import resource
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from numpy.random import Generator

from elor.errors import UserError

Attempt = Callable[[Generator], None]
"""Makes one spoiled input by the generator's draws and reads it; raises what the reader raises."""

ALLOWED_CPU_S = 10
ALLOWED_S = 300
"""Of a clock that also runs while nothing is computed, and while other processes are at work."""

ALLOWED_MIB = 600


class Hang(BaseException):
    """Too slow; no Exception, so that no reader takes it for a fault of the file."""


class Wrong(AssertionError):
    """A reader took a damaged file for a good one, or left something half-written."""


@dataclass(frozen=True)
class Verdict:
    """`read`, `refused`, or what broke: `traceback`, `hang`, `blow-up`, `wrong`; and where, or in which words."""

    outcome: str
    text: str = ""


BROKEN = ("traceback", "hang", "blow-up", "wrong")


def judge(attempt: Attempt, draw: Generator) -> Verdict:
    """Try one input."""
    before = _peak_mib()
    try:
        with _limited():
            attempt(draw)
    except UserError as error:
        found = Verdict("refused" if _one_sentence(str(error)) else "traceback", str(error)[:300])
    except Wrong as error:
        found = Verdict("wrong", str(error))
    except Hang:
        found = Verdict("hang")
    except Exception as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/elor/" in frame.filename]
        place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "outside"
        found = Verdict("traceback", f"{place} {type(error).__name__}: {str(error)[:120]}")
    else:
        found = Verdict("read")
    if found.outcome in ("read", "refused") and _peak_mib() - before > ALLOWED_MIB:
        return Verdict("blow-up", f"{_peak_mib() - before} MiB: {found.text}")
    return found


def _one_sentence(text: str) -> bool:
    return 0 < len(text) < 20_000 and "Traceback" not in text


def _peak_mib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


@contextmanager
def _limited() -> Iterator[None]:
    """Raise `Hang` in a block that takes longer, of the processor or of the clock."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise Hang

    timers = {signal.SIGPROF: (signal.ITIMER_PROF, ALLOWED_CPU_S), signal.SIGALRM: (signal.ITIMER_REAL, ALLOWED_S)}
    before = {number: signal.signal(number, ring) for number in timers}
    for timer, seconds in timers.values():
        signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        for number, (timer, _) in timers.items():
            signal.setitimer(timer, 0)
            signal.signal(number, before[number])
