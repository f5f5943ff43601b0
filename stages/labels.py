"""Stage `labels`: the corpus becomes tables: utterances, ratings, what the networks learn, and a list of its copies."""

import pandas as pd

from elor.corpora.copies import find_copies, named
from elor.corpora.sources import learned, learned_from, read, sounds_of, texts_by_utterance
from elor.corpora.texts import COLUMNS, texts_of
from elor.evidence.corpus import Corpus
from elor.evidence.model import write
from elor.features.slices import plan_slices
from elor.params import load
from elor.tables import write_table
from elor.training.folds import FEWEST, check_column, held_out
from stages import DATA, METRICS, main
from stages.reader import corpora_at_rest


def labels() -> None:
    """Write data/utterances.csv, ratings.csv, targets.csv, texts.csv, copies.csv, and metrics/corpus.json."""
    params = load()
    how, corpus = params.labels, params.corpus
    check_column(params.folds.hold_out)
    with corpora_at_rest(corpus, params.folds.hold_out) as opened:
        said = texts_by_utterance(opened) if corpus.words != "none" else None
        tables = read(opened, how.rater, how.asked, (corpus.low, corpus.high))
        shuffle = params.seed if how.shuffle else None
        wanted = learned(tables, corpus.sources, how.asked, (corpus.low, corpus.high), shuffle)
        having = learned_from(tables, wanted, how.asked, FEWEST.get(params.folds.hold_out, 0))
        texts = pd.DataFrame(columns=COLUMNS)
        if said is not None:
            slices = plan_slices(tables.utterances, wanted, params.slices.minimum_s)
            texts = texts_of(said, tables.utterances, slices, corpus.words)
        held_out(having, params.folds.hold_out, tables.utterances)  # said here, before anything long starts
        pairs = find_copies(tables.utterances, sounds_of(opened))
    write_table(tables.utterances, DATA / "utterances.csv")
    write_table(tables.ratings, DATA / "ratings.csv")
    write_table(wanted, DATA / "targets.csv")
    write_table(texts, DATA / "texts.csv")
    write_table(pairs, DATA / "copies.csv")
    write(METRICS / "corpus.json", Corpus.of(tables.report, copies=named(pairs)))


if __name__ == "__main__":
    main(labels)
