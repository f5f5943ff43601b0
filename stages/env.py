"""Stage `env`: the pinned packages that decide numbers, so that a new matplotlib reruns nothing."""

from pathlib import Path

from elor.files import write_text
from stages import main

DECIDING = ("hyperopt", "numpy", "opensmile", "pandas", "scipy", "soundfile", "soxr", "torch", "torchaudio")


def env() -> None:
    """Copy the lines of requirements.lock that decide numbers to data/env.txt."""
    pins = Path("requirements.lock").read_text(encoding="utf-8").splitlines()
    lines = [line for line in pins if line.split("==")[0] in DECIDING]
    write_text(Path("data/env.txt"), "\n".join(lines) + "\n")


if __name__ == "__main__":
    main(env)
