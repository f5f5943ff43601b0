"""Stage `slices`: the paper's 6-s rule, all slices in one memory-mapped array."""

from pathlib import Path

from elor.corpora.schema import read_utterances
from elor.features.slices import plan_slices, write_slices
from elor.params import load
from elor.tables import read_table, write_table
from stages import main
from stages.reader import reader_at_rest

DATA = Path("data")


def slices() -> None:
    """Write data/slices.csv and data/slices.npy."""
    params = load()
    utterances = read_utterances(DATA / "utterances.csv")
    plan = plan_slices(utterances, read_table(DATA / "targets.csv"), params.slices.minimum_s)
    with reader_at_rest(params.corpus) as reader:
        write_slices(plan, utterances, reader.root, DATA / "slices.npy", params.corpus.stereo)
    write_table(plan, DATA / "slices.csv")


if __name__ == "__main__":
    main(slices)
