"""The door of `metrics/`: what every file there has in common, and how it is written, read and refused.

Undefined numbers are `None`, here as in the file, where they are `null`: `elor.files.plain` turns NaN and infinities
into it, once, when a model is made. A key that does not apply is absent from the file, and `None` here too.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from elor.errors import UserError
from elor.evidence import tables
from elor.evidence.tables import Table
from elor.files import plain, write_json

SCHEMA = "schema"
"""The key, first in every file, that names its model and version: `claims/2`."""

Number = float | None
"""A number of the analysis; None where it is undefined."""

Range = tuple[Number, Number]
"""From, to."""


class Part(BaseModel):
    """A part of a file: no key too many, no value of another type, and nothing changes once it is made."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, use_attribute_docstrings=True, ser_json_inf_nan="null"
    )

    @classmethod
    def of(cls, tree: Mapping[str, Any] | None = None, **keys: Any) -> Self:
        """Make it from plain values; numpy's become Python's, NaN becomes None."""
        return cls.model_validate(plain({**(tree or {}), **keys}))

    def tree(self) -> dict[str, Any]:
        """The plain values as they stand in the file: what was not given is absent."""
        return self.model_dump(mode="json", exclude_unset=True, by_alias=True)


class File(Part):
    """A whole file of `metrics/`."""

    SCHEMA: ClassVar[str]
    """Its name and version, `<name>/<number>`; the number rises when a reader must change."""
    TABLES: ClassVar[tuple[Table, ...]] = ()
    """Parts that may stand in tables beside it, inner ones first."""


Kind = TypeVar("Kind", bound=BaseModel)


def write(path: Path, found: File, digits: int | None = 4, beside: Path | None = None) -> None:
    """Write a file of metrics, rounded as in `elor.files.plain`, its schema first.

    Args:
        beside: a folder for its tables; None: all stands in the file.
    """
    tree = plain(found.tree(), digits)
    if beside is not None:
        tree = tables.write(tree, found.TABLES, beside, path)
    write_json(path, {SCHEMA: found.SCHEMA} | tree, digits)


def read(kind: type[Kind], path: Path, absent: list[Path] | None = None) -> Kind:
    """Read a file of metrics, with its tables.

    Args:
        absent: as of `elor.evidence.tables.read`.

    Raises:
        UserError: if it is absent, no JSON, of another kind or version, or damaged; names the file and the key. If a
            table is absent or of another run.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(
            f"{path} does not exist: run dvc repro, which makes it, in the folder of the project."
        ) from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is no text in UTF-8; run dvc repro again.") from None
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is no JSON ({error}); run dvc repro again.") from None
    if isinstance(tree, dict) and issubclass(kind, File) and tree.get(SCHEMA) == kind.SCHEMA:  # else it is refused
        tree = tables.read(tree, kind.TABLES, path, absent)
    return check(kind, tree, str(path))


def read_if_there(kind: type[Kind], path: Path, absent: list[Path] | None = None) -> Kind | None:
    """The same; None where the file is absent, as a stage that found nothing leaves none."""
    return read(kind, path, absent) if path.is_file() else None


def check(kind: type[Kind], tree: Any, name: str) -> Kind:
    """Check what a file holds.

    Args:
        kind: what it should be.
        tree: its JSON, with the schema.
        name: what a message calls it.

    Raises:
        UserError: if it is of another kind or version, or damaged.
    """
    wanted = getattr(kind, "SCHEMA", "")  # of the headline, which has none, every key is a score
    found = tree.get(SCHEMA) if isinstance(tree, dict) else None
    if wanted and found != wanted:
        has = "no schema" if found is None else f"schema {found}"
        raise UserError(
            f"{name} has {has}, and this version of elor reads {wanted}: it was written by another version, or is "
            "another file; run dvc repro to make it anew."
        )
    try:
        return kind.model_validate({key: value for key, value in tree.items() if key != SCHEMA} if wanted else tree)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the file"
        raise UserError(f"{name}, key {key}: {first['msg'].lower()}; run dvc repro to make it anew.") from None
