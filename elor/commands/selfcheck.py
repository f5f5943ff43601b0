"""`elor selfcheck`: does this machine's analysis find what is known to be there?"""

from pathlib import Path
from typing import Annotated

import typer

from elor.commands.printing import AsJson, How, Output, answer
from elor.report.text import Format


def selfcheck(
    quick: Annotated[bool, typer.Option("--quick", help="Three networks per set, and no corpus.")] = False,
    data: Annotated[Path, typer.Option(help="A workspace's folder data/, for its trained networks.")] = Path("data"),
    seed: Annotated[int, typer.Option(min=0, help="Of signals, networks and the sample of utterances.")] = 1,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; by default one per core.")] = None,
    as_json: AsJson = False,
    output: Output = None,
    how: How = Format.terminal,
) -> None:
    """Measure which methods of attribution find cues whose place is known.

    Small networks are trained on planted cues (two heads beside a loud
    distractor, a pitch at random times, a number of pauses, a level, a
    spurious hum, random labels), and every method is scored on them. With the
    networks of a demonstration run in data/, the synthesiser also speaks
    utterances again with one cue changed, which says what ELoR really uses.

    Exit status 1 if occlusion, the reference, misses a truth, or if any
    method finds one in random labels.

    Examples:

    \b
        elor selfcheck
        elor selfcheck --quick
        elor selfcheck --json -o selfcheck.json
    """
    from elor.engine import Engine
    from elor.explain.selfcheck.methods import Amount
    from elor.explain.selfcheck.suite import selfcheck as measured
    from elor.files import plain
    from elor.report.selfcheck import blocks

    amount = Amount(networks=3) if quick else Amount()
    found = measured(amount, None if quick else data, seed, Engine("cpu", workers))
    answer(plain(found), blocks(found), how, as_json, output)
    if found["failures"]:
        raise typer.Exit(1)
