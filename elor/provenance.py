"""What trained networks have heard, and how well they answer: of a run by its files, of an export by its notes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from elor.errors import UserError
from elor.evaluation.learned import learned
from elor.files import plain

DEMO, KINDS = "demo", ("demo", "iemocap", "manifest", "several")
"""Kinds of corpora, `several` of any kind; the demonstration corpus is released in IEMOCAP's layout, and is none."""


@dataclass(frozen=True)
class Score:
    """How well a head answers on its corpus: what an answer of it, and an explanation, is worth.

    Attributes:
        uar: its unweighted average recall on the test slices of its run; None for a value, whose `ccc` counts.
        ccc: the concordance with the labels; None where it is not defined.
        p: of the score against permuted labels.
        learned: whether it is better than those.
    """

    uar: float | None
    ccc: float | None
    p: float
    learned: bool


@dataclass(frozen=True)
class Provenance:
    """Where networks come from.

    Attributes:
        corpus: one of `KINDS`; empty where it is not known.
        scores: by head, where they are known.
        classes: of a dimension in that run: values lie on 0 .. classes - 1; None where it is not known.
    """

    corpus: str = ""
    scores: Mapping[str, Score] = field(default_factory=dict)
    classes: int | None = None

    @classmethod
    def of_run(cls, models: Path, network: str) -> Provenance:
        """Of the networks of a run, by its `params.yaml` and `metrics/` above the folder of models; what is there."""
        project = project_of(models)
        return cls() if project is None else cls.of_files(project / "params.yaml", project / "metrics", network)

    @classmethod
    def of_files(cls, params: Path, metrics: Path, network: str) -> Provenance:
        """Of the networks of a run, by the file of its parameters and the folder of its metrics; what is there."""
        scores = {path.parent.name: _score(path) for path in sorted(metrics.glob(f"*/{network}.json"))}
        known = {head: one for head, one in scores.items() if one is not None}
        report = _report(metrics)
        return cls(_corpus(params, report), known, _classes(report.get("labels")))

    @classmethod
    def of_notes(cls, notes: Any) -> Provenance:
        """From the notes of a file, as `tree` wrote them; what they do not tell soundly is unknown."""
        try:
            corpus, scores = notes["corpus"], {name: Score(**one) for name, one in notes["scores"].items()}
        except (KeyError, TypeError, AttributeError):
            return cls(classes=_classes(notes))
        sound = all(isinstance(one.p, float) for one in scores.values())
        return cls(corpus if corpus in KINDS else "", scores if sound else {}, _classes(notes))

    def tree(self) -> dict[str, Any]:
        """Plain values."""
        scores = {name: asdict(one) for name, one in self.scores.items()}
        return plain({"corpus": self.corpus, "scores": scores, "classes": self.classes})

    def at_chance(self, head: str) -> bool:
        """Whether a head is known to answer no better than permuted labels."""
        return head in self.scores and not self.scores[head].learned


def project_of(models: Path) -> Path | None:
    """The folder of the run that a folder of models belongs to: the nearest above it with `metrics/`; None without, and
    of a file, which may lie anywhere."""
    places = () if models.is_file() else (models.resolve(), models.absolute())  # a link's own place comes last
    above = [folder for place in places for folder in place.parents[:3]]
    return next((folder for folder in above if (folder / "metrics").is_dir()), None)


def _corpus(params: Path, report: Mapping[str, Any]) -> str:
    """What a run has learnt from; empty if its files do not say."""
    from elor.corpus_params import RECIPES, listed
    from elor.sections import read_yaml

    try:
        entries = listed(read_yaml(params)["corpus"]["path"])
        if entries and all(one["path"].endswith(RECIPES) for one in entries):
            return DEMO
    except (UserError, OSError, ValueError, LookupError, TypeError, AttributeError):
        return ""
    source = report.get("source")
    return source if source in KINDS else ""


def _report(metrics: Path) -> dict[str, Any]:
    """metrics/corpus.json; empty if it is not to be read."""
    try:
        found = json.loads((metrics / "corpus.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _classes(said: Any) -> int | None:
    """How many classes a mapping tells of; None if it is none, or tells of nothing sound."""
    found = said.get("classes") if isinstance(said, Mapping) else None
    return found if type(found) is int and found > 1 else None


def _score(path: Path) -> Score | None:
    """How well a head answers, as the stage `evaluate` wrote it; None if it did not."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        p = found["utterance_permutation_p"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return None if p is None else Score(found.get("utterance_uar"), found.get("utterance_ccc"), p, learned(p))
