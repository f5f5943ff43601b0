"""Git and DVC: who commits, whether the cache holds what dvc.lock promises, and which stages are out of date."""

import hashlib
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path

from elor.check import Finding, size
from elor.errors import UserError
from elor.progress import track

SETTLE_S = 0.5
"""Seconds after which a file that is half written is taken for abandoned."""

NO_WORKSPACE = (
    "`elor predict`, `explain`, `score` and `corpus` need no workspace; for `dvc repro` change into the "
    "project's folder, which holds dvc.yaml and params.yaml."
)

ALWAYS = "sources"
"""The stage that looks at the corpus in every run: it is never up to date."""


def workspace(folder: Path = Path()) -> list[Finding]:
    """Look at git and DVC in a project's folder."""
    if not (folder / "dvc.yaml").is_file():
        return [Finding("pipeline", "no dvc.yaml here", NO_WORKSPACE)]
    found = [*git(folder)]
    if not (folder / ".dvc").is_dir():
        return [
            *found,
            Finding("pipeline", "no .dvc here", remedy="`dvc init` (in a copy without git: `git init` first)"),
        ]
    return [*found, *lock_file(folder), *cache(folder), *stages(folder)]


def lock_file(folder: Path) -> Iterator[Finding]:
    """Mend what a killed `dvc repro` may leave of DVC's list of running commands, which it rewrites in place.

    Half of it, or nothing, makes every later run refuse. The list is worth nothing when nobody runs: it is removed.
    """
    path = folder / ".dvc/tmp/rwlock"
    if _half_written(path):
        time.sleep(SETTLE_S)  # a run that is under way rewrites it within milliseconds
        if _half_written(path):
            path.unlink(missing_ok=True)
            note = f"A killed run had left half of {path}, with which DVC refuses to run: it was removed."
            yield Finding("DVC's lock file", "mended", note)


def _half_written(path: Path) -> bool:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return False
    except ValueError:
        return True
    return not isinstance(found, dict) or not found.keys() <= {"read", "write"}


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
    """What the cache holds of the outputs that dvc.lock names: counts, bytes, and damaged objects by output."""

    outputs: int = 0
    present: int = 0
    bytes: int = 0
    damaged: dict[str, list[Path]] = field(default_factory=dict)


def cache(folder: Path) -> Iterator[Finding]:
    """Whether the cache holds every output of dvc.lock, byte for byte: DVC itself restores what it finds, unread."""
    path = _run(folder, sys.executable, "-m", "dvc", "cache", "dir")
    if path is None or not (folder / "dvc.lock").is_file():
        yield Finding("DVC cache", "empty", note="Nothing was run here yet: `dvc repro`, or `dvc pull` from a remote.")
        return
    try:
        kept = holdings(folder / "dvc.lock", folder / path, partial(_ignored, folder))
    except UserError as error:
        yield Finding("DVC cache", "unknown", remedy=f"`git checkout dvc.lock` restores dvc.lock: {error}")
        return
    remedy = ""
    if kept.damaged:
        objects = [os.path.relpath(each, folder) for each in dict.fromkeys(chain(*kept.damaged.values()))]
        orders = shlex.join(["rm", "-rf", *objects, *kept.damaged])
        names = ", ".join(kept.damaged)
        remedy = f"the cache's copy of {names} is damaged: `{orders}`, then `dvc pull` or `dvc repro` restores it"
    note = "" if kept.present == kept.outputs else "`dvc pull` fetches what the cache lacks, `dvc repro` recomputes it."
    yield Finding("DVC cache", f"{kept.present} of {kept.outputs} outputs, {size(kept.bytes)}", note, remedy)


def holdings(lock: Path, folder: Path, cached: Callable[[Sequence[str]], Container[str]]) -> Kept:
    """Compare the outputs of a dvc.lock with the cache in `folder`, by reading it.

    Args:
        lock: the file.
        folder: the cache.
        cached: of some outputs' paths, those that belong to the cache; metrics and plots belong to git.

    Raises:
        UserError: if the lock is no YAML, or no dvc.lock.
    """
    from elor.params import read_yaml

    try:
        locked = (read_yaml(lock) or {}).get("stages", {}).values()
        outputs = {output["path"]: output["md5"] for stage in locked for output in stage.get("outs", [])}
    except (AttributeError, KeyError, TypeError):
        raise UserError(f"{lock} is no dvc.lock.") from None
    ours = cached(list(outputs))
    kept = Kept()
    for path, digest in track(sorted(outputs.items()), "DVC's cache", len(outputs), "output"):
        if path in ours:
            _count(kept, folder / "files/md5", path, digest)
    return kept


def _ignored(folder: Path, paths: Sequence[str]) -> Container[str]:
    """The paths that git ignores: DVC's cache holds them, git the others."""
    return set((_run(folder, "git", "check-ignore", "--", *paths) or "").splitlines())


def _count(kept: Kept, folder: Path, output: str, digest: str) -> None:
    """Add one output: itself, and for a directory everything that it lists."""
    kept.outputs += 1
    listing = _object(folder, digest)
    if not listing.is_file():
        return
    parts = {} if digest.endswith(".dir") else {listing: digest}
    if digest.endswith(".dir"):
        if md5(listing) != digest.removesuffix(".dir"):
            kept.damaged[output] = [listing]
            return
        parts = {_object(folder, entry["md5"]): entry["md5"] for entry in json.loads(listing.read_text())}
        if not all(part.is_file() for part in parts):
            return
    if damaged := [part for part, expected in parts.items() if md5(part) != expected]:
        kept.damaged[output] = damaged
    kept.present += 1
    kept.bytes += sum(part.stat().st_size for part in parts)


def md5(path: Path) -> str:
    """The name of an object in DVC's cache."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()


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
