"""The sounds that a table names: absent, unusable, in two channels, behind links, under any name."""

from __future__ import annotations

from pathlib import Path

import pytest

from elor.corpora.reader import open_corpus
from elor.corpora.schema import read_utterances
from elor.errors import UserError
from elor.tables import write_table
from tests.corpora.test_manifest import PLAIN, read, refused, write
from tests.worlds.release import write_sound


def test_all_absent_files_are_listed_in_one_error(folder: Path) -> None:
    lines = (PLAIN, "wav/a.wav,s,1,1", "wav/x.wav,s,1,1", "wav/y.wav,s,1,1")
    assert "2 sound files of" in refused(folder, *lines)
    assert "cannot be found: wav/x.wav, wav/y.wav;" in refused(folder, *lines)
    with pytest.raises(UserError, match=r"wav/x\.wav, wav/y\.wav"):
        open_corpus(write(folder, *lines)).files()


def test_absent_files_are_left_out_when_asked_for(folder: Path) -> None:
    lines = (PLAIN, "wav/a.wav,s,1,1", "wav/x.wav,s,1,1")
    tables = read(folder, *lines, partial=True)
    assert tables.utterances.utterance.tolist() == ["a"]
    assert tables.ratings.utterance.tolist() == ["a"]
    assert tables.report["left_out"] == {"rows_without_sound": 1}
    assert "1 sound file absent" in tables.report["deviations"]
    assert open_corpus(folder / "table.csv", partial=True).files() == ["table.csv", "wav/a.wav"]
    assert "No sound file" in refused(folder, PLAIN, "wav/x.wav,s,1,1", partial=True)


def test_all_unusable_sounds_are_listed_in_one_error(folder: Path) -> None:
    write_sound(folder / "stereo.wav", 100, channels=2)
    write_sound(folder / "empty.wav", 0)
    (folder / "text.wav").write_text("no sound")
    found = refused(folder, PLAIN, "wav/a.wav,s,1,1", "stereo.wav,s,1,1", "empty.wav,s,1,1", "text.wav,s,1,1")
    assert found.startswith("3 of 4 sound files cannot be used")
    assert "stereo.wav has 2 channels" in found
    assert "empty.wav holds no samples" in found
    assert "text.wav" in found


@pytest.mark.parametrize("stereo", ["mean", "left", "right"])
def test_two_channels_are_read_when_asked_for(folder: Path, stereo: str) -> None:
    write_sound(folder / "stereo.wav", 100, channels=2)
    assert read(folder, PLAIN, "stereo.wav,s,1,1", stereo=stereo).utterances.samples.tolist() == [100]


@pytest.mark.parametrize(
    ("there", "asked", "cause"),
    [
        ("Mu\u0308ller.wav", "M\u00fcller.wav", "letters are composed otherwise in Unicode"),
        ("\u30ab\u3099.wav", "\u30ac.wav", "letters are composed otherwise in Unicode"),
        ("A b.wav", "a B.wav", "there is A b.wav"),
        ("take one.wav", "takeone.wav", "there is take one.wav"),
        ("c.flac", "c.wav", "there is c.flac"),
        ("sub/d.wav", "sub\\d.wav", "write / between folders"),
        ("e.wav/x", "e.wav", "a folder"),
        ("other.wav", "x" * 4_000 + ".wav", "File name too long"),
    ],
)
def test_a_sound_that_is_not_found_is_named_with_the_cause(tmp_path: Path, there: str, asked: str, cause: str) -> None:
    write_sound(tmp_path / there, 100)
    text = refused(tmp_path, PLAIN, f"{asked},s,1,1")
    assert "cannot be found" in text
    assert cause in text


def test_links_are_followed_and_dead_ones_named(folder: Path) -> None:
    (folder / "linked").symlink_to("wav")
    (folder / "dead.wav").symlink_to("nowhere/x.wav")
    assert read(folder, PLAIN, "linked/a.wav,s,1,1").utterances.samples.tolist() == [16_000]
    assert "dead.wav (a link to nowhere/x.wav, which is no file)" in refused(folder, PLAIN, "dead.wav,s,1,1")
    moved = folder / "elsewhere.csv"
    table = write(folder, PLAIN, "wav/a.wav,s,1,1")
    (folder / "tables").mkdir()
    (folder / "tables/link.csv").symlink_to(table)
    assert table.rename(moved) == moved


@pytest.mark.parametrize("name", ["Zoë", "李", "Ωμέγα", "O'Neil, jr", "a\u2028b", "\U0001f642", "é" * 100, "x y"])
def test_names_may_hold_any_unicode(folder: Path, name: str) -> None:
    write_sound(folder / f"{name}.wav", 16_000)
    tables = read(folder, PLAIN, f'"{name}.wav","{name}",1,1')
    assert tables.utterances.speaker.tolist() == [name]
    assert tables.utterances.utterance.tolist() == [name]
    write_table(tables.utterances, folder / "utterances.csv")
    assert read_utterances(folder / "utterances.csv").speaker.tolist() == [name]


def test_headers_that_were_never_completed_are_told(folder: Path) -> None:
    whole = (folder / "wav/a.wav").read_bytes()
    (folder / "wav/a.wav").write_bytes(whole[:40] + b"\xff" * 4 + whole[44:])
    tables = read(folder, PLAIN, "wav/a.wav,s,1,1", "wav/b.wav,t,1,1")
    assert tables.utterances.samples.tolist() == [16_000, 16_000]
    assert "1 sound file with an unfinished header: wav/a.wav (its header announces" in str(tables.report["deviations"])
