"""What was said: the grammar of transcriptions, the column of a manifest, and what cannot be."""

from __future__ import annotations

import codecs
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from elor.corpora import texts
from elor.corpora.demo import generate, load_recipe
from elor.corpora.demo.casting import Turn
from elor.corpora.demo.words import said
from elor.corpora.iemocap import Iemocap
from elor.corpora.reader import open_corpus
from elor.corpora.sources import Opened, texts_by_utterance
from elor.errors import UserError
from elor.features.text import write_vectors
from elor.params import load
from tests.worlds.project import ROOT
from tests.worlds.release import plain, write_dialogue, write_sound

DIALOGUE = "Ses01F_impro01"
SAID = f"""{DIALOGUE}_F000 [006.2901-008.2357]: Excuse me.\r
{DIALOGUE}_M000 [7.5712 - 10.4750]: [BREATHING] Do you  have your [GARBAGE] forms?\r
M: Yeah.\r
{DIALOGUE}_FXX0 [011.0000-012.0000]: That's what they say.\r
\r
{DIALOGUE}_F001 [010.9266-014.6649]: [LAUGHTER]\r
"""


def test_the_grammar() -> None:
    found = texts.parse(SAID.encode(), "a file")
    assert found == {
        f"{DIALOGUE}_F000": "Excuse me.",
        f"{DIALOGUE}_M000": "Do you have your forms?",
        f"{DIALOGUE}_F001": "",
    }
    assert texts.parse(b"\xef\xbb\xbf" + SAID.replace("\r", "").encode(), "a file") == found
    assert texts.parse(SAID.encode("utf-16"), "a file") == found  # with its mark, as editors on Windows write it
    for mark, coding in ((codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be")):
        assert texts.parse(mark + SAID.encode(coding), "a file") == found
    assert texts.parse(SAID.replace("\r\n", "\r").encode(), "a file") == found
    foreign = SAID.replace("Excuse", "Excus\xe9").encode("latin-1")
    assert texts.parse(foreign, "a file")[f"{DIALOGUE}_F000"] == "Excus\xe9 me."


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (f"{DIALOGUE}_F002: no times", "Line 8 of x.txt is no"),
        (f"{DIALOGUE}_F000 [1-2]: again", "Line 8 .* second time"),
        (
            f"{DIALOGUE}_F002 [1-2]: small".lower(),
            "Line 8 of x.txt is no transcription as IEMOCAP writes them: 'ses01f",
        ),
        ("a\0b", "x.txt is no text in UTF-8 or Latin-1; save it as UTF-8"),
        (f"{DIALOGUE}_F002 [1-2]: one\x0b{DIALOGUE}_F003 [2-3]: two", "Line 8 of x.txt is no transcription"),
    ],
)
def test_a_line_that_cannot_be_is_named(line: str, fault: str) -> None:
    with pytest.raises(UserError, match=fault):
        texts.parse(f"{SAID}\n{line}".encode(), "x.txt")


@pytest.mark.parametrize(
    "content", [SAID.encode("utf-16")[:-1], SAID.encode("utf-32")[:-1], b"\xef\xbb\xbf\xe9", SAID.encode("utf-32-le")]
)
def test_a_file_that_is_not_what_its_mark_says_is_no_text(content: bytes) -> None:
    with pytest.raises(UserError, match=r"x.txt is no text in UTF-8 or Latin-1"):
        texts.parse(content, "x.txt")


def test_brackets_within_brackets_are_left_out_with_them() -> None:
    assert texts.spoken("a [B [C] d] e") == "a e"
    assert texts.spoken("[[A][B [C]]] so [D]it] is") == "so it] is"


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A dialogue and its transcription."""
    turns = plain(DIALOGUE)
    write_dialogue(tmp_path, DIALOGUE, turns)
    folder = tmp_path / "Session1/dialog/transcriptions"
    lines = [f"{turn.name} [001.0000-002.0000]: turn {number}" for number, turn in enumerate(turns)]
    (folder / f"{DIALOGUE}.txt").write_text("\n".join(lines))
    (folder / f"._{DIALOGUE}.txt").write_bytes(b"\0\xff")
    return tmp_path


def transcription(release: Path) -> Path:
    return release / f"Session1/dialog/transcriptions/{DIALOGUE}.txt"


def test_a_release_is_read_with_its_transcriptions_where_they_are_asked_for(release: Path) -> None:
    source = Iemocap(release, partial=True, words=True)
    found = source.texts()
    assert list(found.values()) == [f"turn {number}" for number in range(len(found))]
    where = transcription(release).relative_to(release).as_posix()
    assert where in source.files()
    assert where not in Iemocap(release, partial=True).files()


def test_a_turn_and_its_transcription_need_each_other() -> None:
    one, two = f"{DIALOGUE}_F000", f"{DIALOGUE}_F001"
    where = f"Session1/dialog/transcriptions/{DIALOGUE}.txt"
    with pytest.raises(
        UserError, match=rf"1 turn of the release without a line in dialog/transcriptions: {two} \({where}\);"
    ):
        texts.paired({one: "x"}, [one, two], {}, partial=False)
    with pytest.raises(UserError, match=rf"1 turn of the release without an annotation: {two} \(transcribed in x.txt"):
        texts.paired({one: "x", two: "y"}, [one], {one: "x.txt", two: "x.txt"}, partial=False)
    assert texts.paired({"a": "x", "b": "y"}, ["a", "c"], {}, partial=True) == {"a": "x", "c": ""}


def test_the_transcription_of_a_dialogue_without_annotation_is_named(release: Path) -> None:
    (release / "Session2/dialog/transcriptions").mkdir(parents=True)
    where = "Session2/dialog/transcriptions/Ses02F_impro01.txt"
    (release / where).write_text("Ses02F_impro01_F000 [1.0-2.0]: so")
    source = Iemocap(release, words=True)
    assert where in source._transcriptions
    with pytest.raises(UserError, match=rf"without an annotation: Ses02F_impro01_F000 \(transcribed in {where}\)"):
        source.texts()
    assert "Ses02F_impro01_F000" not in Iemocap(release, partial=True, words=True).texts()


def test_a_turn_that_two_files_transcribe_is_refused(release: Path) -> None:
    other = plain("Ses01F_impro02")
    write_dialogue(release, "Ses01F_impro02", other)
    copy = transcription(release).with_name("Ses01F_impro02.txt")
    copy.write_text(f"{DIALOGUE}_F000 [1.0-2.0]: again")
    with pytest.raises(UserError, match=rf"impro02.txt transcribes {DIALOGUE}_F000, as .*impro01.txt does; keep one"):
        Iemocap(release, partial=True, words=True).texts()


def manifest(folder: Path, *lines: str) -> Path:
    for name in "abc":
        write_sound(folder / f"{name}.wav", 16_000)
    (folder / "table.csv").write_text("\n".join(lines))
    return folder / "table.csv"


def test_a_manifest_has_a_column_text(tmp_path: Path) -> None:
    path = manifest(
        tmp_path,
        "file,speaker,rater,valence,arousal,text",
        'a.wav,S1,R1,1,2,"Hello, you"',
        'a.wav,S1,R2,2,2,"Hello, you"',
        "b.wav,S2,R1,3,3,",
        "c.wav,S2,R1,3,3,[LAUGHTER] so",
    )
    source = open_corpus(path, words=True)
    assert source.texts() == {"a": "Hello, you", "b": "", "c": "so"}
    utterances = source.read().utterances
    table = texts.texts_of(source.texts(), utterances, utterances, "words")
    assert table.to_dict("list") == {"utterance": ["a", "b", "c"], "text": ["Hello, you", "", "so"]}


def test_a_manifest_without_the_column_or_of_two_minds_is_refused(tmp_path: Path) -> None:
    path = manifest(tmp_path, "file,speaker,valence,arousal", "a.wav,S1,1,2")
    with pytest.raises(UserError, match=r"has no column text, which corpus.words reads; add it"):
        open_corpus(path, words=True).texts()
    path = manifest(tmp_path, "file,speaker,rater,valence,arousal,text", "a.wav,S1,R1,1,2,yes", "a.wav,S1,R2,1,2,no")
    with pytest.raises(UserError, match=r"Line 3 .* gives another text than line 2"):
        open_corpus(path, words=True).texts()
    open_corpus(path).read()  # who does not ask for words does not mind


def test_speakers_without_any_text_are_named() -> None:
    table = pd.DataFrame({"utterance": ["a", "b", "c"], "speaker": ["S1", "S1", "S2"]})
    for content, unit in (("", "words"), ("", "characters"), ("... \N{GRINNING FACE}", "words")):
        with pytest.raises(
            UserError, match=f"1 speaker of 2 have no {unit} in the text of any utterance that is learned: S2;"
        ):
            texts.texts_of({"a": "yes", "b": "", "c": content}, table, table, unit)
    found = texts.texts_of({"a": "yes", "b": "", "c": "..."}, table, table, "characters")
    assert found["text"].tolist() == ["yes", "", "..."]


def test_what_is_not_learned_neither_gives_words_nor_needs_them() -> None:
    table = pd.DataFrame({"utterance": ["a", "b", "c"], "speaker": ["S1", "S1", "S2"]})
    with pytest.raises(UserError, match=r"1 speaker of 2 have no words in .* that is learned: S1;"):
        texts.texts_of({"a": "yes", "b": "", "c": "no"}, table, table[1:], "words")
    found = texts.texts_of({"a": "yes", "b": "", "c": ""}, table, table[:2], "words")
    assert found["text"].tolist() == ["yes", "", ""]


@pytest.mark.parametrize("unit", ["words", "characters"])
def test_a_text_counts_if_it_has_a_term(unit: str, tmp_path: Path) -> None:
    for content in ("", "...", "\N{GRINNING FACE}", "_", "7", "a", "\N{HIRAGANA LETTER A}", "-a", "'"):
        utterances = pd.DataFrame({"utterance": ["a", "b"], "speaker": ["S1", "S2"], "slice": ["a_0", "b_0"]})
        told = pd.DataFrame({"utterance": ["a", "b"], "text": ["yes", content]})
        write_vectors(told, utterances, unit, tmp_path / "a.npy", tmp_path / "a.txt")
        if np.load(tmp_path / "a.npy")[1].any():
            texts.texts_of({"a": "yes", "b": content}, utterances, utterances, unit)
        else:
            with pytest.raises(UserError):
                texts.texts_of({"a": "yes", "b": content}, utterances, utterances, unit)


@pytest.mark.long
def test_the_demonstration_says_what_the_recipe_plants(tmp_path: Path) -> None:
    recipe = load_recipe(ROOT / "data/demo.yaml")
    generate(recipe, 60, 1, tmp_path)
    source = Iemocap(tmp_path / "release", words=True)
    found = source.texts()
    assert len(found) == 60
    assert all(found.values())

    def share(valence: float, scenario: str = "impro01") -> float:
        turns = [Turn(f"Ses01F_{scenario}_F{n:03d}", "", scenario, "Ses01F", valence, 0.0) for n in range(300)]
        words = [word.strip(".").lower() for turn in turns for word in said(recipe, turn, 1).split()]
        high, low = (sum(word in some for word in words) for some in (recipe.words.high, recipe.words.low))
        assert abs((high + low) / len(words) - recipe.words.telling_share) < 0.03
        return high / (high + low)

    assert abs(share(0.8) - 0.9) < 0.03
    assert abs(share(-0.8) - 0.1) < 0.03
    assert share(0.8, "script01_1") == share(-0.8, "script01_1")  # a script says what it says
    other = recipe.model_copy(update={"words": recipe.words.model_copy(update={"telling_share": 0.0})})
    generate(other, 60, 1, tmp_path / "other")
    parts = [tmp_path / "release", tmp_path / "other" / "release"]
    files = [{file.relative_to(part): file.read_bytes() for file in part.rglob("*.*")} for part in parts]
    unlike = {name.parts[2] for name in files[0] if files[0][name] != files[1][name]}
    assert unlike == {"transcriptions"}  # neither sound nor ratings know of words
    scripts = [name for name in found if "script" in name]
    by_place: dict[str, set[str]] = {}
    for name in scripts:
        by_place.setdefault(name.split("_", 1)[1].replace("1b", "1"), set()).add(found[name])
    assert all(len(spoken) == 1 for spoken in by_place.values())
    assert len(by_place) < len(scripts)


def test_of_several_corpora_each_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    header = "file,speaker,valence,arousal"
    paths = [
        manifest(tmp_path / "one", f"{header},text", "a.wav,S1,1,2,yes"),
        manifest(tmp_path / "two", f"{header},text", "a.wav,S1,1,2,no"),
        manifest(tmp_path / "two", header, "a.wav,S1,1,2"),
    ]
    corpus = load(ROOT / "params.yaml").corpus
    listed = [{"path": str(path), "name": name} for path, name in zip(paths[:2], ("one", "two"), strict=True)]
    sources = corpus.model_copy(update={"path": listed}).sources
    opened = [Opened(sources[0], open_corpus(paths[0], words=True))]
    assert texts_by_utterance(opened) == {"a": "yes"}
    opened.append(Opened(sources[1], open_corpus(paths[1], words=True)))
    with pytest.raises(UserError, match=r"^Corpus two: .* has no column text"):
        texts_by_utterance(opened)
    paths[1].write_text(f"{header},text\na.wav,S1,1,2,no\n")
    opened[1] = Opened(sources[1], open_corpus(paths[1], words=True))
    assert texts_by_utterance(opened) == {"one-a": "yes", "two-a": "no"}
