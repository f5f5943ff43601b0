"""The IEMOCAP reader on an invented release with every irregularity of the real one."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from elor.corpora import iemocap, iemocap_counts, labels
from elor.corpora.iemocap import Iemocap, parse
from elor.corpora.reader import open_corpus
from elor.errors import UserError
from elor.targets import Target
from tests.worlds.release import (
    E2_LABELS,
    IMPRO05A,
    Turn,
    annotation,
    annotation_of,
    build,
    plain,
    rating,
    sound_of,
    write_dialogue,
    write_sound,
)

WHERE = "Session3/dialog/EmoEvaluation/Ses03M_impro05a.txt"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return build(tmp_path / "IEMOCAP_full_release")


def message(error: pytest.ExceptionInfo[UserError]) -> str:
    text = str(error.value)
    assert text.endswith(".")
    assert "\n" not in text
    return text


def test_labels_by_e2_are_what_the_annotations_say(root: Path) -> None:
    utterances = labels.label(open_corpus(root).read(), "E-2", Target(), 1, 5).utterances
    rated = utterances[utterances.valence.notna()]
    found = {row.utterance: (row.valence, row.arousal) for row in rated.itertuples()}
    assert found == E2_LABELS
    assert len(utterances) == 12  # the turns without a label stay


def test_speaker_is_the_letter_of_the_turn_not_of_the_dialogue(root: Path) -> None:
    utterances = open_corpus(root).read().utterances.set_index("utterance")
    assert utterances.speaker["Ses03M_impro05a_F000"] == "Ses03F"
    assert utterances.speaker["Ses02F_script01_1_M001"] == "Ses02M"
    assert utterances.gender["Ses03M_impro05a_F000"] == "F"
    assert utterances.speaker.nunique() == 10


def test_utterances_carry_what_the_release_says(root: Path) -> None:
    row = open_corpus(root).read().utterances.set_index("utterance").loc["Ses05M_script01_1b_M001"]
    assert row.file == "Session5/sentences/wav/Ses05M_script01_1b/Ses05M_script01_1b_M001.wav"
    assert (row.session, row.dialogue, row.scenario) == ("Ses05", "Ses05M_script01_1b", "scripted")
    assert (row.samples, row.emotion) == (20_000, "ang")
    assert pd.isna(row.start_s)
    assert pd.isna(row.valence)


def test_every_rating_is_kept_as_released_and_placeholders_are_missing(root: Path) -> None:
    ratings = open_corpus(root).read().ratings.set_index(["utterance", "rater"])
    assert ratings.kind["Ses03M_impro05a_F000", "F-2"] == "self"
    assert ratings.valence["Ses03M_impro05a_F000", "E-2"] == 5  # not the actress' 1, not Attribute's reversed 1
    assert ratings.loc[("Ses03M_impro05a_F001", "E-1"), ["valence", "arousal", "dominance"]].isna().all()
    alone = ratings.loc[("Ses03M_impro05a_M001", "E-2")]
    assert (alone.valence, alone.arousal) == (4, 5)
    assert np.isnan(alone.dominance)
    assert len(ratings) == 2 * 2 + 2 * 2 + (3 + 2 + 3 + 2) + 2 * 4 + 2 * 2


def test_the_files_are_the_annotations_and_their_sounds_and_nothing_else(root: Path) -> None:
    files = open_corpus(root).files()
    assert files == sorted(files)
    assert len(files) == 5 + 12
    assert not [name for name in files if "/." in name or "dialog/wav" in name or "Attribute" in name or "avi" in name]
    assert all((root / name).is_file() for name in files)


def test_line_ends_and_byte_order_mark_change_nothing() -> None:
    text = annotation(IMPRO05A)
    expected = parse(text.encode(), WHERE)
    assert parse(text.replace("\n", "\r\n").encode(), WHERE) == expected
    assert parse(b"\xef\xbb\xbf" + text.encode(), WHERE) == expected
    assert parse(text.replace("\n", "\r").encode(), WHERE) == expected
    assert parse(text.encode("utf-16"), WHERE) == parse(text.encode("utf-32"), WHERE) == expected
    assert [turn.name for turn in expected] == [turn.name for turn in IMPRO05A]


@pytest.mark.parametrize("seed", range(20))
def test_any_block_within_the_grammar_is_read_back(seed: int) -> None:
    """Blocks of random length, order of raters, gaps and remarks, against what was drawn."""
    draw = random.Random(seed)
    turns, expected = [], {}
    for number in range(draw.randint(1, 12)):
        name = f"Ses03M_impro05a_{draw.choice('FM')}{number:03d}"
        raters = draw.sample(
            ["E1", "E2", "E3", "E4", "E5", "E6", "F1", "F2", "F3", "M1", "M3", "M5"], draw.randint(2, 5)
        )
        lines = [f"C-{rater}:\t{draw.choice([';', '; ;', 'Anger;', 'Anger; Other;'])}\t()" for rater in raters[:4]]
        for rater in raters:
            val, act, dom = (draw.choice([1, 2, 3, 4, 5, 6, 0, None]) for _ in range(3))
            remark = draw.choice(["", "a, b; c?", "(twice)", "val 3; act 3; dom  3;"])
            lines.append(rating(rater, "" if val is None else val, "" if act is None else act, dom, remark))
            seen = tuple(value if value in range(1, 6) else None for value in (val, act, dom))
            expected[name, f"{rater[0]}-{rater[1]}"] = seen
        turns.append(Turn(name, draw.uniform(0.6, 34), draw.choice(["xxx", "ang", "dis"]), lines))
    found = parse(annotation(turns).encode(), WHERE)
    assert [(turn.name, turn.emotion) for turn in found] == [(turn.name, turn.emotion) for turn in turns]
    assert np.allclose([turn.seconds for turn in found], [turn.seconds for turn in turns], atol=2e-4)
    read = {(t.name, r.rater): (r.valence, r.arousal, r.dominance) for t in found for r in t.ratings}
    assert read == expected
    assert all((r.kind == "evaluator") == r.rater.startswith("E") for t in found for r in t.ratings)


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("A-E2:\tval 5; act 4; dom  2;\t()", "A-E2:\tval five; act 4; dom  2;\t()"),
        ("A-E2:\tval 5; act 4; dom  2;\t()", "A-E2:\tval 5; act 4;\t()"),
        ("A-E2:\tval 5; act 4; dom  2;\t()", "A-X2:\tval 5; act 4; dom  2;\t()"),
        ("A-E2:\tval 5; act 4; dom  2;\t()", "  val 5; act 4; dom  2;"),
        ("A-E2:\tval 5; act 4; dom  2;\t()", "A-E1:\tval 5; act 4; dom  2;\t()"),
        ("[3.1415 - 12.1415]\tSes03M_impro05a_F000", "[3.1415 12.1415]\tSes03M_impro05a_F000"),
        ("[3.1415 - 12.1415]\tSes03M_impro05a_F000", "[12.1415 - 3.1415]\tSes03M_impro05a_F000"),
        ("Ses03M_impro05a_F000", "Ses03M_impro05a_X000"),
        ("Ses03M_impro05a_F000", "Ses03M_impro05b_F000"),
        ("Ses03M_impro05a_F001", "Ses03M_impro05a_F000"),
        ("\n[3.1415 - 12.1415]\tSes03M_impro05a_F000\thap\t[5.5000, 5.5000, 0.5000]\n", "\n"),
    ],
)
def test_a_line_that_fits_no_pattern_is_named(root: Path, good: str, bad: str) -> None:
    path = annotation_of(root, "Ses03M_impro05a")
    before = path.read_text()
    assert good in before
    after = before.replace(good, bad, 1)
    path.write_text(after)
    pairs = zip(before.split("\n"), after.split("\n"), strict=False)
    line = next(number for number, (old, new) in enumerate(pairs, start=1) if old != new)
    with pytest.raises(UserError) as error:
        open_corpus(root).read()
    found = message(error)
    assert WHERE in found
    if good.startswith("\n"):  # the lines that follow a lost header: the first rating has no turn
        line = 3 + [text[:2] for text in IMPRO05A[0].lines].index("A-")
    assert f"line {line} of" in found


def test_an_annotation_of_another_session_is_refused(root: Path) -> None:
    shutil.move(annotation_of(root, "Ses03M_impro05a"), root / "Session4/dialog/EmoEvaluation")
    with pytest.raises(UserError, match="not named after a dialogue of Session4"):
        open_corpus(root).files()


@pytest.mark.parametrize(
    "inner",
    ["", "IEMOCAP", "IEMOCAP_full_release", "IEMOCAP_full_release_withoutVideos/IEMOCAP_full_release"],
)
def test_the_usual_roots_are_found(tmp_path: Path, inner: str) -> None:
    given = tmp_path / "given"
    build(given / inner)
    (given / ".hidden").mkdir()
    source = open_corpus(given)
    assert source.root == given / inner
    assert source.kind == "iemocap"
    assert len(source.read().utterances) == 12


def test_a_hidden_copy_is_no_root(tmp_path: Path) -> None:
    build(tmp_path / ".release.part")
    with pytest.raises(UserError, match="no folders Session1"):
        open_corpus(tmp_path)


def test_below_a_hidden_folder_a_root_is_found(tmp_path: Path) -> None:
    build(tmp_path / ".cache/IEMOCAP/IEMOCAP_full_release")
    assert open_corpus(tmp_path / ".cache").root.name == "IEMOCAP_full_release"


def test_a_session_in_place_of_the_root_is_said_so(root: Path) -> None:
    with pytest.raises(UserError) as error:
        open_corpus(root / "Session3")
    assert "one session" in message(error)
    assert str(root) in message(error)


@pytest.mark.parametrize("name", ["nowhere", "notes.txt", "empty"])
def test_what_is_no_corpus_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=name) as error:
        open_corpus(tmp_path / name)
    assert "IEMOCAP root or a manifest" in message(error)


def test_a_folder_with_a_manifest_hints_at_it(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("file\n")
    with pytest.raises(UserError, match=r"did you mean .*manifest\.csv"):
        open_corpus(tmp_path)


def test_another_range_than_the_releases_is_refused(root: Path) -> None:
    with pytest.raises(UserError, match=r"1\.\.7 is not IEMOCAP's"):
        open_corpus(root, high=7.0)


def test_everything_that_is_missing_is_listed_in_one_error(root: Path) -> None:
    shutil.rmtree(root / "Session1")
    shutil.rmtree(sound_of(root, "Ses02F_script01_1_F000").parent)
    annotation_of(root, "Ses04M_script02_2").unlink()
    write_dialogue(root, "Ses05F_impro02", plain("Ses05F_impro02"))
    annotation_of(root, "Ses05F_impro02").unlink()
    sound_of(root, "Ses03M_impro05a_F001").unlink()
    sound_of(root, "Ses03M_impro05a_M001").unlink()
    expected = (
        "Session1, Session4/dialog/EmoEvaluation/Ses*.txt, Session5/dialog/EmoEvaluation/Ses05F_impro02.txt, "
        "Session2/sentences/wav/Ses02F_script01_1/*.wav (2 turns), "
        "Session3/sentences/wav/Ses03M_impro05a/Ses03M_impro05a_F001.wav, "
        "Session3/sentences/wav/Ses03M_impro05a/Ses03M_impro05a_M001.wav"
    )
    for step in ("files", "read"):
        with pytest.raises(UserError) as error:
            getattr(open_corpus(root), step)()
        assert f"missing are {expected};" in message(error)


def test_a_long_list_of_missing_sounds_is_kept_whole_in_a_file(root: Path, scratch: Path) -> None:
    turns = [Turn(f"Ses03M_impro06_F{n:03d}", 1.0, "neu", (rating("E2", 3, 3, 3),)) for n in range(50)]
    write_dialogue(root, "Ses03M_impro06", turns)
    for turn in turns[:30]:
        sound_of(root, turn.name).unlink()
    with pytest.raises(UserError, match="and 10 more") as error:
        open_corpus(root).files()
    (file,) = (scratch / "lists").glob("*.txt")  # beside the mark that elor made the folder
    assert str(file) in message(error)
    assert [line.rsplit("/", 1)[1] for line in file.read_text().split()] == [f"{turn.name}.wav" for turn in turns[:30]]


def test_a_partial_copy_is_read_when_asked_for_and_reported(root: Path) -> None:
    shutil.rmtree(root / "Session1")
    sound_of(root, "Ses03M_impro05a_F000").unlink()
    tables = open_corpus(root, partial=True).read()
    assert len(tables.utterances) == 12 - 2 - 1
    assert "Ses03M_impro05a_F000" not in set(tables.ratings.utterance)
    assert tables.report["left_out"] == {"turns_without_sound": 1}
    (missing,) = tables.report["deviations"]
    assert "Session1" in missing
    assert "Ses03M_impro05a_F000.wav" in missing
    assert len(open_corpus(root, partial=True).files()) == 4 + 9


def test_a_sound_copy_has_no_deviations(root: Path) -> None:
    report = open_corpus(root).read().report
    assert report["deviations"] == []
    assert (report["utterances"], report["dialogues"], report["speakers"]) == (12, 5, 10)
    assert report["by_evaluator"] == {"E-1": 7, "E-2": 9, "E-3": 3, "E-4": 2, "E-5": 2, "E-6": 2}
    assert report["self_reports"] == 3


def test_odd_lengths_and_stray_sounds_are_reported(root: Path) -> None:
    write_sound(sound_of(root, "Ses03M_impro05a_F000"), 144_000 - 2)  # within the tolerance
    write_sound(sound_of(root, "Ses03M_impro05a_F001"), 40_000 + 3)
    write_sound(sound_of(root, "Ses03M_impro05a_F099"), 16_000)
    stray, length = open_corpus(root).read().report["deviations"]
    assert stray.startswith("1 sound of no annotated turn")
    assert length.startswith("1 sound of another length")


def test_all_unusable_sounds_are_listed_in_one_error(root: Path) -> None:
    names = [turn.name for turn in IMPRO05A] + ["Ses05M_script01_1b_F000", "Ses05M_script01_1b_M001"]
    stereo, fast, empty, truncated, text, wide = (sound_of(root, name) for name in names)
    write_sound(stereo, 8_000, channels=2)
    write_sound(fast, 8_000, rate=44_100)
    write_sound(empty, 0)
    truncated.write_bytes(truncated.read_bytes()[:-1_000])
    text.write_text("no sound")
    write_sound(wide, 8_000, width=4)
    with pytest.raises(UserError) as error:
        open_corpus(root).read()
    found = message(error)
    assert found.startswith("6 of 12 sound files")
    assert f"{stereo} has 2 channels" in found
    assert f"{fast} is 44100 Hz" in found
    assert f"{empty} holds no samples" in found
    assert f"{truncated} is truncated" in found
    assert str(text) in found
    assert f"{wide} is 16000 Hz PCM_32" in found


def test_dialogues_that_vanished_whole_are_noticed_in_a_large_copy(root: Path) -> None:
    """The real release has 32 dialogues in session 3; a copy of 120 dialogues in all is meant to be it."""
    for session, number in {"Ses01": 27, "Ses02": 29, "Ses03": 7, "Ses04": 29, "Ses05": 30}.items():
        for n in range(number):
            dialogue = f"{session}F_impro{n + 10}"
            write_dialogue(root, dialogue, plain(dialogue)[:1])
    with pytest.raises(UserError, match="missing are 24 dialogues of Session3;"):
        open_corpus(root).files()
    report = Iemocap(root, partial=True).read().report
    assert any("8 dialogues of Ses03, where the release has 32" in line for line in report["deviations"])


def complete_release() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables that count as the release does (dealt out without any likeness to it)."""
    speakers = [name for name, turns in iemocap_counts.TURNS.items() for _ in range(turns)]
    utterances = pd.DataFrame({"utterance": [str(n) for n in range(len(speakers))], "speaker": speakers})
    utterances["session"] = utterances.speaker.str[:5]
    nth = utterances.groupby("session").cumcount()
    utterances["dialogue"] = utterances.session + (nth % utterances.session.map(iemocap_counts.DIALOGUES)).map(
        "_{}".format
    )
    utterances["emotion"] = [code for code, turns in iemocap_counts.EMOTIONS.items() for _ in range(turns)]
    rated = [
        u
        for name, n in iemocap_counts.RATED_BY_E2.items()
        for u in utterances.utterance[utterances.speaker == name][:n]
    ]
    e2 = pd.DataFrame({"utterance": rated, "rater": "E-2"})
    e2["valence"] = [float(value) for value, n in iemocap_counts.E2_VALENCE.items() for _ in range(n)]
    e2["arousal"] = [float(value) for value, n in iemocap_counts.E2_AROUSAL.items() for _ in range(n)]
    empty = pd.DataFrame({"utterance": utterances.utterance[-3:], "rater": "E-2"})
    others = pd.DataFrame({"utterance": ["0"] * (23_887 - 7_909), "rater": "E-1"})
    return utterances, pd.concat([e2, empty, others])


def test_the_counts_of_the_release_agree_with_each_other() -> None:
    utterances, ratings = complete_release()
    assert len(utterances) == 10_039
    assert utterances.session.value_counts().sort_index().tolist() == [1819, 1811, 2136, 2103, 2170]
    assert iemocap_counts.deviations(utterances, ratings) == []


def test_the_four_emotions_of_the_release_are_5531_turns() -> None:
    utterances, ratings = complete_release()
    found = labels.targets(utterances, ratings, Target("emotion"), 1, 5)
    assert found.emotion.value_counts().sort_index().tolist() == [1103, 595 + 1041, 1084, 1708]
    assert len(found) == 5_531


def test_a_deviation_from_the_releases_counts_is_told() -> None:
    utterances, ratings = complete_release()
    utterances.loc[utterances.index[-1], "speaker"] = "Ses05F"
    ratings = ratings[ratings.rater != "E-1"]
    assert iemocap_counts.deviations(utterances, ratings) == [
        "1,034 turns of Ses05F, where the release has 1,033",
        "1,136 turns of Ses05M, where the release has 1,137",
        "7,909 ratings by all raters, where the release has 23,887",
    ]


def test_a_generated_corpus_of_full_size_is_not_taken_for_the_release() -> None:
    assert not iemocap_counts.looks_complete(35)
    assert iemocap_counts.looks_complete(151)


def test_find_root_prefers_the_folder_with_all_sessions(tmp_path: Path) -> None:
    (tmp_path / "a/Session1").mkdir(parents=True)
    for session in iemocap.SESSIONS:
        (tmp_path / "b" / session).mkdir(parents=True)
    assert iemocap.find_root(tmp_path) == tmp_path / "b"
