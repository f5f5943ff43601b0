"""Stage `mfcc`: 26 MFCCs of every slice."""

from elor.features.mfcc import write_mfcc
from stages import DATA, main


def mfcc() -> None:
    """Read data/slices.npy, write data/mfcc.npy."""
    write_mfcc(DATA / "slices.npy", DATA / "mfcc.npy")


if __name__ == "__main__":
    main(mfcc)
