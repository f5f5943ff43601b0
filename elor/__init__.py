"""What does a speech emotion network really hear? The library behind the pipeline in dvc.yaml.

`import elor` offers the functions of the `elor` command, and those that explain any network. Each is imported when it
is first used, so that the import itself loads no other package; `__init__.pyi` tells their types to editors. Import it
before numpy and torch: it sets them to compute the same on every processor (`elor.arithmetic`).

    load, predict        what trained networks say of a recording (`Ensemble`, `Prediction`)
    load_network         one trained network, as a torch module
    explain_files        the analysis of recordings, into a folder, on `own_networks` or a `foreign_network` (`Effort`)
    gradient, guided_backprop, integrated_gradients, occlusion
                         what it hears: maps of any torch module from (batch, 1, samples) to logits
    Results              the scores of a run, or of predictions
    compare_runs         whether two runs have the same numbers: folders, revisions or DVC experiments
    summarise_runs       what a seed changes: scores, differences and verdicts over several runs
    score                predictions from elsewhere, by the pipeline's definitions (`ScoreSettings`)
    make_corpus, import_labels
                         the demonstration corpus; a manifest from another corpus' label file
    selfcheck            which of these methods find what is known to be there
    inspect              is this machine, this corpus, this cache in order?
    UserError            what all of them raise for a mistake that one sentence names
"""

import importlib
from typing import Any

from elor import arithmetic

arithmetic.hold(arithmetic.choice())  # before numpy and torch are loaded

_HOMES = {
    "Effort": "elor.explain.any_network.window:Effort",
    "Ensemble": "elor.ensemble:Ensemble",
    "Prediction": "elor.ensemble:Prediction",
    "Results": "elor.report.results:Results",
    "ScoreSettings": "elor.evaluation.evaluate:Settings",
    "UserError": "elor.errors:UserError",
    "compare_runs": "elor.runs.compare:compare",
    "explain_files": "elor.api.explain:explain_files",
    "foreign_network": "elor.api.explain:foreign_network",
    "gradient": "elor.explain.attribution:gradient",
    "guided_backprop": "elor.explain.guided:guided_backprop",
    "import_labels": "elor.labelfiles.convert:import_labels",
    "inspect": "elor.check.everything:inspect",
    "integrated_gradients": "elor.explain.integrated:integrated_gradients",
    "load": "elor.inference:load",
    "load_network": "elor.training.weights_file:load_network",
    "make_corpus": "elor.corpora.making:make_corpus",
    "occlusion": "elor.explain.occlusion:occlusion",
    "own_networks": "elor.api.explain:own_networks",
    "predict": "elor.inference:predict",
    "score": "elor.api.score:score",
    "selfcheck": "elor.explain.selfcheck.suite:selfcheck",
    "summarise_runs": "elor.runs.seeds:summarise",
}
"""Where each name lives: module and name there."""

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Import what is asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, own = _HOMES[name].partition(":")
    value = getattr(importlib.import_module(module), own)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(globals() | _HOMES)
