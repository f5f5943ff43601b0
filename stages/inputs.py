"""What a stage rests on must stay as it is while the stage is at work.

DVC notes the inputs of a stage when it has ended. If params.yaml, a table or a module was edited meanwhile, dvc.lock
would say that the results belong to values they never saw, and `dvc status` that they are up to date. A stage whose
declared inputs changed under it fails instead, and DVC records nothing.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import reduce
from pathlib import Path
from typing import Any

from elor.corpora.faults import some
from elor.errors import UserError
from elor.files import stamp
from elor.sections import read_yaml

PIPELINE = Path("dvc.yaml")
PARAMS = Path("params.yaml")
_PLACE = re.compile(r"\$\{([^}]+)\}")


@contextmanager
def unchanged(stage: str) -> Iterator[None]:
    """Watch over what dvc.yaml declares for a stage, from now to the end of the block.

    Raises:
        UserError: if any of it changed.
    """
    before = _look(stage)
    yield
    after = _look(stage)
    if changed := sorted(name for name in before | after if before.get(name) != after.get(name)):
        raise changed_under(changed)


def changed_under(names: list[str]) -> UserError:
    """The sentence for inputs that changed."""
    return UserError(
        f"{some(names, 5)} changed while this stage was at work: its results belong to neither state and are not "
        "recorded; let inputs be during a run, and run dvc repro again."
    )


def declared(stage: str, pipeline: Mapping[str, Any], params: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Dependencies and parameters of a stage as dvc.yaml declares them, with DVC's templates filled in.

    Args:
        stage: its name, for one of several with the part after `@`.
        pipeline: dvc.yaml. params: params.yaml.
    """
    name, _, key = stage.partition("@")
    definition = pipeline["stages"].get(name, {})
    values = reduce(lambda found, more: found | more, pipeline.get("vars", []), dict(params))
    if "do" in definition:
        items = _value(values, _PLACE.sub(r"\1", definition["foreach"]))
        values |= {"key": key, "item": items[key] if isinstance(items, Mapping) else key}
        definition = definition["do"]

    def filled(text: str) -> str:
        return _PLACE.sub(lambda place: str(_value(values, place[1])), text)

    return [*map(filled, definition.get("deps", []))], [*map(filled, definition.get("params", []))]


def _look(stage: str) -> dict[str, Any]:
    """What every declared input is now: the parameter's value, the file's stamp; missing ones are left out."""
    if not PIPELINE.exists():
        return {}
    params = read_yaml(PARAMS)
    deps, names = declared(stage, read_yaml(PIPELINE), params)
    found = {name: _value(params, name) for name in names}
    for path in map(Path, deps):
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.suffix not in (".pyc", ".part")]
        found |= {str(file): stamp(file) for file in files if file.is_file()}
    return found


def _value(values: Any, name: str) -> Any:
    """The value at a dotted name; None if there is none."""
    for part in name.strip().split("."):
        values = values.get(part) if isinstance(values, Mapping) else None
    return values
