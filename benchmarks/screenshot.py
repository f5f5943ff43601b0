"""The picture in the README: the first screen of the page that a run ends with, `python -m benchmarks.screenshot`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.measure import ROOT
from benchmarks.publish import command
from elor.errors import UserError
from tests.report.browser import CHROMIUM, NO_BROWSER, Browser

WIDTH, HEIGHT = 1280, 800
"""Of the window, in pixels."""


def main(
    page: Annotated[Path, typer.Argument(help="The page.")] = ROOT / "plots" / "report.html",
    output: Annotated[Path, typer.Option("--output", "-o", help="The picture.")] = ROOT / "docs" / "page.png",
) -> None:
    """Photograph a page in headless Chromium.

    Raises:
        UserError: if there is no such page, or no Chromium.
    """
    if not page.is_file():
        raise UserError(f"{page} does not exist: run dvc repro, which makes it.")
    if CHROMIUM is None:
        raise UserError(f"A picture needs Chromium, and {NO_BROWSER}.")
    with tempfile.TemporaryDirectory(prefix="elor-") as profile, Browser(Path(profile)) as browser:
        browser.open(page, WIDTH, HEIGHT)
        browser.screenshot(output, whole=False)


if __name__ == "__main__":
    command(main)
