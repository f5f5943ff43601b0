"""Stage `slices`: the paper's 6-s rule, all slices in one memory-mapped array."""

from elor.corpora.schema import read_utterances
from elor.corpora.sources import sounds_of
from elor.features.slices import plan_slices, write_slices
from elor.params import load
from elor.tables import read_table, write_table
from stages import DATA, main
from stages.reader import corpora_at_rest


def slices() -> None:
    """Write data/slices.csv and data/slices.npy."""
    params = load()
    utterances = read_utterances(DATA / "utterances.csv")
    plan = plan_slices(utterances, read_table(DATA / "targets.csv"), params.slices.minimum_s)
    with corpora_at_rest(params.corpus) as opened:
        write_slices(plan, utterances, sounds_of(opened), DATA / "slices.npy")
    write_table(plan, DATA / "slices.csv")


if __name__ == "__main__":
    main(slices)
