"""Stage `is10`: openSMILE's functionals of every slice, of the paper's set or another."""

from pathlib import Path

from elor.features.is10 import write_is10
from elor.params import load
from elor.vectors import SETS, Vectors
from stages import main

DATA = Path("data")


def is10() -> None:
    """Read data/slices.npy, write data/is10.npy, data/is10_names.txt, and data/is10.json, which says what they hold."""
    which = load().features.set
    write_is10(DATA / "slices.npy", DATA / "is10.npy", DATA / "is10_names.txt", which=which)
    Vectors(which, SETS[which]).write(DATA / "is10.json")


if __name__ == "__main__":
    main(is10)
