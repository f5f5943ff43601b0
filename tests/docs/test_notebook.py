"""docs/notebook.ipynb was executed as it stands, says nothing of a machine, and says the same when executed again."""

from __future__ import annotations

import re
from typing import Any

import nbformat
import pytest

from benchmarks.notebook import NOTEBOOK, executed
from tests.docs.place import ROOT

SHOWN = nbformat.read(NOTEBOOK, as_version=4)


def outputs(notebook: nbformat.NotebookNode) -> list[list[Any]]:
    """Of every cell of code what it printed and showed; of pictures only that there is one."""
    return [list(map(said, cell.outputs)) for cell in notebook.cells if cell.cell_type == "code"]


def said(output: nbformat.NotebookNode) -> Any:
    """One output as text, or its forms by their kind."""
    return output.get("text") or {kind: "image/" in kind or text for kind, text in output["data"].items()}


def test_it_was_executed_from_top_to_bottom() -> None:
    cells = [cell for cell in SHOWN.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, 1 + len(cells)))
    assert all(cell.outputs for cell in cells)
    kinds = [kind for cell in cells for one in cell.outputs for kind in one.get("data", {})]
    assert (kinds.count("image/png"), kinds.count("text/html")) == (4, 4)


def test_it_is_small_and_says_nothing_of_a_machine() -> None:
    text = NOTEBOOK.read_text()
    assert len(text) < 600_000
    said = re.sub(r'"image/png": "[^"]*"', "", text)
    assert not re.search(r"/home/|/tmp/|/root/|/usr/|\b20\d\d-\d\d-\d\d|0x[0-9a-f]{8}", said)


def test_the_readme_leads_to_it() -> None:
    assert "(docs/notebook.ipynb)" in (ROOT / "README.md").read_text()


@pytest.mark.slow
def test_it_says_the_same_again() -> None:
    assert outputs(executed()) == outputs(SHOWN)
