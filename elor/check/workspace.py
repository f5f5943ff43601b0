"""Git and DVC: who commits, whether the cache holds what dvc.lock promises, and which stages are out of date."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from elor.check import Finding, size
from elor.errors import UserError

ALWAYS = "sources"
"""The stage that looks at the corpus in every run: it is never up to date."""


def workspace(folder: Path = Path()) -> list[Finding]:
    """Look at git and DVC in a project's folder."""
    found = [*git(folder)]
    if not (folder / "dvc.yaml").is_file():
        remedy = "change into the project's folder, which holds dvc.yaml and params.yaml"
        return [*found, Finding("pipeline", "no dvc.yaml here", remedy=remedy)]
    if not (folder / ".dvc").is_dir():
        return [
            *found,
            Finding("pipeline", "no .dvc here", remedy="`dvc init` (in a copy without git: `git init` first)"),
        ]
    return [*found, *cache(folder), *stages(folder)]


def git(folder: Path) -> Iterator[Finding]:
    """Whether this is a repository on a branch, and whose commits it makes."""
    if _run(folder, "git", "rev-parse", "--git-dir") is None:
        yield Finding("git", "no repository", remedy="`git init`: DVC needs one")
        return
    branch = _run(folder, "git", "symbolic-ref", "--short", "HEAD")
    note = "" if branch else "No branch is checked out (a killed `dvc exp run` leaves this): `git checkout main`."
    yield Finding("git", f"branch {branch}" if branch else "no branch", note)
    lacking = [key for key in ("user.name", "user.email") if not _run(folder, "git", "config", key)]
    if lacking:
        orders = ", ".join(f"`git config {key} ...`" for key in lacking)
        yield Finding("git identity", f"no {' and no '.join(lacking)}", remedy=f"{orders}: `dvc exp run` needs it")
    else:
        yield Finding("git identity", "set")


@dataclass
class Kept:
    """What the cache holds of the outputs that dvc.lock names: counts, bytes, and the damaged outputs."""

    outputs: int = 0
    present: int = 0
    bytes: int = 0
    damaged: tuple[str, ...] = ()


def cache(folder: Path) -> Iterator[Finding]:
    """Whether the cache holds every output of dvc.lock in its full size. Sizes are compared, digests are not."""
    path = _run(folder, sys.executable, "-m", "dvc", "cache", "dir")
    if path is None or not (folder / "dvc.lock").is_file():
        yield Finding("DVC cache", "empty", note="Nothing was run here yet: `dvc repro`, or `dvc pull` from a remote.")
        return
    kept = holdings(folder / "dvc.lock", folder / path, partial(_ignored, folder))
    found = f"{kept.present} of {kept.outputs} outputs, {size(kept.bytes)}"
    names = ", ".join(kept.damaged)
    again = "`dvc status` drops what is damaged, `dvc pull` or `dvc repro` restores it"
    remedy = f"the cache's copy of {names} is damaged: {again}" if kept.damaged else ""
    note = "" if kept.present == kept.outputs else "`dvc pull` fetches what the cache lacks, `dvc repro` recomputes it."
    yield Finding("DVC cache", found, note, remedy)


def holdings(lock: Path, folder: Path, cached: Callable[[Sequence[str]], Container[str]]) -> Kept:
    """Compare the outputs of a dvc.lock with the cache in `folder`.

    Args:
        lock: the file.
        folder: the cache.
        cached: of some outputs' paths, those that belong to the cache; metrics and plots belong to git.

    Raises:
        UserError: if the lock is no YAML.
    """
    from elor.params import read_yaml

    locked = (read_yaml(lock) or {}).get("stages", {}).values()
    outputs = [output for stage in locked for output in stage.get("outs", [])]
    ours = cached([output["path"] for output in outputs])
    kept = Kept()
    for output in outputs:
        if output["path"] in ours:
            _count(kept, folder / "files/md5", output)
    return kept


def _ignored(folder: Path, paths: Sequence[str]) -> Container[str]:
    """The paths that git ignores: DVC's cache holds them, git the others."""
    return set((_run(folder, "git", "check-ignore", "--", *paths) or "").splitlines())


def _count(kept: Kept, folder: Path, output: Mapping[str, Any]) -> None:
    """Add one output: itself, and for a directory everything that it lists."""
    kept.outputs += 1
    listing = _object(folder, output["md5"])
    if not listing.is_file():
        return
    parts, whole = [listing], int(output.get("size", 0))
    if output["md5"].endswith(".dir"):
        try:
            parts = [_object(folder, entry["md5"]) for entry in json.loads(listing.read_text())]
        except (ValueError, KeyError, TypeError):
            kept.damaged += (output["path"],)
            return
        if not all(part.is_file() for part in parts):
            return
    found = sum(part.stat().st_size for part in parts)
    if found != whole:
        kept.damaged += (output["path"],)
    kept.present += 1
    kept.bytes += found


def _object(folder: Path, digest: str) -> Path:
    return folder / digest[:2] / digest[2:]


def stages(folder: Path) -> Iterator[Finding]:
    """Which stages `dvc repro` would run."""
    text = _run(folder, sys.executable, "-m", "dvc", "status", "--json")
    if text is None:
        yield Finding("stages", "dvc status fails", remedy="run `dvc status`, which says why")
        return
    stale = [name for name in json.loads(text) if name != ALWAYS]
    if not stale:
        yield Finding("stages", "all up to date")
        return
    shown = ", ".join(stale[:6]) + (f" and {len(stale) - 6} more" if len(stale) > 6 else "")
    yield Finding("stages", f"{len(stale)} to run", note=f"`dvc repro` runs {shown}.")


def _run(folder: Path, *command: str) -> str | None:
    """What a command prints; None if it fails."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    except FileNotFoundError:
        raise UserError(f"{command[0]} is not installed; install it.") from None
    return done.stdout.strip() if done.returncode == 0 else None
