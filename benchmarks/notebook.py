"""The notebook of the pages, executed in an empty folder: `python -m benchmarks.notebook` writes its outputs anew."""

from __future__ import annotations

import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from benchmarks.measure import ROOT
from benchmarks.publish import command

NOTEBOOK = ROOT / "docs" / "notebook.ipynb"
LONGEST_S = 600
"""Seconds that a cell may take."""


def executed(path: Path = NOTEBOOK) -> NotebookNode:
    """A notebook as it is after a run from top to bottom in an empty folder, without what differs from run to run.

    Progress, which tells times, goes; so do the times of cells, and the versions of Python.

    Raises:
        CellExecutionError: if a cell fails.
    """
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory(prefix="elor-") as folder:
        client = NotebookClient(
            notebook, timeout=LONGEST_S, record_timing=False, resources={"metadata": {"path": folder}}
        )
        client.execute()
    notebook.metadata = nbformat.read(path, as_version=4).metadata
    for cell in notebook.cells:
        cell.metadata.clear()
        if cell.cell_type == "code":
            cell.outputs = [one for one in cell.outputs if one.get("name") != "stderr"]
            for data in (one.data for one in cell.outputs if "text/html" in one.get("data", {})):
                data.pop("text/plain")  # the same again, longer
    return notebook


def main() -> None:
    """Execute docs/notebook.ipynb, and keep what it shows."""
    nbformat.write(executed(), NOTEBOOK)


if __name__ == "__main__":
    command(main)
