"""`import elor`: fast, and every name that it offers is there, in the stub as well."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import elor

ROOT = str(Path(elor.__file__).parents[1])


def test_the_import_loads_no_other_package() -> None:
    code = (
        f"import sys; sys.path.insert(0, {ROOT!r}); import elor; "
        "print(*{name.split('.')[0] for name in sys.modules} - set(sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) - {"__main__"} == {"elor"}


def test_every_name_is_there_and_documented() -> None:
    for name in elor.__all__:
        value = getattr(elor, name)
        assert value is getattr(elor, name)
        assert value.__doc__, name
        assert name in dir(elor)
        assert name in elor.__doc__ or name == "UserError", name


def test_the_stub_says_the_same() -> None:
    tree = ast.parse(Path(elor.__file__).with_suffix(".pyi").read_text())
    homes = {
        alias.asname or alias.name: f"{node.module}:{alias.name}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert homes == elor._HOMES
    (listed,) = [ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign)]
    assert listed == elor.__all__


def test_other_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="module 'elor' has no attribute 'foo'"):
        elor.foo  # noqa: B018
