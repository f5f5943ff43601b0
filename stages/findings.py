"""What the stages `figures` and `report` share: everything that the run has found."""

from pathlib import Path

from elor.params import Params
from elor.report.findings import Findings
from stages import DATA, METRICS


def findings(params: Params) -> Findings:
    """Read what all stages before have written."""
    names = [head.name for head in params.labels.asked.heads]
    return Findings.read(METRICS, DATA, Path("plots/data"), names)
