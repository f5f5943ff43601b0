"""All that `elor check` looks at: the machine, the workspace, a corpus, the scratch folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from elor.check import Finding
from elor.check.corpus import Wanted, corpus, planned
from elor.check.machine import machine
from elor.check.scratch import scratch
from elor.check.workspace import git, workspace
from elor.corpora.demo import load_recipe
from elor.errors import UserError
from elor.files import scratch_root
from elor.params import load

DEMO = Path("data/corpus/release")
"""Where the pipeline puts the demonstration corpus."""


def inspect(path: Path | None = None, profile: str | None = None, **options: Any) -> dict[str, list[Finding]]:
    """Look at this machine, the workspace in the current folder, a corpus and the scratch folder.

    Args:
        path: an IEMOCAP root or a manifest CSV; None: the corpus of params.yaml.
        profile: of which to say what a run would take; None: nothing is said of it.
        options: what params.yaml does not say of it, named as in `Wanted`; of None, params.yaml counts, and for
            another corpus 1 and 5 as ends of its scale.

    Returns:
        Findings by area. A finding with a `remedy` says that something must be done.
    """
    device, wanted, chosen = _asked(path, {name: value for name, value in options.items() if value is not None})
    areas = {"machine": machine(device)}
    if path is None:
        areas["workspace"] = workspace()
    elif Path("dvc.yaml").is_file():  # for another corpus the cache says nothing
        areas["workspace"] = list(git(Path()))
    areas["corpus"] = _corpus(chosen, wanted)
    if profile is not None:
        areas[f"run of {profile}"] = _run(profile, chosen, wanted)
    areas["scratch"] = scratch(scratch_root())
    return areas


def _asked(path: Path | None, options: dict[str, Any]) -> tuple[str, Wanted, Path | None]:
    """Device, demands and corpus of params.yaml, or of the options for another corpus."""
    if not Path("params.yaml").is_file():
        return "auto", Wanted(**options), path
    params = load()
    own, how = params.corpus, params.labels
    wanted = Wanted(
        rater=how.rater,
        target=how.target,
        classes=how.classes,
        dimensions=tuple(how.dimensions),
        low=own.low if path is None else 1.0,
        high=own.high if path is None else 5.0,
        stereo=own.stereo,
        partial=own.partial,
        minimum_s=params.slices.minimum_s,
    )
    return params.engine.device, replace(wanted, **options), Path(own.path) if path is None else path


def _run(profile: str, path: Path | None, wanted: Wanted) -> list[Finding]:
    """What a run of a profile would take with the values of params.yaml, and what the corpus could decide."""
    from elor.check.effort import Corpus, effort

    params = load()
    if profile not in params.scales:
        raise UserError(f"There is no profile {profile}; choose {', '.join(params.scales)}.")
    here = DEMO if path is None or path.suffix in (".yaml", ".yml") else path
    if not here.exists():
        return [Finding("corpus", "not there yet", note="`dvc repro` makes the demonstration corpus; then ask again.")]
    try:
        slices, ratings = planned(here, wanted)
    except UserError as error:
        return [Finding("corpus", "not to be had", remedy=str(error))]
    labels = params.labels.model_copy(update={"target": wanted.target, "classes": wanted.classes})
    asked = params.model_copy(update={"profile": profile, "labels": labels})
    return effort(asked, Corpus(slices, ratings.groupby("utterance")["rater"].nunique()))


def _corpus(path: Path | None, wanted: Wanted) -> list[Finding]:
    if path is None:
        return [Finding("path", "none given", note="`elor check PATH` looks at a corpus.")]
    if path.suffix not in (".yaml", ".yml"):
        return corpus(path, wanted)
    try:
        load_recipe(path)
    except UserError as error:
        return [Finding("recipe", str(path), remedy=str(error))]
    if not DEMO.is_dir():
        return [Finding("recipe", str(path)), Finding("contents", "not made yet", note="`dvc repro` makes the corpus.")]
    return [Finding("recipe", str(path)), *corpus(DEMO, wanted)]
