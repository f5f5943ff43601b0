"""What the stages that read the corpus share: the sources that params.yaml names."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from elor.corpora.faults import some
from elor.corpora.index import index, read_index
from elor.corpora.reader import open_corpus
from elor.corpora.schema import Reader
from elor.corpora.sources import Opened
from elor.corpus_params import Corpus, Source
from elor.errors import UserError
from elor.files import Stamp, stamp
from stages import DATA
from stages.inputs import changed_under

CORPUS = DATA / "corpus"


def home(corpus: Corpus, source: Source) -> Path:
    """Where a corpus that is made of a recipe lies: each of several in a folder of its own."""
    return CORPUS if len(corpus.sources) == 1 else CORPUS / source.name


def opened(corpus: Corpus, keep: str = "") -> list[Opened]:
    """Open the sources; a demonstration corpus is read as any IEMOCAP release. `keep` as in `open_corpus`."""
    return [Opened(source, reader_of(corpus, source, keep)) for source in corpus.sources]


def reader_of(corpus: Corpus, source: Source, keep: str = "") -> Reader:
    """Open one of the sources."""
    path = home(corpus, source) / "release" if source.is_recipe else Path(source.path)
    how = {"partial": source.partial, "low": source.low, "high": source.high, "stereo": source.stereo}
    return open_corpus(path, **how, words=corpus.words != "none", keep=keep)


@contextmanager
def corpora_at_rest(corpus: Corpus, keep: str = "") -> Iterator[list[Opened]]:
    """Open the sources for a stage that reads them, and watch over outside ones, of which DVC knows only the index.

    Raises:
        UserError: if a file is not the one that the stage `sources` found, or changes before the block ends, be it to
            and fro.
    """
    every = opened(corpus, keep)
    known = read_index(CORPUS / "index.csv")
    outside = [one for one in every if not one.source.is_recipe]  # others are outputs of the stage `corpus`
    before = [_stamps(one, known) for one in outside]
    for source, reader in outside:
        own, found = known[known["corpus"] == source.name], index(reader, source.name)
        if not found.equals(own.reset_index(drop=True)):
            both = own.merge(found, how="outer", indicator=True)
            raise UserError(
                f"{some(both.loc[both['_merge'] != 'both', 'path'].unique(), 5)} changed since this run began; run dvc "
                "repro again, which looks at the corpus anew."
            )
    yield every
    after = [_stamps(one, known) for one in outside]
    if changed := [name for old, new in zip(before, after, strict=True) for name in old if old[name] != new[name]]:
        raise changed_under(changed)


def _stamps(one: Opened, known: pd.DataFrame) -> dict[str, Stamp | None]:
    """A stamp for every file of a corpus; None where there is none."""
    files = {name: one.reader.root / name for name in known.loc[known["corpus"] == one.source.name, "path"]}
    return {name: stamp(path) if path.exists() else None for name, path in files.items()}
