"""Stage `labels`: the corpus becomes two tables, utterances and ratings, and a list of its copies."""

from pathlib import Path

from elor.corpora.copies import find_copies, named
from elor.corpora.labels import label
from elor.evidence.corpus import Corpus
from elor.evidence.model import write
from elor.params import load
from elor.tables import write_table
from stages import main
from stages.reader import reader_at_rest


def labels() -> None:
    """Write data/utterances.csv, data/ratings.csv, data/copies.csv and metrics/corpus.json."""
    params = load()
    how, corpus = params.labels, params.corpus
    with reader_at_rest(corpus) as source:
        read = source.read()
        pairs = find_copies(read.utterances, source.root, corpus.stereo)
    tables = label(read, how.rater, how.asked, corpus.low, corpus.high)
    write_table(tables.utterances, Path("data/utterances.csv"))
    write_table(tables.ratings, Path("data/ratings.csv"))
    write_table(pairs, Path("data/copies.csv"))
    write(Path("metrics/corpus.json"), Corpus.of(tables.report, copies=named(pairs)))


if __name__ == "__main__":
    main(labels)
