"""Stage `corpus`: makes demonstration corpora, and lists the files of outside ones (no copy of licensed audio)."""

from pathlib import Path

import pandas as pd

from elor.corpora.demo import generate, load_recipe
from elor.corpora.index import index, read_index
from elor.engine import Engine
from elor.params import load
from elor.tables import write_table
from stages import DATA, main
from stages.reader import CORPUS, home, reader_of


def corpus() -> None:
    """Write data/corpus/: index.csv, and of a demonstration corpus the release itself and its truth.

    Each of several corpora has a folder of its name there.
    """
    params = load()
    listed, tables = read_index(DATA / "sources.csv"), []
    recipes = {source: load_recipe(Path(source.path)) for source in params.corpus.sources if source.is_recipe}
    for source in params.corpus.sources:
        if source in recipes:
            engine = Engine("cpu", params.engine.workers, params.engine.address)
            place = home(params.corpus, source)
            generate(recipes[source], params.scale.utterances, source.seed, place, engine)
            tables.append(index(reader_of(params.corpus, source), source.name))
        else:
            tables.append(listed[listed["corpus"] == source.name])
    write_table(pd.concat(tables, ignore_index=True), CORPUS / "index.csv")


if __name__ == "__main__":
    main(corpus)
