"""All that `elor check` looks at: the machine, the workspace, a corpus, the scratch folder."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd

from elor.check import Finding, must_be_done
from elor.check.corpus import Wanted, corpus, planned, together
from elor.check.machine import machine
from elor.check.scratch import scratch
from elor.check.workspace import git, workspace
from elor.corpora.making import check_asked
from elor.corpus_params import RECIPES
from elor.errors import UserError
from elor.files import scratch_root
from elor.params import load
from elor.tables import SEPARATOR

MADE = Path("data/corpus")
"""Where the pipeline puts demonstration corpora: `stages.reader.home`."""


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
    device, asked = _asked(path, {name: value for name, value in options.items() if value is not None})
    areas = {"machine": machine(device)}
    if path is None:
        areas["workspace"] = workspace()
    elif Path("dvc.yaml").is_file():  # for another corpus the cache says nothing
        areas["workspace"] = list(git(Path()))
    looked = [_corpus(*one) for one in asked.values()]
    for name, found in zip(asked, looked, strict=True):
        areas |= {f"corpus {name}": _naming(name, found)} if len(asked) > 1 else {"corpus": found}
    if path is None and Path("params.yaml").is_file() and not must_be_done(chain(*looked)):
        areas["folds"] = _folds(asked)
    if profile is not None:
        areas[f"run of {profile}"] = _run(profile, asked)
    areas["scratch"] = scratch(scratch_root())
    return areas


Asked = dict[str, tuple[Path | None, Path | None, Wanted]]
"""By the name of a corpus what was given, where it is read, and what is asked of it."""


def _asked(path: Path | None, options: dict[str, Any]) -> tuple[str, Asked]:
    """Device and corpora of params.yaml, or one corpus with the options for it."""
    if not Path("params.yaml").is_file():
        return "auto", {"": (path, path, Wanted(**options))}
    params = load()
    own, how = params.corpus, params.labels
    wanted = Wanted(
        rater=how.rater,
        target=how.target,
        classes=how.classes,
        dimensions=tuple(how.dimensions),
        stereo=own.stereo,
        partial=own.partial,
        minimum_s=params.slices.minimum_s,
    )
    if path is not None:
        return params.engine.device, {
            "": (path, MADE / "release" if path.suffix in RECIPES else path, replace(wanted, **options))
        }
    asked: Asked = {}
    for source in own.sources:
        same = {name: getattr(source, name) for name in ("low", "high", "stereo", "partial")}
        made = MADE / source.name if len(own.sources) > 1 else MADE
        here = made / "release" if source.is_recipe else Path(source.path)
        asked[source.name] = (
            Path(source.path),
            here,
            replace(wanted, **({"rater": source.rater or how.rater} | same | options)),
        )
    return params.engine.device, asked


def _run(profile: str, asked: Asked) -> list[Finding]:
    """What a run of a profile would take with the values of params.yaml, and what the corpora could decide."""
    from elor.check.effort import Corpus, effort

    params = load()
    if profile not in params.scales:
        raise UserError(f"There is no profile {profile}; choose {', '.join(params.scales)}.")
    parts = []
    for name, (_, here, wanted) in asked.items():
        here = here or MADE / "release"
        if not here.exists():
            note = "`dvc repro` makes the demonstration corpus; then ask again."
            return [Finding("corpus", "not there yet", note=note)]
        try:
            slices, ratings = planned(here, wanted)
        except UserError as error:
            return [Finding("corpus", "not to be had", remedy=str(error))]
        front = f"{name}{SEPARATOR}" if len(asked) > 1 else ""
        bare = {column: front + slices[column] for column in ("slice", "utterance", "speaker")}
        named = ratings.assign(utterance=front + ratings["utterance"])
        parts.append((slices.assign(**bare, corpus=name), named[["utterance", "rater", "own"]]))
    labels = params.labels.model_copy(update={"target": wanted.target, "classes": wanted.classes})
    chosen = params.model_copy(update={"profile": profile, "labels": labels})
    return effort(chosen, Corpus(*(pd.concat(tables, ignore_index=True) for tables in zip(*parts, strict=True))))


def _folds(asked: Asked) -> list[Finding]:
    """Whether the corpora of params.yaml have what it holds out, and the words that it asks for; nothing before they
    are made."""
    params, demands = load(), []
    for source in params.corpus.sources:
        _, here, wanted = asked[source.name]
        if here is None or not here.exists():
            return []
        same = {name: getattr(wanted, name) for name in ("low", "high", "stereo", "partial", "rater")}
        demands.append((source.model_copy(update=same), here))
    own = params.corpus
    scale, minimum_s = (own.low, own.high), params.slices.minimum_s
    return [*together(demands, wanted.asked, scale, params.folds.hold_out, own.words, minimum_s)]


def _naming(name: str, findings: list[Finding]) -> list[Finding]:
    """The findings on one of several corpora, with its name in what is said below the table."""

    def told(text: str) -> str:
        return text and f"Corpus {name}: {text}"

    return [replace(one, note=told(one.note), remedy=told(one.remedy)) for one in findings]


def _corpus(path: Path | None, here: Path | None, wanted: Wanted) -> list[Finding]:
    if path is None or here is None:
        return [Finding("path", "none given", note="`elor check PATH` looks at a corpus.")]
    if path.suffix not in RECIPES:
        return corpus(path, wanted)
    try:
        check_asked(path, wanted.rater, wanted.low, wanted.high)
    except UserError as error:
        return [Finding("recipe", str(path), remedy=str(error))]
    if not here.is_dir():
        return [Finding("recipe", str(path)), Finding("contents", "not made yet", note="`dvc repro` makes the corpus.")]
    return [Finding("recipe", str(path)), *corpus(here, wanted)]
