"""A YAML file as typed sections: read, checked, and refused in one sentence that names the file and the key."""

import reprlib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from elor.errors import UserError


class Section(BaseModel):
    """A section of the file: no key too many, no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def read_yaml(path: Path) -> Any:
    """Read YAML 1.2, as DVC does: `1e-3` is a number (PyYAML would make it a string).

    Raises:
        UserError: if the file is absent or no YAML.
    """
    try:
        return YAML(typ="safe", pure=True).load(path)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: run this in the folder of the project.") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); restore it.") from None
    except RecursionError:
        raise UserError(f"{path} is not valid YAML: it is nested too deeply.") from None
    except (YAMLError, ArithmeticError, LookupError, TypeError, ValueError) as error:  # odd numbers, dates, tags, bytes
        raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())[:300]}") from None


def check(model: type[BaseModel], value: Any, where: str) -> Any:
    """Make a typed section of plain values.

    Raises:
        UserError: naming the first key that is unknown, missing or ill-typed.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden" or key.endswith(".[key]"):
            key = key.removesuffix(".[key]")
            raise UserError(f"{where} has the unknown parameter {key}; remove it or mend its name.") from None
        if first["type"] == "missing":
            raise UserError(f"{where} lacks the parameter {key}; add it.") from None
        if first["type"] == "value_error":  # of a validator above, whose message says it all
            raise UserError(f"{where}: {f'{key}: ' if key else ''}{first['ctx']['error']}.") from None
        found = reprlib.repr(first["input"])  # shortened before it is made: aliases can name gigabytes
        wanted = first["msg"][:1].lower() + first["msg"][1:]  # the rest as it is: values are told by it
        raise UserError(f"{where}: {key or 'the file'} is {found[:80]}, but {wanted}.") from None
