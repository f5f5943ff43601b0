"""What the stages took: of the last run of each on this machine, and so in no file that dvc.lock names."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from elor.corpora.faults import plural
from elor.errors import UserError
from elor.progress import clock
from elor.report.results import Scores
from elor.report.text import Notes, Table, number

Costs = Mapping[str, Scores]
"""By stage seconds, cpu_seconds, peak_mb (in MiB, with its worker processes), cores, processor, and doubts, which are
the reasons why its bytes may differ on other machines."""


def read(metrics: Path) -> dict[str, Scores]:
    """Read <metrics>/cost/; empty where no stage has run on this machine, as in a fresh clone.

    Raises:
        UserError: if a file is no JSON.
    """
    return {path.stem: _json(path) for path in sorted((metrics / "cost").glob("*.json"))}


def _json(path: Path) -> Scores:
    """A file that outlives many versions, as a stage that need not run again leaves it: it has no schema."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is no JSON ({error}); delete it, it is for information only.") from None


def note(costs: Costs) -> Notes:
    """The whole in one sentence.

    Args:
        costs: of one stage at least.
    """
    total = clock(sum(one["seconds"] for one in costs.values()))
    longest = max(costs, key=lambda stage: costs[stage]["seconds"])
    widest = max(costs, key=lambda stage: costs[stage]["peak_mb"])
    text = (
        f"{plural(len(costs), 'stage')} took {total} when they last ran on this machine, the longest "
        f"{clock(costs[longest]['seconds'])} ({longest}); peak memory {number(costs[widest]['peak_mb'], 0)} MiB "
        f"({widest})."
    )
    return Notes("Time and memory", (text, *_doubts(costs)))


def _doubts(costs: Costs) -> Iterator[str]:
    """Per reason why bytes may differ on other machines, the stages that had it."""
    stages: dict[str, list[str]] = {}
    for stage, one in costs.items():
        for doubt in one.get("doubts", ()):
            stages.setdefault(doubt, []).append(stage)
    for doubt, names in stages.items():
        some = "every stage" if len(names) == len(costs) > 1 else ", ".join(names)
        yield f"Bytes may differ from those of other machines: {doubt} ({some})."


def table(costs: Costs) -> Table:
    """Stage by stage."""
    rows = tuple(
        (stage, number(one["seconds"], 1), number(one["cpu_seconds"], 1), number(one["peak_mb"], 0), str(one["cores"]))
        for stage, one in costs.items()
    )
    header = ("stage", "seconds", "CPU seconds", "peak MiB", "cores")
    return Table("What the stages took when they last ran on this machine", header, (rows,))
