"""How commands print, and end after a batch: captions stand out on a terminal alone; NO_COLOR is respected."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NoReturn

import typer

from elor.report.text import WIDTH, Block, Format, render


def echo(blocks: Sequence[Block], how: Format) -> None:
    """Print blocks, as wide as the terminal; without escape codes on none, or if NO_COLOR is set (no-color.org)."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    width = min(WIDTH, shutil.get_terminal_size((WIDTH, 0)).columns) if sys.stdout.isatty() else WIDTH
    typer.echo(render(blocks, how, partial(typer.style, bold=True), width), color=False if plain else None)


def setting(key: str, value: object) -> str:
    """An option `-S key=value` of `dvc exp run` that can be pasted into a shell, whatever the value is.

    DVC reads it by Hydra's grammar: commas, brackets and letters beyond ASCII must stand in quotes of their own.
    """
    text = str(value)
    if not re.fullmatch(r"[\w./@%+:-]+", text, re.ASCII):
        text = "'" + re.sub(r"(\\*)'", r"\1\1\\'", re.sub(r"(\\+)$", r"\1\1", text)) + "'"
    return f"-S {shlex.quote(f'{key}={text}')}"


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
