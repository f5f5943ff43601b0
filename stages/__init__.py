"""The door that every stage passes: one Typer script per stage, run as `python -m stages.<name>`.

It sets the arithmetic that params.yaml names, before numpy and torch are loaded. `main` turns a stage's function into a
command that guards its outputs against a second run at the same time, ends a user's mistake in one sentence, and leaves
time and peak memory in metrics/cost/.
"""

import importlib.util
import sys
from contextlib import contextmanager, suppress

if any(importlib.util.find_spec(name) is None for name in ("numpy", "pydantic", "torch", "typer")):
    sys.exit(
        f"{sys.executable} lacks the project's packages: run `make venv`, then `source .venv/bin/activate`, then again."
    )

from elor import arithmetic
from elor.errors import UserError, told
from elor.params import load_start

with suppress(UserError):  # the stage itself will say what is wrong with params.yaml
    params = load_start()
    arithmetic.hold(params.arithmetic)

import fcntl
import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import typer

from elor.files import digest, scratch_folder, unusable
from stages.cost import costs
from stages.inputs import unchanged

DATA, METRICS = Path("data"), Path("metrics")
"""Where stages write, in the working folder."""


def main(function: Callable[..., Callable[[], None] | None]) -> None:
    """Run a stage's function as a command; its positional argument, if any, is the part after `@`.

    What the function returns is called once its results are known to count, for instance to discard unfinished work.
    """

    @functools.wraps(function)
    def command(*args: str, **kwargs: str) -> None:
        stage = "@".join([function.__name__, *args, *kwargs.values()])
        if overruled := arithmetic.overruled():
            print(f"{stage}: {overruled}", file=sys.stderr)
        try:
            with _alone(stage), costs(stage):
                with unchanged(stage):
                    after = function(*args, **kwargs)
                if after is not None:
                    after()
            for doubt in arithmetic.doubts():
                print(f"{stage}: bytes may differ from those of other machines: {doubt}.", file=sys.stderr)
        except UserError as error:
            print(f"{stage}: {error}", file=sys.stderr)
            raise typer.Exit(1) from None
        except OSError as error:  # no permission, a folder that is a file, a name too long
            if error.filename is None:
                raise
            print(f"{stage}: {told(error)}", file=sys.stderr)
            raise typer.Exit(1) from None

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(command)
    app()


@contextmanager
def _alone(stage: str) -> Iterator[None]:
    """Hold the stage's lock: a killed `dvc repro` leaves its stage running while the next one begins."""
    path = scratch_folder("locks") / digest([str(Path.cwd()), stage])
    try:
        lock = path.open("w")
    except OSError as error:
        raise unusable(path.parent.parent, error) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{stage}: an earlier run of this stage is still at work; waiting for it to end.", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
