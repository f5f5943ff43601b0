"""Stage `env`: the arithmetic and the pinned packages that decide numbers, so that a new matplotlib reruns nothing."""

from pathlib import Path

from elor.arithmetic import DECIDING, SETTINGS
from elor.files import write_text
from elor.params import load_start
from stages import main


def env() -> None:
    """Write data/env.txt: the arithmetic with its settings, and the lines of requirements.lock that decide numbers."""
    params = load_start()
    how = [f"arithmetic {params.arithmetic}"]
    if params.arithmetic == "portable":
        how += [f"{name}={value}" for name, value in SETTINGS.items() if value]
    pins = Path("requirements.lock").read_text(encoding="utf-8").splitlines()
    lines = [line for line in pins if line.split("==")[0] in DECIDING]
    write_text(Path("data/env.txt"), "\n".join(how + lines) + "\n")


if __name__ == "__main__":
    main(env)
