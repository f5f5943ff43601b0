"""Stage `text`: which words the utterance of every slice holds; without words vectors of no numbers."""

from elor.features.text import write_vectors
from elor.params import load
from elor.tables import read_table
from stages import DATA, main


def text() -> None:
    """Write data/text.npy, data/text_names.txt, and data/text.json, which says what they hold."""
    texts, slices = read_table(DATA / "texts.csv"), read_table(DATA / "slices.csv")
    unit = load().corpus.words
    write_vectors(texts, slices, unit, DATA / "text.npy", DATA / "text_names.txt").write(DATA / "text.json")


if __name__ == "__main__":
    main(text)
