"""What an installed elor brings along, for folders without a run: the demonstration recipe, and one trained network.

`demo.yaml` is the repository's `data/demo.yaml`. `elor-Ses03F` is the network on raw audio of one fold of the
demonstration run, as `elor export elor --fold Ses03F --no-onnx` wrote it, with its card.
"""

import sys
from pathlib import Path

RECIPE, MODEL = (Path(__file__).parent / name for name in ("demo.yaml", "elor-Ses03F.safetensors"))


def at_hand(path: Path, usual: Path, shipped: Path) -> Path:
    """A file that was asked for; the shipped one, which is then named, if the usual one was and is not here."""
    if path != usual or path.exists():
        return path
    print(f"There is no {usual} here; {shipped.name} is taken, which ships with elor.", file=sys.stderr)
    return shipped
