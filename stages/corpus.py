"""Stage `corpus`: makes the demonstration corpus, or lists the files of an outside one (no copy of licensed audio)."""

from pathlib import Path

from elor.corpora.demo import generate, load_recipe
from elor.corpora.index import index, read_index, write_index
from elor.engine import Engine
from elor.params import load
from stages import main
from stages.reader import CORPUS, corpus_reader, is_demo


def corpus() -> None:
    """Write data/corpus/: index.csv, and for the demonstration corpus the release itself and its truth."""
    params = load()
    if is_demo(params.corpus):
        recipe = load_recipe(Path(params.corpus.path))
        engine = Engine("cpu", params.engine.workers, params.engine.address)
        generate(recipe, params.scale.utterances, params.corpus.seed, CORPUS, engine)
        table = index(corpus_reader(params.corpus))
    else:
        table = read_index(Path("data/sources.csv"))
    write_index(table, CORPUS / "index.csv")


if __name__ == "__main__":
    main(corpus)
