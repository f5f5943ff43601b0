"""Stage `mfcc`: 26 MFCCs of every slice."""

from pathlib import Path

from elor.features.mfcc import write_mfcc
from stages import main


def mfcc() -> None:
    """Read data/slices.npy, write data/mfcc.npy."""
    write_mfcc(Path("data/slices.npy"), Path("data/mfcc.npy"))


if __name__ == "__main__":
    main(mfcc)
