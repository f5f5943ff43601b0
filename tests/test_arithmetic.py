"""Which arithmetic a process has, whatever its environment says, and that it says so where bits may differ."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from elor import arithmetic

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[1]
PLAIN = {name: value for name, value in os.environ.items() if name not in {*arithmetic.SETTINGS, arithmetic.CHOICE}}


def run(code: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """A Python program in an environment that says nothing of arithmetic but what is given."""
    own = PLAIN | {"PYTHONPATH": str(ROOT)} | environment
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, env=own, capture_output=True, text=True, check=True)


TELL = "import torch, numpy; print(torch.backends.cpu.get_cpu_capability(), torch.get_num_threads())"
TELL += "; from numpy._core._multiarray_umath import __cpu_features__ as f; print(f['X86_V3'], f['X86_V4'])"


@pytest.mark.parametrize(
    "theirs",
    [
        {},
        {"ATEN_CPU_CAPABILITY": "default", "OMP_NUM_THREADS": "2", "NPY_DISABLE_CPU_FEATURES": "X86_V3"},
        {"NPY_ENABLE_CPU_FEATURES": "X86_V3", "MKL_CBWR": "AVX2"},
    ],
    ids=str,
)
def test_a_process_is_portable_whatever_its_environment_says(theirs: dict[str, str]) -> None:
    done = run(f"import elor; {TELL}; from elor import arithmetic; print(arithmetic.doubts())", **theirs)
    assert done.stdout.splitlines() == ["AVX2 1", "True False", "[]"]
    assert not done.stderr


def test_what_is_set_after_elor_was_imported_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not [one for one in arithmetic.doubts() if "was set after" in one]
    monkeypatch.setenv("MKL_CBWR", "AVX2")
    monkeypatch.setenv("SOXR_USE_SIMD", "0")
    assert "MKL_CBWR, SOXR_USE_SIMD was set after elor was imported" in arithmetic.doubts()


def test_what_is_overruled_is_told_and_comes_back_for_the_fastest() -> None:
    code = "from elor import arithmetic as a; print(a.overruled()); a.hold('fastest'); import os"
    code += "; print(os.environ['MKL_CBWR'], os.environ.get('ONEDNN_MAX_CPU_ISA'), a.overruled() == '', a.doubts())"
    first, second = run(code, MKL_CBWR="SSE4_2").stdout.splitlines()
    assert "overrules MKL_CBWR=SSE4_2 of the environment" in first
    assert second == "SSE4_2 None True ['arithmetic is fastest, not portable']"


def test_who_imports_elor_too_late_is_warned() -> None:
    code = "import numpy, torch; import elor; from elor import arithmetic; print(arithmetic.doubts())"
    done = run(code)
    assert "UserWarning: Results may differ in their last digits on other processors" in done.stderr
    assert "elor was imported after numpy and torch; import it first" in done.stdout
    settings = {name: value for name, value in arithmetic.SETTINGS.items() if value is not None}
    assert not run(code, **settings).stderr, "whoever has set them all may import as he likes"


@pytest.mark.parametrize("chosen", ["portable", "fastest"])
def test_a_stage_and_a_command_take_the_choice_of_params_yaml(tmp_path: Path, chosen: str) -> None:
    text = (ROOT / "params.yaml").read_text()
    assert "\narithmetic: portable" in text
    (tmp_path / "params.yaml").write_text(text.replace("\narithmetic: portable", f"\narithmetic: {chosen}"))
    tell = "import os; print(os.environ['ELOR_ARITHMETIC'], os.environ.get('MKL_CBWR'))"
    expected = f"{chosen} {'COMPATIBLE' if chosen == 'portable' else None}\n"
    assert run(f"import stages; {tell}", tmp_path, ELOR_ARITHMETIC="fastest").stdout == expected
    assert run(f"import elor.commands as c; c.main(False); {tell}", tmp_path).stdout == expected


def test_workers_of_the_engine_have_the_arithmetic_of_their_master() -> None:
    code = "from elor.engine import Engine; from tests.test_arithmetic import told\n"
    code += "if __name__ == '__main__': print(Engine('cpu', 2).run(told, [(), ()]))"
    assert run(code).stdout == "['AVX2 1', 'AVX2 1']\n"


def told() -> str:
    import torch

    return f"{torch.backends.cpu.get_cpu_capability()} {torch.get_num_threads()}"


def test_a_worker_with_other_versions_or_doubts_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arithmetic, "_noted", {})
    own = arithmetic.conditions()
    other = replace(own, where="tcp://n7:1 (n7)", versions=own.versions | {"torch": "2.9.1"}, doubts=("it is an ARM",))
    arithmetic.compare([own, replace(own, where="elsewhere"), other, replace(own, where="n8", arithmetic="fastest")])
    assert arithmetic.doubts()[:3] == [
        "the worker tcp://n7:1 (n7): it is an ARM",
        f"the worker tcp://n7:1 (n7): it has torch 2.9.1, here it is {own.versions['torch']}",
        "the worker n8: its arithmetic is fastest, here it is portable",
    ]


def test_other_processors_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arithmetic, "_noted", {})
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert arithmetic.doubts() == ["the processor is of the kind aarch64, not x86-64"]
    monkeypatch.undo()
    monkeypatch.setattr("torch.backends.cpu.get_cpu_capability", lambda: "DEFAULT")
    assert "torch computes with DEFAULT on this processor" in arithmetic.doubts()[-1]
