"""Stage `is10`: the 1,582 functionals of the INTERSPEECH 2010 Paralinguistics set for every slice."""

from pathlib import Path

from elor.features.is10 import write_is10
from stages import main


def is10() -> None:
    """Read data/slices.npy, write data/is10.npy and data/is10_names.txt."""
    write_is10(Path("data/slices.npy"), Path("data/is10.npy"), Path("data/is10_names.txt"))


if __name__ == "__main__":
    main(is10)
