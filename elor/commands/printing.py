"""How commands print, and end after a batch: captions stand out on a terminal alone; NO_COLOR is respected."""

import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from elor.errors import UserError
from elor.files import write_text
from elor.report.text import WIDTH, Block, Format, render

How = Annotated[Format, typer.Option("--format", "-f", help="LaTeX needs the package booktabs.")]
AsJson = Annotated[bool, typer.Option("--json", help="The numbers as JSON, in place of tables.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Write it to this file.")]

PAGE = Path("plots/report.html")
"""The page of a workspace, beside its metrics."""


def echo(blocks: Sequence[Block], how: Format, page: Path | None = None) -> None:
    """Print blocks, as wide as the terminal, and which page to open.

    Without escape codes on no terminal, or if NO_COLOR is set (no-color.org).
    """
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    width = shutil.get_terminal_size((WIDTH, 0)).columns
    typer.echo(render(blocks, how, partial(typer.style, bold=True), width), color=False if plain else None)
    if page is not None and how is Format.terminal:
        typer.echo(f"\nOpen {page}")


def answer(
    tree: object, blocks: Sequence[Block], how: Format, as_json: bool, output: Path | None, metrics: Path | None = None
) -> None:
    """Print blocks, and on a terminal where the page of these metrics is; or `tree` as JSON; or write it to a file."""
    if output is not None:
        write_text(output, f"{json.dumps(tree, indent=2) if as_json else render(blocks, how)}\n")
    elif as_json:
        typer.echo(json.dumps(tree, indent=2))
    else:
        page = metrics.parent / PAGE if metrics is not None else None
        echo(blocks, how, page if page and page.is_file() else None)


def setting(key: str, value: object) -> str:
    """An option `-S key=value` of `dvc exp run` that can be pasted into a shell, whatever the value is.

    DVC reads it by Hydra's grammar: commas, brackets and letters beyond ASCII must stand in quotes of their own.
    """
    text = str(value)
    if not re.fullmatch(r"[\w./@%+:-]+", text, re.ASCII):
        text = "'" + re.sub(r"(\\*)'", r"\1\1\\'", re.sub(r"(\\+)$", r"\1\1", text)) + "'"
    return f"-S {shlex.quote(f'{key}={text}')}"


def refuse_idle(given: Mapping[str, bool], belongs: str) -> None:
    """Refuse options that would change nothing.

    Args:
        given: whether it was given, by the option's name.
        belongs: without what it does nothing, after "without".

    Raises:
        UserError: naming those that were given.
    """
    if names := [name for name, is_given in given.items() if is_given]:
        raise UserError(f"{' and '.join(names)} would change nothing without {belongs}; leave it out.")


def refuse(failed: Mapping[str, str], files: int, verb: str, done: str) -> NoReturn:
    """Name the recordings that a verb could not take, each in one sentence, and exit with status 1.

    Args:
        failed: the reasons, by path.
        files: how many recordings were given.
        verb: of `elor`.
        done: what could not be done to them, a participle.
    """
    for reason in failed.values():
        print(f"elor {verb}: {reason}", file=sys.stderr)
    if files > 1:
        print(f"elor {verb}: {len(failed)} of {files} recordings could not be {done}.", file=sys.stderr)
    raise typer.Exit(1)
