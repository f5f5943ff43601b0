"""Stage `is10`: openSMILE's functionals of every slice, of the paper's set or another; or vectors from elsewhere."""

from pathlib import Path

from elor.engine import Engine
from elor.features.is10 import write_is10
from elor.features.table import vectors_of, write_vectors
from elor.files import file_digest
from elor.params import load
from elor.tables import read_table
from elor.vectors import SETS, Vectors
from stages import DATA, main
from stages.inputs import changed_under

OUT, NAMES = DATA / "is10.npy", DATA / "is10_names.txt"


def is10() -> None:
    """Read data/slices.npy, write data/is10.npy, data/is10_names.txt, and data/is10.json, which says what they hold.

    With a table of vectors that and data/slices.csv are read, and no sound.
    """
    params = load()
    how = params.features
    if how.table is None:
        engine = Engine("cpu", params.engine.workers, params.engine.address)
        write_is10(DATA / "slices.npy", OUT, NAMES, engine, how.set)
        vectors = Vectors(how.set, SETS[how.set])
    else:
        table = Path(how.table)
        found, names = vectors_of(table, read_table(DATA / "slices.csv"))
        if file_digest(table) not in (DATA / "table.csv").read_text(encoding="utf-8"):
            raise changed_under([how.table])
        write_vectors(found, names, OUT, NAMES)
        vectors = Vectors(table.name, len(names), table=True)
    vectors.write(DATA / "is10.json")


if __name__ == "__main__":
    main(is10)
