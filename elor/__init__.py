"""What does a speech emotion network really hear? The library behind the pipeline in dvc.yaml.

`import elor` offers the functions of the `elor` command, and those that explain any network. Each is imported when it
is first used, so that the import itself loads no other package; `__init__.pyi` tells their types to editors.

    load, predict        what trained networks say of a recording (`Ensemble`, `Prediction`)
    load_network         one trained network, as a torch module
    gradient, guided_backprop, integrated_gradients, occlusion
                         what it hears: maps of any torch module from (batch, 1, samples) to logits
    score                predictions from elsewhere, by the pipeline's definitions (`ScoreSettings`, `Results`)
    UserError            what all of them raise for a mistake that one sentence names
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "Ensemble": "elor.inference:Ensemble",
    "Prediction": "elor.inference:Prediction",
    "Results": "elor.report.results:Results",
    "ScoreSettings": "elor.evaluation.score:Settings",
    "UserError": "elor.errors:UserError",
    "gradient": "elor.explain.attribution:gradient",
    "guided_backprop": "elor.explain.guided:guided_backprop",
    "integrated_gradients": "elor.explain.integrated:integrated_gradients",
    "load": "elor.inference:load",
    "load_network": "elor.training.checkpoint:load_network",
    "occlusion": "elor.explain.occlusion:occlusion",
    "predict": "elor.inference:predict",
    "score": "elor.commands.outside:score",
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
