"""The machine: every state that a finding can have."""

import platform
from importlib import metadata
from pathlib import Path

import pytest

from elor.check import Finding, must_be_done, size
from elor.check import machine as machines


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (12_345, "12 kB"),
        (999_999, "1.0 MB"),
        (3_400_000, "3.4 MB"),
        (1.2e9, "1.2 GB"),
        (5e12, "5000 GB"),
    ],
)
def test_sizes_are_readable(count: float, text: str) -> None:
    assert size(count) == text


def test_a_remedy_makes_a_finding_one_that_must_be_mended() -> None:
    findings = [Finding("a", "b"), Finding("a", "b", note="c"), Finding("a", "b", note="c", remedy="d")]
    assert [finding.state for finding in findings] == ["ok", "note", "fix"]
    assert must_be_done(findings) == ["d"]


@pytest.mark.parametrize(
    ("version", "state"), [("3.10.14", "fix"), ("3.11.0", "ok"), ("3.13.1", "ok"), ("3.14.0", "note")]
)
def test_pythons_are_judged_by_the_metadata(monkeypatch: pytest.MonkeyPatch, version: str, state: str) -> None:
    monkeypatch.setattr(platform, "python_version", lambda: version)
    assert machines.python().state == state


def test_the_python_of_the_metadata_is_the_one_that_is_checked() -> None:
    about = metadata.metadata("elor")
    oldest = ".".join(map(str, machines.PYTHON))
    assert about["Requires-Python"] == f">={oldest}"


def test_pins_hold_for_this_platform_only(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        '# a comment\nnumpy==1.2.3\ntorch==9 ; platform_system == "Nowhere"\na.b_c==1.0+x ; python_version > "3"\n'
    )
    assert machines.read_pins(lock) == {"numpy": "1.2.3", "a.b_c": "1.0+x"}


def test_other_versions_are_worth_knowing_and_missing_ones_must_be_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"numpy==1.2.3\npandas=={metadata.version('pandas')}\nno-such-package==1\n")
    (pinned,) = machines.packages(lock)
    assert (pinned.found, pinned.state) == ("1 of 3 installed as pinned", "note")
    assert f"numpy {metadata.version('numpy')} (tested with 1.2.3)" in pinned.note
    monkeypatch.setattr(
        metadata, "requires", lambda name: ["numpy>=99", "typer", "absent-thing", 'x ; extra == "test"']
    )
    broken, *_ = machines.packages(lock)
    assert (broken.found, broken.state) == ("2 missing or too old", "fix")
    assert "numpy>=99, absent-thing" in broken.remedy


def test_a_gpu_that_is_asked_for_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "a card")
    assert [machines.gpu(device).state for device in ("auto", "cuda", "cuda:0", "cuda:1")] == ["ok", "ok", "ok", "fix"]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert [machines.gpu(device).state for device in ("auto", "cpu", "cuda")] == ["ok", "ok", "fix"]


def test_little_memory_and_a_full_disk_are_noticed(tmp_path: Path) -> None:
    assert machines.memory(free=10**10).state == "ok"
    assert "Only 1.0 GB" in machines.memory(free=10**9).note
    assert machines.disk(tmp_path, {tmp_path: 3 * 10**9}).state == "ok"
    assert machines.disk(tmp_path, {tmp_path: 10**9}).state == "fix"
    assert machines.disk(tmp_path).what == "disk"
