"""Manifests in audformat's columns: what they say, and every way in which they can be wrong."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from elor.audio import read_int16
from elor.corpora import labels
from elor.corpora.index import index
from elor.corpora.manifest import Manifest
from elor.corpora.reader import open_corpus
from elor.corpora.schema import Tables, read_utterances
from elor.errors import UserError
from elor.tables import write_table
from elor.targets import Target
from tests.worlds.release import write_sound

EMODB = Path(__file__).resolve().parents[3] / "shared/emodb/manifest.csv"


def write(folder: Path, *lines: str, encoding: str = "utf-8", newline: str = "\n") -> Path:
    path = folder / "table.csv"
    path.write_bytes((newline.join(lines) + newline).encode(encoding))
    return path


def read(folder: Path, *lines: str, **options: object) -> Tables:
    return open_corpus(write(folder, *lines), **options).read()  # type: ignore[arg-type]


def refused(folder: Path, *lines: str, **options: object) -> str:
    with pytest.raises(UserError) as error:
        read(folder, *lines, **options)
    text = str(error.value)
    assert text.endswith(".")
    assert "\n" not in text
    return text


PLAIN = "file,speaker,valence,arousal"


def test_the_smallest_table(folder: Path) -> None:
    tables = read(folder, PLAIN, "wav/a.wav,03,4,2.5", "./wav/fast.wav,10,1,5")
    assert tables.utterances.utterance.tolist() == ["a", "fast"]
    assert tables.utterances.file.tolist() == ["wav/a.wav", "wav/fast.wav"]
    assert tables.utterances.speaker.tolist() == ["03", "10"]
    assert tables.utterances.samples.tolist() == [16_000, 8_000]
    assert tables.utterances.start_s.isna().all()
    assert tables.ratings.rater.tolist() == ["gold", "gold"]
    assert tables.ratings.kind.tolist() == ["evaluator", "evaluator"]
    assert tables.ratings.arousal.tolist() == [2.5, 5]
    assert any("gold" in line for line in tables.report["deviations"])
    labelled = labels.label(tables, "E-2", Target(), 1, 5).utterances
    assert labelled.arousal.tolist() == [2, 4]  # 2.5 is a tie


def test_speakers_stay_text_all_the_way(folder: Path) -> None:
    tables = read(folder, PLAIN, "wav/a.wav,03,4,2", "wav/b.wav,3,4,2")
    write_table(tables.utterances, folder / "utterances.csv")
    assert read_utterances(folder / "utterances.csv").speaker.tolist() == ["03", "3"]


FULL = "file,start,end,speaker,session,rater,utterance,scenario,gender,emotion,dominance,valence,arousal,text,mood"


def test_every_column(folder: Path) -> None:
    tables = read(
        folder,
        FULL,
        'wav/long.wav,1.5,3.25,s1,day 1,r1,first,talk,female,joy,3,4,5,"well, yes",x',
        "wav/long.wav,1.5,3.25,s1,day 1,r2,first,talk,female,joy,,2,,,x",
        "wav/long.wav,1.5,3.25,s1,day 1,s1,first,talk,female,anger,,1,1,,x",
        "wav/a.wav,,,s2,,r1,second,,m,,,3,3,,x",
    )
    first, second = tables.utterances.to_dict("records")
    assert first["utterance"] == "first"
    assert (first["session"], first["scenario"], first["gender"], first["emotion"]) == ("day 1", "talk", "F", "joy")
    assert (first["start_s"], first["end_s"], first["samples"]) == (1.5, 3.25, 28_000)
    assert (second["utterance"], second["gender"], second["emotion"], second["session"]) == ("second", "M", "", "")
    rows = tables.ratings.set_index(["utterance", "rater"])
    assert rows.kind.to_dict() == {
        ("first", "r1"): "evaluator",
        ("first", "r2"): "evaluator",
        ("first", "s1"): "self",
        ("second", "r1"): "evaluator",
    }
    assert rows.dominance["first", "r1"] == 3
    assert np.isnan(rows.arousal["first", "r2"])
    assert tables.report["deviations"] == ["columns not read: mood"]
    assert labels.label(tables, "mean", Target(), 1, 5).utterances.valence.tolist() == [3, 2]  # r2's has no arousal


def test_the_order_of_rows_says_nothing(folder: Path) -> None:
    header = "file,start,end,speaker,rater,emotion,valence,arousal"
    rows = [
        "wav/long.wav,1.5,3.25,s1,r2,joy,4,5",
        "wav/long.wav,1.5,3.25,s1,r1,joy,2,1",
        "wav/long.wav,4,,s1,r1,anger,3,2",
        "wav/b.wav,,,s2,r1,joy,5,1",
        "wav/b.wav,,,s2,r2,anger,1,3",
        "wav/a.wav,,,s3,r1,,3,3",
        "wav/fast.wav,,,s3,r1,,2,4",
    ]
    first = read(folder, header, *rows)
    assert first.utterances.utterance.tolist() == sorted(first.utterances.utterance)
    for seed in range(5):
        again = read(folder, header, *random.Random(seed).sample(rows, len(rows)))
        pd.testing.assert_frame_equal(again.utterances, first.utterances)
        pd.testing.assert_frame_equal(again.ratings, first.ratings)
        assert again.report == first.report


@pytest.mark.parametrize(
    ("start", "end", "span"),
    [
        ("2", "4.5", (2.0, 4.5)),
        ("0 days 00:00:02", "0 days 00:00:04.500000", (2.0, 4.5)),
        ("00:00:02", "00:00:04.5", (2.0, 4.5)),
        ("2.0000001", "NaT", (2.0, None)),
        ("2", "", (2.0, None)),
        ("0", "4.5", (None, 4.5)),
        ("", "nan", (None, None)),
        ("0 days", "NaT", (None, None)),
        ("9", "10.005", (9.0, 10.005)),  # rounded by whoever wrote the table
    ],
)
def test_segments_in_seconds_and_timedeltas(folder: Path, start: str, end: str, span: tuple) -> None:
    utterances = read(folder, "file,start,end,speaker,valence,arousal", f"wav/long.wav,{start},{end},s,1,1").utterances
    row = utterances.iloc[0]
    assert [None if pd.isna(value) else value for value in (row.start_s, row.end_s)] == list(span)
    assert row.samples == len(read_int16(folder / "wav/long.wav", *span))
    assert row.samples == round(16_000 * (min(span[1] or 10.0, 10.0) - (span[0] or 0.0)))


def test_segments_get_names_of_their_own_that_other_segments_do_not_change(folder: Path) -> None:
    header = "file,start,end,speaker,valence,arousal"
    rows = ["wav/long.wav,1,2,s,1,1", "wav/long.wav,2,,s,1,1", "wav/long.wav,,2.125,s,1,1", "wav/long.wav,,,s,1,1"]
    found = read(folder, header, *rows).utterances.utterance.tolist()
    assert found == ["long", "long@0-2.125", "long@1-2", "long@2-end"]  # in the order of names
    assert read(folder, header, rows[1]).utterances.utterance.tolist() == ["long@2-end"]


def test_files_of_one_name_in_two_folders_are_told_apart(folder: Path) -> None:
    write_sound(folder / "more/a.wav", 100)
    found = read(folder, PLAIN, "wav/a.wav,s,1,1", "more/a.wav,s,1,1", "wav/b.wav,s,1,1").utterances.utterance.tolist()
    assert found == ["b", "more-a", "wav-a"]


def test_absolute_paths_and_other_formats(folder: Path) -> None:
    soundfile.write(folder / "c.flac", np.zeros(4_000), 8_000)
    utterances = read(folder, PLAIN, f"{folder}/wav/a.wav,s,1,1", "c.flac,s,2,2").utterances
    assert utterances.file.tolist() == ["wav/a.wav", "c.flac"]
    assert utterances.samples.tolist() == [16_000, 8_000]


def test_line_ends_byte_order_mark_and_blank_lines_change_nothing(folder: Path) -> None:
    lines = (PLAIN, "wav/a.wav,s,1,2", "", "wav/b.wav,t,3,4")
    expected = read(folder, *lines)
    for options in ({"newline": "\r\n"}, {"encoding": "utf-8-sig"}):
        found = open_corpus(write(folder, *lines, **options)).read()
        pd.testing.assert_frame_equal(found.utterances, expected.utterances)
        pd.testing.assert_frame_equal(found.ratings, expected.ratings)


def test_the_declared_range_is_another(folder: Path) -> None:
    tables = read(folder, PLAIN, "wav/a.wav,s,-1,1", "wav/b.wav,s,0,0.25", low=-1, high=1)
    found = labels.label(tables, "gold", Target(), -1, 1).utterances
    assert found.valence.tolist() == [0, 2]
    assert found.arousal.tolist() == [4, 3]  # 0.25 is the tie between 0 and 0.5


def test_the_emotion_is_the_raters_majority(folder: Path) -> None:
    rows = [f"wav/{file}.wav,s,{rater},{emotion},1,1" for file, rater, emotion in (
        ("a", "r1", "joy"), ("a", "r2", "fear"), ("a", "r3", "fear"), ("b", "r1", "joy"), ("b", "r2", "fear"),
    )]  # fmt: skip
    found = read(folder, "file,speaker,rater,emotion,valence,arousal", *rows).utterances
    assert found.emotion.tolist() == ["fear", "xxx"]


@pytest.mark.parametrize(
    ("votes", "emotion"),
    [
        ("Happy,happy,sad,sad", "xxx"),
        ("Happy,happy,sad", "Happy"),
        ("Joy,JOY,sad", "JOY"),
        ("anger,Angry,sad,sad", "xxx"),
        ("sad,excited,happiness", "excited"),
        ("happiness,excited,sad", "excited"),  # the order of rows means nothing
        ("excited,happy,happy", "happy"),
        ("fear,Fear,joy,joy", "xxx"),
        ("mad,angry", "xxx"),  # a spelling that is only offered is another emotion
    ],
)
def test_names_of_one_emotion_are_one_vote_in_any_case(folder: Path, votes: str, emotion: str) -> None:
    rows = [f"wav/a.wav,s,r{number},{vote},1,1" for number, vote in enumerate(votes.split(","))]
    found = read(folder, "file,speaker,rater,emotion,valence,arousal", *rows).utterances
    assert found.emotion.tolist() == [emotion]


def test_a_speakers_own_rating_has_no_vote_on_the_emotion_unless_it_is_alone(folder: Path) -> None:
    rows = [f"wav/{file}.wav,s,{rater},{emotion},1,1" for file, rater, emotion in (
        ("a", "r1", "joy"), ("a", "r2", "fear"), ("a", "s", "fear"),
        ("b", "r1", "NA"), ("b", "r2", "none"), ("b", "r3", "fear"),
    )]  # fmt: skip
    found = read(folder, "file,speaker,rater,emotion,valence,arousal", *rows).utterances
    assert found.emotion.tolist() == ["xxx", "fear"]
    alone = read(folder, "file,speaker,rater,emotion", "wav/a.wav,s,s,joy", "wav/b.wav,t,t,fear").utterances
    assert alone.emotion.tolist() == ["joy", "fear"]


def test_odd_genders_are_unknown_and_reported(folder: Path) -> None:
    tables = read(folder, "file,speaker,gender,valence,arousal", "wav/a.wav,s,Male,1,1", "wav/b.wav,t,divers,1,1")
    assert tables.utterances.gender.tolist() == ["M", ""]
    assert "genders read as not known: divers" in tables.report["deviations"]


def test_emotions_need_no_ratings(folder: Path) -> None:
    tables = read(folder, "file,speaker,emotion", "wav/a.wav,s,happy", "wav/b.wav,t,xxx")
    assert tables.ratings[["valence", "arousal"]].isna().all(axis=None)
    assert "no column valence and arousal: only emotion can be learned or scored" in tables.report["deviations"]
    with pytest.raises(UserError, match="no evaluator's rating of valence and arousal"):
        labels.label(tables, "E-2", Target(), 1, 5)
    labelled = labels.label(tables, "E-2", Target("emotion"), 1, 5)
    assert labelled.utterances.valence.isna().all()
    assert labelled.report["labels"]["utterances"] == 1
    assert labelled.report["labels"]["emotion"] == [0, 1, 0, 0]
    assert labelled.report["labels"]["other_emotions"] == {"xxx": 1}
    found = labels.targets(labelled.utterances, labelled.ratings, Target("emotion"), 1, 5)
    assert found.to_dict("records") == [{"utterance": "a", "emotion": 1}]


def test_the_files_are_the_table_and_its_sounds_once(folder: Path) -> None:
    rows = ["wav/long.wav,1,2,s,1,1", "wav/long.wav,2,3,s,1,1", "wav/a.wav,,,s,1,1"]
    source = open_corpus(write(folder, "file,start,end,speaker,valence,arousal", *rows))
    assert source.files() == ["table.csv", "wav/a.wav", "wav/long.wav"]
    assert source.root == folder
    assert index(source).path.tolist() == source.files()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((), "lacks 4 columns: file, speaker, valence, arousal"),
        (("file;speaker;valence;arousal", "wav/a.wav;s;1;1"), "lacks 4 columns"),
        (("file,speaker,valence", "wav/a.wav,s,1"), "lacks 1 column: arousal"),
        ((PLAIN + ",file", "wav/a.wav,s,1,1,x"), "has file more than once"),
        ((PLAIN,), "has no rows"),
        ((PLAIN, "wav/a.wav,s,1,1", "wav/b.wav,s,1"), "Line 3 of .* has 3 fields"),
        ((PLAIN, "wav/a.wav,s,1,1,1"), "Line 2 of .* has 5 fields"),
        ((PLAIN, ",s,1,1"), "Line 2 of .* has no file"),
        ((PLAIN, "wav/a.wav,,1,1"), "Line 2 of .* has no speaker"),
        ((PLAIN, "wav/a.wav,a/b,1,1"), "speakers cannot be part of a file name"),
        ((PLAIN, "wav/a.wav,s,1,1", "", "wav/b.wav,s,1,5.5"), r"Line 4 of .* arousal 5.5 outside .* 1\.\.5"),
        ((PLAIN, "wav/a.wav,s,0,1"), r"Line 2 of .* valence 0 outside .* 1\.\.5"),
        ((PLAIN, "wav/a.wav,s,inf,1"), "Line 2 of .* outside"),
        ((PLAIN, "wav/a.wav,s,high,1"), "Line 2 of .* valence 'high'"),
        ((PLAIN + ",dominance", "wav/a.wav,s,1,1,9"), "Line 2 of .* dominance 9 outside"),
        ((PLAIN, "wav/a.wav,s,1,1", "./wav/a.wav,s,2,2"), "Line 3 of .* rates the segment of line 2 again"),
        ((PLAIN + ",start", "wav/a.wav,s,1,1,0", "wav/a.wav,s,1,1,"), "Line 3 of .* again"),
        ((PLAIN + ",rater", "wav/a.wav,s,1,1,r", "wav/a.wav,s,2,1,r"), "Line 3 of .* again"),
        ((PLAIN + ",rater", "wav/a.wav,s,1,1,r", "wav/a.wav,t,2,1,q"), "Line 3 of .* another speaker than line 2"),
        ((PLAIN + ",rater", "wav/a.wav,s,1,1,"), "Line 2 of .* has no rater"),
        ((PLAIN + ",rater", "wav/a.wav,s,1,1,mean"), "Line 2 of .* rater mean"),
        ((PLAIN + ",utterance", "wav/a.wav,s,1,1,u", "wav/b.wav,s,1,1,u"), r"utterance names occur twice \(u\)"),
        ((PLAIN + ",start", "wav/a.wav,s,1,1,soon"), "Line 2 of .* start 'soon'"),
        ((PLAIN + ",start", "wav/a.wav,s,1,1,-1"), "Line 2 of .* start '-1'"),
        ((PLAIN + ",end", "wav/a.wav,s,1,1,0"), "Line 2 of .* ends at 0 s"),
        ((PLAIN + ",start,end", "wav/a.wav,s,1,1,0.5,0.5"), "Line 2 of .* ends at 0.5 s"),
        ((PLAIN + ",end", "wav/a.wav,s,1,1,1.5"), "Line 2 of .* is not in its file"),
        ((PLAIN + ",start", "wav/a.wav,s,1,1,1"), "Line 2 of .* is not in its file"),
        ((PLAIN, '"wav/a.wav,s,1,1'), "cannot be read as a CSV file"),
    ],
)
def test_a_faulty_table_is_refused(folder: Path, lines: tuple[str, ...], said: str) -> None:
    assert re.search(said, refused(folder, *lines))


def test_raters_must_agree_on_the_column_that_is_held_out(folder: Path) -> None:
    lines = (PLAIN + ",rater,task", "wav/a.wav,s,1,1,r,x", "wav/a.wav,s,2,2,q,y")
    assert "Line 3 of" in refused(folder, *lines, keep="task")
    assert "gives another task than line 2" in refused(folder, *lines, keep="task")
    assert "gives another rater than line 2" in refused(folder, *lines, keep="rater")
    assert "task" not in read(folder, *lines).utterances


def test_a_table_that_is_no_text_is_refused(folder: Path) -> None:
    path = folder / "table.csv"
    path.write_bytes(b"\xff\xfe" + f"{PLAIN}\n".encode("utf-16-le"))
    with pytest.raises(UserError, match="UTF-8"):
        open_corpus(path).files()


@pytest.mark.parametrize("seed", range(10))
def test_a_table_drawn_at_random_is_read_back(folder: Path, seed: int) -> None:
    """Segments, raters and missing labels in any order of rows and columns, against what was drawn."""
    draw = random.Random(seed)
    spans = {
        (start / 4, (start + length) / 4) for start, length in zip(draw.sample(range(30), 8), [1, 2] * 4, strict=True)
    }
    rows, expected = [], {}
    for start, end in sorted(spans):
        for rater in draw.sample(["r1", "r2", "r3", "s"], draw.randint(1, 3)):
            values = [draw.choice(["", "nan", "1", "2.5", "5.0", "3"]) for _ in range(2)]
            rows.append({"file": "wav/long.wav", "start": str(start), "end": f"{end}", "speaker": "s", "rater": rater}
                        | dict(zip(("valence", "arousal"), values, strict=True)))  # fmt: skip
            expected[start, end, rater] = [float(value) if value not in ("", "nan") else None for value in values]
    draw.shuffle(rows)
    columns = draw.sample(list(rows[0]), len(rows[0]))
    tables = read(folder, ",".join(columns), *(",".join(row[name] for name in columns) for row in rows))
    assert len(tables.utterances) == len(spans)
    joined = tables.ratings.merge(tables.utterances[["utterance", "start_s", "end_s"]], on="utterance")
    found = {
        (0.0 if pd.isna(r.start_s) else r.start_s, r.end_s, r.rater): [
            None if pd.isna(value) else value for value in (r.valence, r.arousal)
        ]
        for r in joined.itertuples()
    }
    assert found == expected
    assert ((tables.ratings.kind == "self") == (tables.ratings.rater == "s")).all()


@pytest.mark.skipif(not EMODB.exists(), reason="EmoDB lies beside the project only where it was put")
def test_emodb_is_read() -> None:
    source = open_corpus(EMODB)
    assert isinstance(source, Manifest)
    utterances = labels.label(source.read(), "E-2", Target(), 1, 5).utterances
    assert len(utterances) == 535
    assert (utterances.samples == 32_000).all()
    assert sorted(utterances.speaker.unique()) == ["03", "08", "09", *map(str, range(10, 17))]
    assert set(utterances.valence) == {1, 3}
    assert len(labels.targets(utterances, source.read().ratings, Target("emotion"), 1, 5)) == 127 + 71 + 62 + 79


def test_emotions_that_are_no_class_are_named_with_close_spellings(folder: Path) -> None:
    spelt = ["Happy ", "angery", "joy", "calm", "calm", "", "NEUTRAL"]
    rows = [f"wav/long.wav,{k},{k + 1},s{k % 3},{name}" for k, name in enumerate(spelt)]
    tables = read(folder, "file,start,end,speaker,emotion", *rows)
    report = labels.label(tables, "E-2", Target("emotion"), 1, 5).report["labels"]
    assert report["utterances"] == 2
    assert report["emotion"] == [0, 1, 0, 1]
    assert report["left_out"] == {"without_emotion": 1, "other_emotions": 4}
    assert report["other_emotions"] == {"angery": 1, "calm": 2, "joy": 1}
    assert report["by_speaker"] == {"s0": 2}
    said = labels.not_learned(report["other_emotions"])
    assert said.endswith("left out: angery (1; or angry?), calm (2), joy (1; or happy?)")
    assert labels.not_learned({}) == ""
    with pytest.raises(UserError, match=r"labels.target emotion asks for .*joy \(1; or happy\?\)"):
        labels.targets(tables.utterances[2:3], tables.ratings, Target("emotion"), 1, 5)
