"""Stage `baseline`: the support vector machine on IS10 that FTR is held against, in the same folds."""

from elor.engine import Engine
from elor.params import load
from elor.tables import read_table, write_table
from elor.training.svm_baseline import across, cross_validated
from stages import DATA, main


def baseline() -> None:
    """Write data/predictions/svm.csv, what each fold chose to data/tuning/svm.csv, and data/transfer.csv."""
    params = load()
    asked = params.labels.asked.heads
    slices, folds = read_table(DATA / "slices.csv"), read_table(DATA / "folds.csv")
    engine = Engine("cpu", params.engine.workers, params.engine.address)
    predictions, chosen = cross_validated(DATA / "is10.npy", slices, folds, asked, engine)
    write_table(predictions, DATA / "predictions" / "svm.csv")
    write_table(chosen, DATA / "tuning" / "svm.csv", "%.6g")
    how = (params.folds.protocol, params.folds.validation, params.folds.most, params.seed)
    copies = read_table(DATA / "copies.csv")
    write_table(across(DATA / "is10.npy", slices, copies, how, asked, engine), DATA / "transfer.csv")


if __name__ == "__main__":
    main(baseline)
