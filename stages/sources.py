"""Stage `sources`: looks at the corpus each time, so that a changed sound file outside the repository is noticed.

DVC would hash a whole release, with its 30 GB of videos; this looks only at what the pipeline reads, and remembers
digests by size and time. It runs in every `dvc repro` and reruns nothing as long as nothing changed.
"""

from pathlib import Path

import pandas as pd

from elor.corpora.index import index, write_index
from elor.files import file_digest
from elor.params import load
from stages import main
from stages.reader import corpus_reader, is_demo


def sources() -> None:
    """Write data/sources.csv: path, size and digest of every file of the corpus that will be read."""
    corpus = load().corpus
    if is_demo(corpus):
        recipe = Path(corpus.path)
        row = {"path": corpus.path, "size": recipe.stat().st_size, "digest": file_digest(recipe)}
        table = pd.DataFrame([row])
    else:
        table = index(corpus_reader(corpus))
    write_index(table, Path("data/sources.csv"))


if __name__ == "__main__":
    main(sources)
