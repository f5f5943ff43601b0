"""The processor as results name it: what it is called, and how wide its vectors are."""

from __future__ import annotations

from pathlib import Path

from elor.arithmetic import processor as name

VECTORS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
"""Extensions that decide how fast arithmetic is, and in which order sums are taken."""


def processor() -> str:
    """The name, and which of `VECTORS` it has: `AMD EPYC 7B13 (avx2)`."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    flags = next((line.split(":", 1)[1].split() for line in lines if line.startswith("flags")), [])
    known = [vector for vector in VECTORS if vector in flags]
    plain = name().replace("(R)", "").replace("(TM)", "")
    return f"{plain} ({', '.join(known)})" if known else plain
