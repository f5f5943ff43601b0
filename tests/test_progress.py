"""Progress in a log: lines now and then, with the time left."""

import io
import sys

import pytest

from elor import progress


def test_a_log_gets_lines_with_the_time_left(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress.Progress("work", total=10, unit="job") as bar:
        bar.resume(2)
        now[0] = 10.0
        bar.advance(note="early")  # too soon for a line
        now[0] = 20.0
        bar.advance(note="third")
        now[0] = 40.0
        bar.advance()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "work: 2/10 jobs, resumed"
    assert lines[1] == "work: 4/10 jobs, 1 min 00 s left, third"  # two jobs took 20 s, six are left
    assert lines[2] == "work: 5/10 jobs, 1 min 07 s left, third"
    assert lines[3] == "work: 5/10 jobs, done in 40 s, third"


def test_nothing_is_said_of_the_time_before_anything_is_done(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress.Progress("work", total=2) as bar:
        now[0] = 100.0
        bar.advance(0)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(4, "4 s"), (200, "3 min 20 s"), (7500, "2 h 05 min"), (59.7, "1 min 00 s"), (59.4, "59 s")]
)
def test_clock(seconds: float, text: str) -> None:
    assert progress.clock(seconds) == text


def test_track_yields_everything() -> None:
    assert list(progress.track("abc", "letters", 3)) == list("abc")


@pytest.mark.parametrize(("steps", "left"), [(4, True), (1, False)])
def test_a_terminal_keeps_full_bars_alone(monkeypatch: pytest.MonkeyPatch, steps: int, left: bool) -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress.Progress("IS10", total=4) as bar:
        bar.advance(steps)
    last = "".join(terminal.getvalue().rsplit("\r", 2)[1:])
    assert ("4/4" in last) == left
    assert bool(last.strip()) == left  # what is cleared is spaces
