"""What the stages that read the corpus share: the source that params.yaml names."""

from pathlib import Path

from elor.corpora.source import open_source
from elor.corpora.tables import Source
from elor.params import Corpus

CORPUS = Path("data/corpus")


def is_demo(corpus: Corpus) -> bool:
    """Whether the corpus is a recipe, from which the stage `corpus` makes a release."""
    return corpus.path.endswith((".yaml", ".yml"))


def source_of(corpus: Corpus) -> Source:
    """Open the corpus; the demonstration corpus is read as any IEMOCAP release."""
    if is_demo(corpus):
        return open_source(CORPUS / "release")
    return open_source(
        Path(corpus.path), partial=corpus.partial, low=corpus.low, high=corpus.high, stereo=corpus.stereo
    )
