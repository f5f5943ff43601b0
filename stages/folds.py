"""Stage `folds`: which slices train, validate and test in each fold."""

from pathlib import Path

from elor.evaluation.guard import check_folds
from elor.params import load
from elor.tables import read_table, write_table
from elor.training.folds import make_folds
from stages import main


def folds() -> None:
    """Read data/slices.csv, write data/folds.csv; what breaks the protocol stops here, before anything is trained."""
    params = load()
    how = params.folds
    slices = read_table(Path("data/slices.csv"), how.hold_out)
    table = make_folds(slices, how.protocol, how.validation, how.most, params.seed, how.hold_out)
    remedy = "correct the speakers and utterances of data/slices.csv"
    check_folds(table, slices, how.protocol, remedy, read_table(Path("data/copies.csv")), how.hold_out)
    write_table(table, Path("data/folds.csv"))


if __name__ == "__main__":
    main(folds)
