"""Is this machine, this corpus, this cache in order? Each module looks at one of them and returns findings.

A finding says what was looked at and what was found; one that must be mended says how. Nothing here changes anything
but `scratch.clean`, `workspace.lock_file` (and `dvc status`, which drops objects of its cache that were cut).
"""

from collections.abc import Iterable
from dataclasses import dataclass

GIB = 2**30


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: the thing.
        found: what was found, in a few words.
        note: a sentence worth knowing; empty if there is none.
        remedy: what must be done before work can go on; empty if nothing must.
    """

    what: str
    found: str
    note: str = ""
    remedy: str = ""

    @property
    def state(self) -> str:
        """`ok`, `note` (worth knowing) or `fix` (something must be done)."""
        if self.remedy:
            return "fix"
        return "note" if self.note else "ok"


def must_be_done(findings: Iterable[Finding]) -> list[str]:
    """The remedies of the findings that have one."""
    return [finding.remedy for finding in findings if finding.remedy]


def size(count: float) -> str:
    """A number of bytes as people read it: `12 kB`, `3.4 MB`, `1.2 GB` (powers of ten)."""
    for unit in ("B", "kB", "MB", "GB"):
        if round(count) < 1000 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit in ("B", "kB") or count >= 100 else f"{count:.1f} {unit}"
