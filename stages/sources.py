"""Stage `sources`: looks at what lies outside the repository each time, so that a changed file is noticed.

DVC would hash a whole release, with its 30 GB of videos; this looks only at what the pipeline reads, and remembers
digests by size and time. It runs in every `dvc repro` and reruns nothing as long as nothing changed.
"""

from pathlib import Path

import pandas as pd

from elor.corpora.demo import recipe_files
from elor.corpora.index import COLUMNS, index
from elor.corpora.making import check_asked
from elor.corpora.sources import naming
from elor.errors import UserError
from elor.files import file_digest
from elor.params import load
from elor.tables import write_table
from stages import DATA, main
from stages.reader import reader_of


def sources() -> None:
    """Write data/sources.csv and data/table.csv: path, size and digest of every file that will be read.

    The one is about the corpus, the other about the table of vectors, and has no row where there is none.
    """
    params = load()
    sources, table = params.corpus.sources, params.features.table
    for source in sources:
        with naming(source, len(sources)):  # whatever is wrong with any of them is said before the first is read
            if source.is_recipe:
                check_asked(Path(source.path), source.rater or params.labels.rater, source.low, source.high)
            else:
                reader_of(params.corpus, source)
    found = []
    for source in sources:
        with naming(source, len(sources)):
            read = (
                listed(*recipe_files(Path(source.path)))
                if source.is_recipe
                else index(reader_of(params.corpus, source))
            )
        found.append(read.assign(corpus=source.name))
    write_table(pd.concat(found, ignore_index=True), DATA / "sources.csv")
    write_table(pd.DataFrame(columns=list(COLUMNS)) if table is None else listed(Path(table)), DATA / "table.csv")


def listed(*paths: Path) -> pd.DataFrame:
    """The index of single files."""
    if absent := [path for path in paths if not path.is_file()]:
        raise UserError(f"{absent[0]}, which params.yaml names, is no file; check the path.")
    rows = [{"corpus": "", "path": str(one), "size": one.stat().st_size, "digest": file_digest(one)} for one in paths]
    return pd.DataFrame(rows)


if __name__ == "__main__":
    main(sources)
