"""Stage `figures`: the paper's figures redrawn."""

from pathlib import Path

from elor.params import load
from elor.report.album import write_figures
from stages import main
from stages.findings import findings


def figures() -> None:
    """Write plots/figures/*.png, the same as SVG to plots/paper/, and plots/paper/captions.json."""
    write_figures(findings(load()), Path("plots/figures"), Path("plots/paper"))


if __name__ == "__main__":
    main(figures)
