"""Stage `labels`: the corpus becomes two tables, utterances and ratings."""

from pathlib import Path

from elor.corpora.labels import label
from elor.files import write_json
from elor.params import load
from elor.tables import write_table
from stages import main
from stages.source import source_at_rest


def labels() -> None:
    """Write data/utterances.csv, data/ratings.csv and metrics/corpus.json."""
    params = load()
    how, corpus = params.labels, params.corpus
    with source_at_rest(corpus) as source:
        read = source.read()
    tables = label(read, how.rater, how.classes, corpus.low, corpus.high, how.target)
    write_table(tables.utterances, Path("data/utterances.csv"))
    write_table(tables.ratings, Path("data/ratings.csv"))
    write_json(Path("metrics/corpus.json"), tables.report)


if __name__ == "__main__":
    main(labels)
