"""Stage `sources`: looks at what lies outside the repository each time, so that a changed file is noticed.

DVC would hash a whole release, with its 30 GB of videos; this looks only at what the pipeline reads, and remembers
digests by size and time. It runs in every `dvc repro` and reruns nothing as long as nothing changed.
"""

from pathlib import Path

import pandas as pd

from elor.corpora.index import COLUMNS, index, write_index
from elor.errors import UserError
from elor.files import file_digest
from elor.params import load
from stages import main
from stages.reader import corpus_reader, is_demo


def sources() -> None:
    """Write data/sources.csv and data/table.csv: path, size and digest of every file that will be read.

    The one is about the corpus, the other about the table of vectors, and has no row where there is none.
    """
    params = load()
    corpus, table = params.corpus, params.features.table
    found = listed(corpus.path) if is_demo(corpus) else index(corpus_reader(corpus))
    write_index(found, Path("data/sources.csv"))
    write_index(pd.DataFrame(columns=list(COLUMNS)) if table is None else listed(table), Path("data/table.csv"))


def listed(name: str) -> pd.DataFrame:
    """The index of one file."""
    path = Path(name)
    if not path.is_file():
        raise UserError(f"{name}, which params.yaml names, is no file; check the path.")
    return pd.DataFrame([{"path": name, "size": path.stat().st_size, "digest": file_digest(path)}])


if __name__ == "__main__":
    main(sources)
