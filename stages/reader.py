"""What the stages that read the corpus share: the source that params.yaml names."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from elor.corpora.faults import some
from elor.corpora.index import index, read_index
from elor.corpora.reader import open_corpus
from elor.corpora.schema import Reader
from elor.errors import UserError
from elor.files import Stamp, stamp
from elor.params import Corpus
from stages.inputs import changed_under

CORPUS = Path("data/corpus")


def is_demo(corpus: Corpus) -> bool:
    """Whether the corpus is a recipe, from which the stage `corpus` makes a release."""
    return corpus.path.endswith((".yaml", ".yml"))


def corpus_reader(corpus: Corpus) -> Reader:
    """Open the corpus; the demonstration corpus is read as any IEMOCAP release."""
    if is_demo(corpus):
        return open_corpus(CORPUS / "release")
    return open_corpus(
        Path(corpus.path), partial=corpus.partial, low=corpus.low, high=corpus.high, stereo=corpus.stereo
    )


@contextmanager
def reader_at_rest(corpus: Corpus) -> Iterator[Reader]:
    """Open the corpus for a stage that reads it, and watch over an outside one, of which DVC knows only the index.

    Raises:
        UserError: if a file is not the one that the stage `sources` found, or changes before the block ends, be it to
            and fro.
    """
    source = corpus_reader(corpus)
    if is_demo(corpus):  # an output of the stage `corpus`: a dependency like any other
        yield source
        return
    known = read_index(CORPUS / "index.csv")
    before = _stamps(source, known["path"])
    found = index(source)
    if not found.equals(known):
        both = known.merge(found, how="outer", indicator=True)
        raise UserError(
            f"{some(both.loc[both['_merge'] != 'both', 'path'].unique(), 5)} changed since this run began; run dvc "
            "repro again, which looks at the corpus anew."
        )
    yield source
    after = _stamps(source, known["path"])
    if changed := [name for name in before if before[name] != after[name]]:
        raise changed_under(changed)


def _stamps(source: Reader, names: Iterable[str]) -> dict[str, Stamp | None]:
    """A stamp for every file of the corpus; None where there is none."""
    files = {name: source.root / name for name in names}
    return {name: stamp(path) if path.exists() else None for name, path in files.items()}
