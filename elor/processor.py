"""The processor's name, as people know it."""

from __future__ import annotations

import platform
from pathlib import Path

VECTORS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
"""Extensions that decide how fast arithmetic is, and in which order sums are taken."""


def processor() -> str:
    """The name, and which of `VECTORS` it has: `AMD EPYC 7B13 (avx2)`."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or platform.machine()
    lines = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
    fields = {name.strip(): value.strip() for name, value in lines.items()}
    flags = fields.get("flags", "").split()
    known = [name for name in VECTORS if name in flags]
    name = fields.get("model name", platform.machine()).replace("(R)", "").replace("(TM)", "")
    return f"{name} ({', '.join(known)})" if known else name
