"""`elor selfcheck`: does this machine's analysis find what is known to be there?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elor.commands.printing import echo
from elor.commands.results import How
from elor.errors import UserError
from elor.report.text import Format

if TYPE_CHECKING:
    from elor.explain.selfcheck.analysis import Amount
    from elor.training.engine import Engine

EXPECTED = {
    ("disjoint", "occlusion"),
    ("frequency", "occlusion"),
    ("frequency", "occlusion, mel bands"),
    ("hum", "occlusion, mel bands"),
    ("pauses", "occlusion, filled"),
}
"""Cues that these methods must find: occlusion is the reference. All else is a finding, not a requirement."""

LEARNED = 0.9
"""Accuracy from which a network counts as trained, and share of its predictions that must follow the planted cue."""


def selfcheck(
    quick: Annotated[bool, typer.Option("--quick", help="Three networks per set, and no corpus.")] = False,
    data: Annotated[Path, typer.Option(help="A workspace's folder data/, for its trained networks.")] = Path("data"),
    seed: Annotated[int, typer.Option(min=0, help="Of signals, networks and the sample of utterances.")] = 1,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; by default one per core.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write all numbers here as well.", show_default=False)] = None,
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
        elor selfcheck --json selfcheck.json --format markdown
    """
    from elor.explain.selfcheck.analysis import Amount
    from elor.files import write_json
    from elor.report.selfcheck import blocks
    from elor.training.engine import Engine

    amount, engine = Amount(networks=3) if quick else Amount(), Engine("cpu", workers)
    found = measured(amount, engine, seed, None if quick else data)
    if json is not None:
        write_json(json, found)
    echo(blocks(found), how)
    if found["failures"]:
        raise typer.Exit(1)


def measured(amount: Amount, engine: Engine, seed: int, data: Path | None) -> dict[str, Any]:
    """Train, score and summarise.

    Args:
        amount: of networks and signals.
        engine: where to compute.
        seed: of everything.
        data: a workspace's folder; None, or no demonstration run in it: the planted sets alone.

    Returns:
        `methods`: see `elor.explain.selfcheck.scoring.summarise`; `learned`: by set and model the mean of what
        interventions show; `networks`, per set; `failures`: sentences; `corpus`: see
        `elor.explain.selfcheck.counterfactuals.summarise`.
    """
    import pandas as pd

    from elor.explain.selfcheck.analysis import check
    from elor.explain.selfcheck.planted import SETS
    from elor.explain.selfcheck.scoring import summarise

    jobs = [(name, number, amount, seed) for name in SETS for number in range(amount.networks)]
    results = engine.track(check, jobs, "planted cues", [1] * len(jobs), "network")
    methods = summarise(pd.concat([one.scores for one in results]))
    means = pd.concat([one.learned for one in results]).groupby(["set", "model"], sort=False).mean(numeric_only=True)
    learned = {name: {model: means.loc[(name, model)].to_dict() for model in ("trained", "untrained")} for name in SETS}
    found: dict[str, Any] = {"methods": methods, "learned": learned, "networks": amount.networks}
    found["failures"] = failures(methods, learned)
    if data is not None and (data / "corpus" / "truth.csv").is_file():
        found["corpus"] = on_corpus(data, engine, seed)
    return found


def failures(methods: Mapping, learned: Mapping) -> list[str]:
    """What must not be: sentences, none if all is well."""
    from elor.explain.selfcheck.scoring import ALSO_LOUD, FINDS

    wrong = []
    for name in sorted({name for name, _ in EXPECTED} | {"level"}):
        trained = learned[name]["trained"]
        if min(trained["accuracy"], trained["own"]) < LEARNED:
            wrong.append(f"The networks did not learn the planted cue of {name} ({trained['accuracy']:.2f} right).")
    for name, method in sorted(EXPECTED):
        if (verdict := methods[name][method]["verdict"]) not in (FINDS, ALSO_LOUD):
            wrong.append(f"{method} should find the cue of {name}; its verdict is: {verdict}.")
    for method, entry in methods["random labels"].items():
        if entry["verdict"] in (FINDS, ALSO_LOUD):
            wrong.append(f"{method} finds a cue of random labels, where there is none.")
    return wrong


def on_corpus(data: Path, engine: Engine, seed: int, each: int = 2) -> dict[str, Any]:
    """Counterfactual pairs of the demonstration corpus through its own trained networks.

    Args:
        data: the workspace's folder, beside its params.yaml.
        engine: where to compute.
        seed: of the sample.
        each: utterances per speaker.

    Raises:
        UserError: if the corpus is not the one that params.yaml describes.
    """
    import pandas as pd

    from elor.corpora.demo import load_recipe, plan_utterance
    from elor.corpora.demo.casting import cast
    from elor.explain.selfcheck import counterfactuals
    from elor.params import load
    from elor.tables import read_table

    params, truth = load(data.parent / "params.yaml"), read_table(data / "corpus" / "truth.csv")
    recipe = load_recipe(data.parent / params.corpus.path)
    turns = cast(recipe, params.scale.utterances, params.seed)
    plans = [plan_utterance(recipe, t.speaker, t.valence, t.arousal, t.name, params.seed) for t in turns]
    if [plan.name for plan in plans] != truth["utterance"].tolist():
        raise UserError(f"{data / 'corpus'} is not the corpus that params.yaml describes; run dvc repro.")
    folds = read_table(data / "folds.csv").merge(read_table(data / "slices.csv")[["slice", "speaker"]], on="slice")
    tested = folds[folds["role"] == "test"].drop_duplicates("speaker")
    networks = {
        speaker: data / "models" / "elor" / f"{fold}.safetensors"
        for speaker, fold in zip(tested["speaker"], tested["fold"], strict=True)
    }
    jobs = counterfactuals.plan(recipe, plans, truth, networks, each, seed)
    rows = engine.track(
        counterfactuals.measure, [(job,) for job in jobs], "counterfactuals", [1] * len(jobs), "speaker"
    )
    return counterfactuals.summarise(pd.concat(rows, ignore_index=True), truth)
