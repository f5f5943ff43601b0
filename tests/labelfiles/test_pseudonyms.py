"""A manifest without names: the same corpus under pseudonyms, and a key that turns them back."""

from pathlib import Path

import pandas as pd
import pytest

from elor.corpora.reader import open_corpus
from elor.errors import UserError
from elor.labelfiles.pseudonyms import rename
from tests.worlds.release import write_sound

TABLE = """\
file,speaker,rater,valence,arousal
wav/anna_1.wav,Anna,Zoe,4,2
wav/anna_1.wav,Anna,Anna,5,1
wav/bert_1.wav,Bert,Zoe,1,3
wav/bert_2.wav,Bert,Yan,2,2
wav/carl_1.wav,Carl,Yan,3,3
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    for name in ("anna_1", "bert_1", "bert_2", "carl_1"):
        write_sound(tmp_path / f"names/wav/{name}.wav", 16_000)
    (tmp_path / "names/table.csv").write_text(TABLE)
    return tmp_path / "names/table.csv"


def test_the_corpus_is_the_same_but_for_its_names(table: Path, tmp_path: Path) -> None:
    made = rename(table, tmp_path / "public/nameless.csv")
    assert (made.speakers, made.raters, made.utterances) == (3, 2, 4)
    before, after = open_corpus(table).read(), open_corpus(tmp_path / "public/nameless.csv").read()
    rows = pd.read_csv(made.key)
    key = {kind: dict(zip(part["name"], part["pseudonym"], strict=True)) for kind, part in rows.groupby("kind")}
    assert key["speaker"] == {"Anna": "S01", "Bert": "S02", "Carl": "S03"}
    assert key["rater"] == {"Zoe": "R01", "Yan": "R02"}
    assert list(after.utterances.speaker) == ["S01", "S02", "S02", "S03"]
    assert list(after.utterances.samples) == list(before.utterances.samples)
    own = after.ratings[after.ratings.kind == "self"]
    assert (own.rater.tolist(), own.valence.tolist()) == (["S01"], [5.0])  # who rates herself is still herself
    columns = ["kind", "valence", "arousal"]
    held = [sorted(tables.ratings[columns].itertuples(index=False, name=None)) for tables in (before, after)]
    assert held[0] == held[1]
    carried = after.utterances.drop(columns="file").to_csv() + after.ratings.to_csv() + str(after.report["by_speaker"])
    assert not [name for name in ("Anna", "Bert", "Carl", "Zoe", "Yan", "anna", "bert") if name in carried]


def test_paths_lead_to_the_sounds_from_a_folder_that_is_a_link(table: Path, tmp_path: Path) -> None:
    (tmp_path / "deep/er/real").mkdir(parents=True)
    (tmp_path / "link").symlink_to("deep/er/real")
    made = rename(table, tmp_path / "link/nameless.csv")
    assert len(open_corpus(tmp_path / "link/nameless.csv").read().utterances) == 4
    assert made.key.stat().st_mode & 0o777 == 0o600


def test_neither_the_table_nor_its_key_is_written_over_it(table: Path) -> None:
    keyed = table.rename(table.with_name("table.key.csv"))
    for output in (keyed, keyed.with_name("table.csv")):
        with pytest.raises(UserError, match=r"table\.key\.csv would be replaced by"):
            rename(keyed, output)
    assert keyed.read_text() == TABLE


def test_a_name_is_one_however_a_row_spells_its_blanks_and_its_segment(table: Path, tmp_path: Path) -> None:
    table.write_text(
        "file ,speaker,rater, start,end,valence,arousal,text\n"
        'wav/anna_1.wav,Anna,Zoe,0,0.5,4,2,"so,\nthen"\n'
        './wav/anna_1.wav,Anna ,Anna, ,0 days 00:00:00.5,5,1,"so,\nthen"\n'
        "wav/bert_1.wav,Bert, Anna,,,1,3,\n"
        "wav/bert_1.wav,Bert,Bert ,,,1,-3,\n"
    )
    made = rename(table, tmp_path / "public/nameless.csv")
    assert (made.speakers, made.raters, made.utterances) == (2, 1, 2)
    rows = pd.read_csv(tmp_path / "public/nameless.csv")
    assert rows.speaker.tolist() == ["S01", "S01", "S02", "S02"]
    assert rows.rater.tolist() == ["R01", "S01", "S01", "S02"]  # 2 and 4 are reports on oneself
    assert rows.utterance.tolist() == ["u01", "u01", "u02", "u02"]
    assert rows.text.tolist()[:2] == ["so,\nthen"] * 2
    before, after = (open_corpus(path, low=-9.0, high=9.0).read() for path in (table, tmp_path / "public/nameless.csv"))
    assert before.ratings.kind.tolist() == ["self", "evaluator", "evaluator", "self"]
    assert sorted(after.ratings.kind) == sorted(before.ratings.kind)
    assert after.utterances.speaker.tolist() == ["S01", "S02"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "lacks 4 columns: file, speaker"),
        ("file,speaker,emotion\n", "has no rows"),
        ("file,rater,emotion\na,b,joy\n", "lacks 1 column: speaker"),
        ("file,speaker,emotion\na,b,joy,c\n", "Line 2 .* has 4 fields where the header has 3"),
        ("file,speaker,gender,valence,arousal\na,b,4,2\n", "Line 2 .* has 4 fields where the header has 5"),
        ("file,speaker,speaker,emotion\na,b,c,joy\n", "has speaker more than once"),
        ("file,speaker,emotion\n,b,joy\n", "Line 2 .* has no file"),
        ("file,speaker,rater,emotion\na,b,,joy\n", "Line 2 .* has no rater"),
    ],
)
def test_what_is_no_manifest_is_refused_and_nothing_written(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(UserError, match=sentence):
        rename(tmp_path / "table.csv", tmp_path / "new.csv")
    with pytest.raises(UserError, match="does not exist"):
        rename(tmp_path / "none.csv", tmp_path / "new.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
