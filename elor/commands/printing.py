"""How commands print: captions stand out on a terminal, and only there; NO_COLOR is respected."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

import typer

from elor.report.text import Block, Format, render


def echo(blocks: Sequence[Block], how: Format) -> None:
    """Print blocks; without escape codes where the output is no terminal or NO_COLOR is set (no-color.org)."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    typer.echo(render(blocks, how, partial(typer.style, bold=True)), color=False if plain else None)
