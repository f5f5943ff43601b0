"""Readers of foreign label files: orientation, range, speakers, and every line that is refused."""

from pathlib import Path

import pandas as pd
import pytest

from elor.corpora.manifest import OPTIONAL
from elor.corpora.reader import open_corpus
from elor.errors import UserError
from elor.labelfiles import columns, msp_improv, msp_podcast
from elor.labelfiles.convert import import_labels
from tests.worlds import labelfiles
from tests.worlds.release import write_sound


def test_activation_of_msp_improv_is_turned_round_and_nothing_else(tmp_path: Path) -> None:
    ratings = {(r.file, r.rater): r for r in msp_improv.read(labelfiles.improv(tmp_path)).ratings}
    assert {key: rating.arousal for key, rating in ratings.items()} == labelfiles.AROUSAL
    angry = ratings["MSP-IMPROV-S01A-F01-S-FM02", "second_2"]
    assert (angry.valence, angry.dominance, angry.emotion) == (2.0, None, "angry")


def test_the_speaker_of_msp_improv_is_the_turns_not_the_scenarios(tmp_path: Path) -> None:
    labels = msp_improv.read(labelfiles.improv(tmp_path), consensus=True)
    found = {r.file[-9:]: (r.speaker, r.gender, r.session, r.scenario) for r in labels.ratings}
    assert found == {
        "01-S-FM02": ("F01", "F", "session1", "improvised"),
        "01-S-MF01": ("M01", "M", "session1", "improvised"),
        "03-T-MF01": ("M03", "M", "session3", "target improvised"),
    }
    assert [r.arousal for r in labels.ratings] == [4.5, 1.5, 4.0]
    assert {r.rater for r in labels.ratings} == {""}


def test_a_target_sentence_of_the_other_actor_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_text(labelfiles.IMPROV.replace("M03-T-MF01", "M03-T-FM01"))
    with pytest.raises(UserError, match=r"1 rating of a target sentence .* \(line 12\)"):
        msp_improv.read(path)


def test_repeated_raters_are_told_apart(tmp_path: Path) -> None:
    notes = msp_improv.read(labelfiles.improv(tmp_path)).notes
    assert "2 segments rated more than once" in notes[-1]
    assert "differing ones are averaged (MSP-IMPROV-S01A-F01-S-MF01)" in notes[-1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("A:1.000000; V:1", "A:0.000000; V:1"), r"1 rating with arousal outside 1\.\.5 \(line 2\)"),
        (("V:4.500000; D:3.000000; N", "V:9; D:3.000000; N"), r"1 rating with valence outside 1\.\.5 \(line 12\)"),
        (("third3;", "third3"), r"1 line of no pattern of MSP-IMPROV \(line 12\)"),
        (("\nUTD-IMPROV-S05H", "\nnobody; Sad; Sad; A:1; V:1; D:1; N:1;\nUTD-IMPROV-S05H"), r"line of no pattern .*11"),
        (("A:2.000000; V:2", "A:two; V:2"), "Line 3 of .*has the arousal 'two'"),
        ((labelfiles.IMPROV, "\n"), "holds no rating of this format"),
    ],
)
def test_strange_lines_of_msp_improv_are_named(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    path = tmp_path / "labels.txt"
    path.write_text(labelfiles.IMPROV.replace(*change))
    with pytest.raises(UserError, match=message):
        msp_improv.read(path)


def test_the_consensus_of_msp_podcast_keeps_its_range_and_partitions(tmp_path: Path) -> None:
    labels = msp_podcast.read(labelfiles.podcast(tmp_path) / "labels_consensus.csv")
    assert (labels.low, labels.high) == (1.0, 7.0)
    first, *_, third, unknown = labels.ratings
    assert (first.arousal, first.valence, first.dominance, first.emotion) == (6.2, 1.8, 5.4, "angry")
    assert (third.speaker, third.gender, third.partition, third.emotion) == ("23", "Female", "Test1", "xxx")
    assert (unknown.speaker, unknown.gender, unknown.partition) == ("", "", "Test2")


@pytest.mark.parametrize("name", ["packed.csv", "detailed.csv", "labels.txt"])
def test_every_raters_layout_of_msp_podcast_reads_alike(tmp_path: Path, name: str) -> None:
    labels = msp_podcast.read(labelfiles.podcast(tmp_path) / name)
    found = [
        (r.file[12:21], r.rater, r.arousal, r.valence, r.dominance, r.speaker, r.partition) for r in labels.ratings
    ]
    assert found == [
        ("0001_0001", "WORKER1", 7.0, 2.0, 6.0, "17", "Train"),
        ("0001_0001", "WORKER2", 5.0, 1.0, 5.0, "17", "Train"),
        ("0002_0001", "WORKER1", 1.0, 7.0, 3.0, "23", "Test1"),
    ]


def test_raters_without_a_table_of_speakers_are_refused(tmp_path: Path) -> None:
    folder = labelfiles.podcast(tmp_path)
    (folder / "labels_consensus.csv").rename(tmp_path / "who.csv")
    with pytest.raises(UserError, match=r"names no speaker and .* give the consensus by --speakers"):
        msp_podcast.read(folder / "packed.csv")
    assert msp_podcast.read(folder / "packed.csv", tmp_path / "who.csv").ratings[2].speaker == "23"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (labelfiles.CONSENSUS.replace("6.2", "7.5"), r"with arousal outside 1\.\.7 \(line 2\)"),
        (labelfiles.CONSENSUS.replace("1.8", "low"), "Line 2 of .*has the valence 'low'"),
        (labelfiles.CONSENSUS.replace("EmoAct", "Act"), "lacks the columns EmoAct"),
        (labelfiles.PACKED.replace("V:7.000000", "V7"), "Line 4 of .* no rating in EmoDetail"),
        ("WORKER1; Sad; Sad; A:1; V:1; D:1;\n", "Line 1 of .* rates no turn"),
        ("hello\n", "Line 1 of .* fits no pattern of MSP-Podcast"),
    ],
)
def test_strange_lines_of_msp_podcast_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "labels"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        msp_podcast.read(path)


def test_any_table_by_its_columns_range_and_direction(tmp_path: Path) -> None:
    path = tmp_path / "any.csv"
    path.write_text(
        "clip;who;pleasure;calm\na.wav;x;-1;0\nb.wav;y;0.5;1\nb.wav;y;;-1\n".replace("b.wav;y;;", "c.wav;y;;")
    )
    names = {"file": "clip", "speaker": "who", "valence": "pleasure", "arousal": "calm"}
    labels = columns.read(path, names, -1, 1, ["arousal"])
    assert [(r.file, r.valence, r.arousal) for r in labels.ratings] == [
        ("a.wav", -1.0, 0.0),
        ("b.wav", 0.5, -1.0),
        ("c.wav", None, 1.0),
    ]


def test_every_column_of_a_manifest_is_kept_and_others_are_named(tmp_path: Path) -> None:
    write_sound(tmp_path / "a.wav", 32_000)
    said = {name: f"any {name}" for name in OPTIONAL} | {"start": "0.5", "end": "1.5", "dominance": "3", "gender": "F"}
    said |= {"file": "a.wav", "speaker": "anna", "valence": "2", "arousal": "4", "text": "well,\nso"}
    theirs = {name: f"their {name}" for name in said}
    table = pd.DataFrame([{theirs[name]: value for name, value in said.items()} | {"mood": "x", "text": "y"}])
    table.to_csv(tmp_path / "any.csv", index=False)
    _, written = import_labels(tmp_path / "any.csv", "csv", tmp_path / "out.csv", names=theirs)
    assert pd.read_csv(tmp_path / "out.csv", dtype=str).to_dict("records") == [said]
    assert written.notes == ("columns not read: mood, text",)
    corpus = open_corpus(tmp_path / "out.csv", words=True)
    found = corpus.read().utterances.iloc[0]
    assert (found.utterance, found.language, found.partition) == ("any utterance", "any language", "any partition")
    assert corpus.texts() == {"any utterance": "well, so"}


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("file,speaker,valence\n", {}, "lacks the columns arousal; found were file, speaker, valence"),
        ("file,speaker,valence,arousal\na,b,1,6\nc,d,0,1\n", {}, r"with valence outside 1\.\.5 \(line 3\)"),
        ("file,speaker,valence,arousal\na,b,high,2\n", {}, "Line 2 of .*has the valence 'high'"),
        ("file,speaker,valence,arousal\n,b,1,2\n", {}, "Line 2 of .* names no file"),
        ("file,speaker,valence,arousal,rater\na,b,1,2,r\na,b,1,2,\n", {}, r"without a rater .* \(line 3\)"),
        ("file,speaker,valence,arousal\na,b,1,2\n", {"columns": {"mood": "x"}}, "--column mood is not known"),
        ("file,speaker,valence,arousal\na,b,1,2\n", {"turned": ["speaker"]}, "--reverse speaker is no dimension"),
        ("file,speaker,valence,arousal\na,b,1,2\n", {"low": 5, "high": 1}, "--low 5 must lie below"),
    ],
)
def test_faults_of_any_table_are_named(tmp_path: Path, text: str, options: dict, message: str) -> None:
    path = tmp_path / "any.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        columns.read(path, **{"columns": {}, "low": 1, "high": 5} | options)


SEGMENTS = "file,speaker,valence,arousal,rater,emotion\n"


def test_lines_of_one_segment_and_rater_count_once_and_differing_ones_are_averaged(tmp_path: Path) -> None:
    path = tmp_path / "any.csv"
    lines = ("a,s,3,1,r,sad", "a,s,3,1,r,fear", "a,s,5,2,r,sad", "a,s,1,1,q,sad", "b,t,2,2,r,joy")
    path.write_text(SEGMENTS + "\n".join(lines) + "\n")
    labels = columns.read(path, {}, 1, 5)
    assert [(r.file, r.rater, r.valence, r.arousal) for r in labels.ratings] == [
        ("a", "r", 4.0, 1.5),  # of 3 and 5, whose first line stands twice
        ("a", "q", 1.0, 1.0),
        ("b", "r", 2.0, 2.0),
    ]
    assert labels.notes == (
        "1 segment rated more than once by one rater: repeated lines count once, differing ones are averaged (a); "
        "of several emotions the first is taken (a)",
    )


@pytest.mark.parametrize("name", ["speaker", "gender", "session", "scenario", "partition"])
def test_a_segment_of_two_people_is_refused(tmp_path: Path, name: str) -> None:
    table = pd.DataFrame({"file": ["a", "b", "a"], "speaker": "s", "valence": 3, "arousal": 3})
    table[name] = ["A", "A", "B"]
    table.to_csv(tmp_path / "any.csv", index=False)
    with pytest.raises(UserError, match=rf"one segment and rater with another {name} \(line 2, 4\); correct the file"):
        columns.read(tmp_path / "any.csv", {}, 1, 5)


@pytest.mark.parametrize(
    ("kind", "options", "named"),
    [
        ("msp-improv", {"scale": (1.0, 9.0), "reverse": ["arousal"], "names": {"arousal": "act"}}, "column, high, rev"),
        ("msp-improv", {"speakers": Path("nowhere.csv")}, "speakers: for files of kind msp-podcast alone"),
        ("csv", {"consensus": True}, "consensus: for files of kind msp-improv alone"),
    ],
)
def test_options_of_another_kind_are_refused(tmp_path: Path, kind: str, options: dict, named: str) -> None:
    with pytest.raises(UserError, match=named):
        import_labels(labelfiles.improv(tmp_path), kind, tmp_path / "out.csv", **options)
    assert not (tmp_path / "out.csv").exists()


def test_a_label_file_is_not_written_over_and_a_link_is_followed(tmp_path: Path) -> None:
    write_sound(tmp_path / "sounds/a.wav", 32_000)
    (tmp_path / "any.csv").write_text("file,speaker,valence,arousal\na,s,1,2\n")
    with pytest.raises(UserError, match=r"any\.csv is the label file itself; give another file by --output"):
        import_labels(tmp_path / "any.csv", "csv", tmp_path / "sounds/../any.csv", tmp_path / "sounds")
    (tmp_path / "deep/er/real").mkdir(parents=True)
    (tmp_path / "link").symlink_to("deep/er/real")
    import_labels(tmp_path / "any.csv", "csv", tmp_path / "link/out.csv", tmp_path / "sounds")
    assert len(open_corpus(tmp_path / "link/out.csv").read().utterances) == 1


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xff\xfe\x00")
    for path, message in (
        (tmp_path / "a", "no text in UTF-8"),
        (tmp_path, "is no file"),
        (tmp_path / "b", "is no file"),
    ):
        with pytest.raises(UserError, match=message):
            msp_improv.read(path)


TABLE = "file,speaker,valence,arousal"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a.wav,anna,3,5,2,5", "Line 2 of .* has 6 fields where the header has 4"),
        ("b.wav,bert,3,3\na.wav,anna,4", "Line 3 of .* has 3 fields where the header has 4"),
        ('"a.wav,anna,4,2', r"cannot be read as a CSV table \(line \d"),
    ],
)
def test_rows_of_another_width_are_refused(tmp_path: Path, rows: str, message: str) -> None:
    path = tmp_path / "any.csv"
    path.write_text(f"{TABLE}\n{rows}\n")
    with pytest.raises(UserError, match=message):
        import_labels(path, "csv")


def test_a_column_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "any.csv"
    path.write_text("file,speaker,arousal,valence,arousal\na.wav,anna,4,2,1\n")
    with pytest.raises(UserError, match="has arousal more than once"):
        import_labels(path, "csv")


def test_a_folder_that_is_given_must_match(tmp_path: Path) -> None:
    write_sound(tmp_path / "p2/take.wav", 900)
    (tmp_path / "any.csv").write_text(f"{TABLE}\np1/take.wav,anna,4,2\n")
    other = r"1 sound file missing .*p2/take.wav has the name of p1/take.wav, but lies in another folder"
    with pytest.raises(UserError, match=other):
        import_labels(tmp_path / "any.csv", "csv", tmp_path / "out.csv")
    for given in ("p2/take.wav", "p2\\take.wav", "take.wav", "p2/take", f"{tmp_path.name}/p2/take.wav"):
        (tmp_path / "any.csv").write_text(f"{TABLE}\n{given},anna,4,2\n")
        import_labels(tmp_path / "any.csv", "csv", tmp_path / "out.csv")
        assert "p2/take.wav" in (tmp_path / "out.csv").read_text()


def test_line_ends_of_unicode_end_no_line(tmp_path: Path) -> None:
    write_sound(tmp_path / "a.wav", 900)
    (tmp_path / "any.csv").write_text(f"{TABLE}\r\na.wav,an\u2028na \x85x,4,2\r\n", newline="")
    import_labels(tmp_path / "any.csv", "csv", tmp_path / "out.csv")
    assert open_corpus(tmp_path / "out.csv").read().utterances.speaker.tolist() == ["an\u2028na \x85x"]


def test_a_table_of_speakers_that_names_none_is_refused_and_not_asked_for_itself(tmp_path: Path) -> None:
    folder = labelfiles.podcast(tmp_path)
    path = folder / "labels_consensus.csv"
    path.write_text(path.read_text().replace("SpkrID", "Spkr"))
    for name in ("labels.txt", "labels_consensus.csv"):
        with pytest.raises(UserError, match=r"names no speaker, and .*labels_consensus\.csv has no column SpkrID"):
            msp_podcast.read(folder / name)
