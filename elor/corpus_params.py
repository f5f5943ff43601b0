"""Section `corpus` of params.yaml: one corpus or several, each with what it does not say itself from the section."""

from __future__ import annotations

import re
import reprlib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from elor.sections import Section, check

RECIPES = (".yaml", ".yml")
"""How the files end from which a corpus is made."""


class Described(Section):
    """What is said of one corpus, and of all that say nothing else."""

    language: str | None = None
    seed: int = Field(ge=0, lt=2**32)
    partial: bool
    low: float
    high: float
    stereo: Literal["error", "mean", "left", "right"]
    shareable: bool

    @model_validator(mode="after")
    def _range(self) -> Described:
        if not self.low < self.high:
            raise ValueError(f"low ({self.low}) must lie below high ({self.high})")
        return self


class Source(Described):
    """One corpus of a run; `rater` None: that of section `labels`."""

    path: str
    name: str = Field(pattern=r"^\w+$", max_length=40)
    language: str
    rater: str | None = None

    @property
    def is_recipe(self) -> bool:
        """Whether it is a recipe, from which the stage `corpus` makes a release."""
        return self.path.endswith(RECIPES)


class Corpus(Described):
    path: str | list[str | dict[str, Any]]
    words: Literal["none", "words", "characters"]

    @field_validator("path", mode="before")
    @classmethod
    def _places(cls, value: Any) -> Any:
        """Say of a path what is wrong with it, not of which of its types it is none."""
        for number, one in enumerate(value if isinstance(value, list) else [value], start=1):
            if not isinstance(one, (str, dict) if isinstance(value, list) else str):
                where = f"entry {number} of it" if isinstance(value, list) else "it"
                raise ValueError(
                    f"{where} is {reprlib.repr(one)[:80]}; give a path, or a list of paths and of mappings with the "
                    "key `path`"
                )
        return value

    @property
    def sources(self) -> tuple[Source, ...]:
        """The corpora of the run: one, or those of a list, each with what it does not say itself from this section.

        Raises:
            UserError: for an unknown or ill-typed key of one of them.
        """
        entries = listed(self.path)
        shared = self.model_dump(exclude={"path", "words"})
        found = []
        for number, given in enumerate(entries):
            value = shared | {"name": corpus_name(str(given.get("path", "")))} | given
            where = f"params.yaml, corpus.path, entry {number + 1}" if len(entries) > 1 else "params.yaml, corpus"
            found.append(check(Source, value | {"language": value["language"] or ""}, where))
        return tuple(found)

    @property
    def all_shareable(self) -> bool:
        """Whether pages may carry the audio of every one of them."""
        return all(source.shareable for source in self.sources)

    @property
    def all_invented(self) -> bool:
        """Whether every one of them is made from a recipe."""
        return all(source.is_recipe for source in self.sources)

    @model_validator(mode="after")
    def _several(self) -> Corpus:
        names = [source.name.casefold() for source in self.sources]
        if not names:
            raise ValueError("path names no corpus")
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"two corpora of path are called {twice[0]}; give one of them another `name`")
        return self


def listed(path: str | list[str | dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries of `corpus.path`, one or several, each by its keys."""
    return [{"path": one} if isinstance(one, str) else one for one in ([path] if isinstance(path, str) else path)]


def corpus_name(path: str) -> str:
    """What a corpus is called that nobody named: after its file or folder, with letters, digits and _ alone."""
    return re.sub(r"\W", "_", Path(path).stem)[:40] or "corpus"
