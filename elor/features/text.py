"""What was said as vectors: of every slice, which words (or threes of characters) its utterance holds.

Here texts are taken apart and words are numbered, no more: which of them count, and how much, is fitted on each fold's
training part alone (`elor.networks.Weigh`). All slices of an utterance have the utterance's words, whenever they fell.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from elor.files import replacing, write_text
from elor.vectors import Vectors

UNITS = {
    "words": {"analyzer": "word", "token_pattern": r"(?u)\b\w+\b"},
    "characters": {"analyzer": "char_wb", "ngram_range": (3, 3)},
}
"""How scikit-learn's CountVectorizer takes a text apart, in lower case; threes of characters do not cross words."""


def write_vectors(texts: pd.DataFrame, slices: pd.DataFrame, unit: str, out: Path, names: Path) -> Vectors:
    """Write the vectors of all slices, float32 (slices, words) of 0 and 1, and the words, one a line.

    Args:
        texts: utterance, text.
        slices: slices.csv.
        unit: of `UNITS`; `none`: vectors of no numbers.
        out, names: where they go.

    Returns:
        What they are.
    """
    found, terms = np.zeros((len(slices), 0), dtype=np.float32), []
    if unit in UNITS:
        from sklearn.feature_extraction.text import CountVectorizer

        vectorizer = CountVectorizer(binary=True, dtype=np.float32, **UNITS[unit])
        counts = vectorizer.fit_transform(texts["text"])
        place = pd.Series(np.arange(len(texts)), index=texts["utterance"])
        found = counts[place.reindex(slices["utterance"]).to_numpy()].toarray()
        terms = vectorizer.get_feature_names_out().tolist()
    with replacing(out) as part, part.open("wb") as stream:
        np.save(stream, found)
    write_text(names, "".join(f"{term}\n" for term in terms))
    return Vectors("words" if unit == "none" else unit, len(terms), table=True)
