"""The values that a network is trained with, who says so, and what the search has seen: data/tuning/<net>.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from ruamel.yaml import YAML

from elor.files import replacing
from elor.params import Network, Settings
from elor.sections import Section, check, read_yaml

SEEN = {
    "shared": "One search for all folds: its validation slices, drawn from fold {fold}, are of speakers whom the other "
    "folds test; the values have seen test speakers.",
    "apart": "One search for all folds, on training and validation slices of fold {fold}, of speakers whom no fold "
    "tests: the values have seen no test speaker.",
    "nested": "One search per fold on that fold's own training and validation slices: no value has seen what its fold "
    "tests.",
    "none": "No search: the values have seen no test speaker.",
}


class Written(Section):
    """What stands in the file."""

    network: Network
    scope: Literal["shared", "nested", "none"]
    fold: str | None
    seen: str
    provenance: dict[str, str]
    values: dict[str, Any]
    folds: list[str] = Field(min_length=1)


@dataclass(frozen=True)
class Tuning:
    """The outcome of tuning one network.

    Attributes:
        network, scope: whose, and how it was searched (`shared`, `nested`, `none`).
        fold: the fold of a shared search.
        values: settings by fold.
        provenance: for each setting `search`, `default`, `pinned`, or the network it was inherited from. `search` of a
            nested one says that any fold's found better than the default.
        apart: whether a shared search has heard no speaker whom a fold tests, as with a published partition.
    """

    network: str
    scope: str
    fold: str | None
    values: dict[str, Settings]
    provenance: dict[str, str]
    apart: bool = False

    @property
    def seen(self) -> str:
        """What the search has seen of test speakers, in a sentence."""
        return SEEN["apart" if self.apart else self.scope].format(fold=self.fold)

    @property
    def selected(self) -> dict[str, Any]:
        """How it was searched, who says each value, and the values: one set, or one per fold if they differ."""
        folds = {fold: settings.given() for fold, settings in self.values.items()}
        first = next(iter(folds.values()))
        values = first if all(other == first for other in folds.values()) else folds
        return {"scope": self.scope, "fold": self.fold, "provenance": self.provenance, "values": values}

    def write(self, path: Path) -> None:
        """Write data/tuning/<net>.yaml."""
        value = {"network": self.network, "seen": self.seen} | self.selected | {"folds": list(self.values)}
        order = ("network", "scope", "fold", "seen", "provenance", "values", "folds")
        with replacing(path) as part:
            YAML().dump({key: value[key] for key in order}, part)

    @staticmethod
    def read(path: Path) -> Tuning:
        """Read it back.

        Raises:
            UserError: if it is absent, or nothing that `write` wrote.
        """
        found: Written = check(Written, read_yaml(path), str(path))
        own = set(found.values) == set(found.folds)  # and not `fold in values`: a speaker may be called alpha
        by_fold = {fold: found.values[fold] if own else found.values for fold in found.folds}
        settings = {fold: check(Settings, item, str(path)) for fold, item in by_fold.items()}
        apart = found.seen == SEEN["apart"].format(fold=found.fold)
        return Tuning(found.network, found.scope, found.fold, settings, found.provenance, apart)
