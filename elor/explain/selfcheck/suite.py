"""The whole self-check: planted cues, then the demonstration corpus; and what must not be."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from elor.corpora.demo import load_recipe
from elor.corpora.demo.planted_cues import plans_of
from elor.engine import Engine
from elor.errors import UserError
from elor.evidence.names import Control
from elor.explain.counterfactuals import tested_by
from elor.explain.selfcheck import counterfactuals
from elor.explain.selfcheck.methods import Amount, check
from elor.explain.selfcheck.planted import SETS
from elor.explain.selfcheck.scoring import ALSO_LOUD, FINDS, WIDE, summarise
from elor.params import load
from elor.tables import read_table

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
    amount: Amount = Amount(),  # noqa: B008  # frozen
    data: Path | None = None,
    seed: int = 1,
    engine: Engine = Engine("cpu"),  # noqa: B008  # frozen
) -> dict[str, Any]:
    """Measure which methods of attribution find cues whose place is known.

    Args:
        amount: of networks and signals.
        data: a workspace's folder; None, or no demonstration run in it: the planted sets alone.
        seed: of everything.
        engine: where to compute.

    Returns:
        `methods`: see `elor.explain.selfcheck.scoring.summarise`; `learned`: by set and model the mean of what
        interventions show; `networks`, per set; `failures`: sentences; `corpus`: see
        `elor.explain.selfcheck.counterfactuals.summarise`.
    """
    jobs = [(name, number, amount, seed) for name in SETS for number in range(amount.networks)]
    results = engine.track(check, jobs, "planted cues", [1] * len(jobs), "network")
    methods = summarise(pd.concat([one.scores for one in results]))
    means = pd.concat([one.learned for one in results]).groupby(["set", "model"], sort=False).mean(numeric_only=True)
    learned = {
        name: {model: means.loc[(name, model)].to_dict() for model in ("trained", Control.initial)} for name in SETS
    }
    found: dict[str, Any] = {"methods": methods, "learned": learned, "networks": amount.networks}
    found["failures"] = failures(methods, learned)
    if data is not None and (data / "corpus" / "truth.csv").is_file():
        found["corpus"] = on_corpus(data, engine, seed)
    return found


def failures(methods: Mapping, learned: Mapping) -> list[str]:
    """What must not be: sentences, none if all is well."""
    wrong = []
    for name in sorted({name for name, _ in EXPECTED} | {"level"}):
        trained = learned[name]["trained"]
        if min(trained["accuracy"], trained["own"]) < LEARNED:
            wrong.append(f"The networks did not learn the planted cue of {name} ({trained['accuracy']:.2f} right).")
    for name, method in sorted(EXPECTED):
        if (verdict := methods[name][method]["verdict"]) not in (FINDS, ALSO_LOUD, WIDE):
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
    params, truth = load(data.parent / "params.yaml"), read_table(data / "corpus" / "truth.csv")
    if len(params.corpus.sources) > 1:
        raise UserError("The self-check on a corpus needs a run of one corpus; corpus.path names several.")
    (source,) = params.corpus.sources
    recipe = load_recipe(data.parent / source.path)
    plans = plans_of(recipe, params.scale.utterances, source.seed)
    if [plan.name for plan in plans] != truth["utterance"].tolist():
        raise UserError(f"{data / 'corpus'} is not the corpus that params.yaml describes; run dvc repro.")
    networks = tested_by(read_table(data / "folds.csv"), read_table(data / "slices.csv"), data / "models" / "elor")
    found = counterfactuals.run(recipe, plans, truth, networks, each, seed, engine)
    return counterfactuals.summarise(found, truth)
