"""What was said, by utterance: IEMOCAP's transcriptions, a manifest's column `text`; and what must hold of it.

The release's grammar, in `SessionN/dialog/transcriptions/<dialogue>.txt`, lines in the order of time, mostly CRLF:

    Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.
    M: Yeah.
    Ses01F_impro01_MXX0 [151.2551-153.4251]: [LAUGHTER]

The second line has neither turn nor time, the third is of a piece that was not made a turn: neither was annotated, and
both are passed over. What stands in square brackets was heard, not said ([LAUGHTER], [BREATHING]), and is left out.
"""

import codecs
import re
from collections.abc import Iterable, Mapping

import pandas as pd

from elor.corpora.faults import listed, plural
from elor.errors import UserError

NAMING = re.compile(r"ses\d", re.IGNORECASE)
"""How a line begins that is of a turn, or means to be."""

HEAD = re.compile(r"(?P<turn>Ses\w+)\s+\[\d+(?:\.\d+)?\s*-\s*\d+(?:\.\d+)?\]\s*:")
NO_TURN = re.compile(r"Ses\w+_[FM]XX\d+")
HEARD = re.compile(r"\[[^\[\]]*\]")
"""Brackets without others within."""

MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark begins it
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8-sig",
}
"""Byte order marks, and what a file that begins with one is written in."""

COLUMNS = ["utterance", "text"]


def parse(content: bytes, where: str) -> dict[str, str]:
    """Read one transcription file.

    Args:
        content: the file's bytes, see `lines`.
        where: its path below the root, for messages.

    Returns:
        What was said in each turn, by its name, without what stands in square brackets; it may be nothing.

    Raises:
        UserError: for a file that is no text, for a line that names a turn and fits no pattern, and for a turn that
            occurs twice.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(map(str.strip, lines(content, where)), start=1):
        if not NAMING.match(line):  # nobody's turn
            continue
        said = HEAD.match(line)
        text = line[said.end() :] if said else ""
        if said is None or HEAD.search(text):  # two turns would be one
            raise UserError(
                f"Line {number} of {where} is no transcription as IEMOCAP writes them: {line[:80]!r}; restore the file."
            )
        if NO_TURN.fullmatch(said["turn"]):
            continue
        if said["turn"] in found:
            raise UserError(f"Line {number} of {where} transcribes {said['turn']} a second time; keep one of them.")
        found[said["turn"]] = spoken(text)
    return found


def lines(content: bytes, where: str) -> list[str]:
    """The lines of a text file, which end in LF, CRLF or CR.

    Args:
        content: UTF-8 or Latin-1, or what its byte order mark says: UTF-8, UTF-16, UTF-32.
        where: as in `parse`.

    Raises:
        UserError: if it is none of these.
    """
    no_text = UserError(f"{where} is no text in UTF-8 or Latin-1; save it as UTF-8.")
    marked = next((coding for mark, coding in MARKS.items() if content.startswith(mark)), None)
    try:
        text = content.decode(marked or "utf-8")
    except UnicodeDecodeError:
        if marked:
            raise no_text from None
        text = content.decode("latin-1")
    if "\0" in text:
        raise no_text
    return re.split(r"\r\n?|\n", text)


def spoken(text: str) -> str:
    """A text without what stands in square brackets, also in brackets within brackets, and with single spaces."""
    while (less := HEARD.sub(" ", text)) != text:
        text = less
    return " ".join(text.split())


def paired(texts: Mapping[str, str], turns: Iterable[str], files: Mapping[str, str], partial: bool) -> dict[str, str]:
    """The texts of the annotated turns.

    Args:
        texts: by the turn's name.
        turns: those that are annotated.
        files: by the names of `texts` where each was read.
        partial: go on without what is missing.

    Raises:
        UserError: if a turn has no transcription or a transcription no turn, unless `partial`.
    """
    turns = list(turns)
    if partial:
        return {name: texts.get(name, "") for name in turns}
    known = set(turns)
    faults = (
        ([f"{name} ({place(name)})" for name in turns if name not in texts], "without a line in dialog/transcriptions"),
        ([f"{name} (transcribed in {files[name]})" for name in texts if name not in known], "without an annotation"),
    )
    for names, fault in faults:
        if names:
            raise UserError(
                f"{plural(len(names), 'turn')} of the release {fault}: {listed(names)}; restore the files, set "
                "corpus.partial to true to go on without them, or corpus.words to none."
            )
    return {name: texts[name] for name in turns}


def place(turn: str) -> str:
    """The transcription that a turn belongs into, by its path below the root."""
    return f"Session{turn[4:5]}/dialog/transcriptions/{turn.rpartition('_')[0]}.txt"


def texts_of(texts: Mapping[str, str], utterances: pd.DataFrame, slices: pd.DataFrame, unit: str) -> pd.DataFrame:
    """A table of what was said in every utterance: utterance, text.

    Args:
        texts: by the utterance's name.
        utterances: their names and speakers.
        slices: those of the utterances that are learned; an unrated one, say, has none.
        unit: what is counted, of `elor.features.text.UNITS`: `...` holds no words, though characters.

    Raises:
        UserError: if a speaker said nothing that counts in what is learned: then the words would tell who speaks.
    """
    table = utterances[["utterance", "speaker"]].assign(text=utterances["utterance"].map(texts).fillna(""))
    counted = table["text"].str.contains(r"\w" if unit == "words" else r"\S")
    learned = table["utterance"].isin(slices["utterance"])
    said = counted[learned].groupby(table["speaker"][learned]).any()
    if silent := sorted(said.index[~said]):
        raise UserError(
            f"{plural(len(silent), 'speaker')} of {len(said)} have no {unit} in the text of any utterance that is "
            f"learned: {listed(silent)}; write down what they said, take them out, or set corpus.words to none."
        )
    return table[COLUMNS]
