"""Stage `slices`: the paper's 6-s rule, all slices in one memory-mapped array."""

from pathlib import Path

from elor.corpora.labels import targets
from elor.corpora.schema import read_ratings, read_utterances
from elor.features.slices import plan_slices, shuffled, write_slices
from elor.params import load
from elor.tables import write_table
from stages import main
from stages.reader import reader_at_rest


def slices() -> None:
    """Write data/slices.csv and data/slices.npy."""
    params = load()
    how, corpus = params.labels, params.corpus
    utterances, ratings = read_utterances(Path("data/utterances.csv")), read_ratings(Path("data/ratings.csv"))
    wanted = targets(utterances, ratings, how.asked, corpus.low, corpus.high)
    if how.shuffle:
        wanted = shuffled(wanted, utterances, params.seed)
    plan = plan_slices(utterances, wanted, params.slices.minimum_s)
    with reader_at_rest(corpus) as source:
        write_slices(plan, utterances, source.root, Path("data/slices.npy"), corpus.stereo)
    write_table(plan, Path("data/slices.csv"))


if __name__ == "__main__":
    main(slices)
