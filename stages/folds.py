"""Stage `folds`: which slices train, validate and test in each fold."""

from elor.evaluation.leakage import check_folds
from elor.params import load
from elor.tables import read_table, write_table
from elor.training.folds import make_folds
from stages import DATA, main


def folds() -> None:
    """Read data/slices.csv, write data/folds.csv; what breaks the protocol stops here, before anything is trained."""
    params = load()
    how = params.folds
    slices = read_table(DATA / "slices.csv", how.hold_out)
    table = make_folds(slices, how.protocol, how.validation, how.most, params.seed, how.hold_out)
    remedy = "correct the speakers and utterances of data/slices.csv"
    check_folds(table, slices, how.protocol, remedy, read_table(DATA / "copies.csv"), how.hold_out)
    write_table(table, DATA / "folds.csv")


if __name__ == "__main__":
    main(folds)
