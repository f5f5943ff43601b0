"""A corpus: readable, complete, rated, with speakers enough."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ruamel.yaml import YAML

from elor.check import everything
from elor.check.corpus import Wanted, corpus, narrow
from elor.corpora import iemocap_counts
from elor.corpora.reader import open_corpus
from elor.errors import UserError
from tests.worlds.release import write_sound

ROOT = Path(__file__).parents[2]


def table(folder: Path, speakers: str, valence: float = 4, first: int = 0) -> Path:
    """A table of noise, one file per speaker, the first of ten seconds; what it sounds like depends on its number."""
    rows = ["file,speaker,valence,arousal"]
    for index, speaker in enumerate(speakers, start=first):
        write_sound(folder / f"{index}.wav", 16_000 * (1 + 9 * (index == first)))
        rows.append(f"{index}.wav,{speaker},{valence},2")
    (folder / "table.csv").write_text("\n".join(rows) + "\n")
    return folder / "table.csv"


def test_a_good_table_is_counted(tmp_path: Path) -> None:
    findings = {finding.what: finding for finding in corpus(table(tmp_path, "xyz"), Wanted())}
    assert findings["contents"].found == "3 utterances, 0.00 h, 3 ratings"
    assert findings["six-second slices"].found == "4"  # ten seconds are two
    assert findings["labels"].found == "3 utterances have classes by gold"
    assert findings["deviations"].note.startswith("No column rater")
    assert not [finding for finding in findings.values() if finding.remedy]


@pytest.mark.parametrize(("low", "high"), [(5, 1), (-math.inf, math.inf), (math.nan, 5)])
def test_a_scale_has_two_ends(low: float, high: float) -> None:
    with pytest.raises(UserError, match="low must lie below high"):
        Wanted(low=low, high=high)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"speakers": "xx"}, "at least 3 speakers"),
        ({"valence": 6}, "outside the declared range 1..5"),
        ({"lost": True}, "1 sound file of"),
        ({"wanted": Wanted(target="emotion")}, "labels.target emotion"),
    ],
)
def test_faults_must_be_mended(tmp_path: Path, change: dict, message: str) -> None:
    path = table(tmp_path, change.get("speakers", "xyz"), change.get("valence", 4))
    if change.get("lost"):
        (tmp_path / "1.wav").unlink()
    remedies = [finding.remedy for finding in corpus(path, change.get("wanted", Wanted())) if finding.remedy]
    assert len(remedies) == 1
    assert message in remedies[0]


def test_a_release_that_counts_otherwise_must_be_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.worlds import release as invented

    invented.build(tmp_path / "release")
    (clean,) = [f for f in corpus(tmp_path / "release", Wanted()) if f.what == "deviations from the release"]
    assert clean.state == "ok"  # a miniature is not held against the release
    monkeypatch.setattr(iemocap_counts, "looks_complete", lambda dialogues: True)
    (many,) = [f for f in corpus(tmp_path / "release", Wanted(partial=True)) if f.what == "deviations from the release"]
    assert many.state == "fix"
    assert "dialogues of Ses01, where the release has 28" in many.remedy
    assert pd.Series(iemocap_counts.DIALOGUES).sum() == 151


def test_speakers_without_labels_do_not_count(tmp_path: Path) -> None:
    path = table(tmp_path, "xyz")
    path.write_text(path.read_text().replace("2.wav,z,4,2", "2.wav,z,,2"))
    (slices,) = [finding for finding in corpus(path, Wanted()) if finding.what == "six-second slices"]
    assert slices.remedy == "2 of the speakers have labels; give a corpus of at least 3 speakers: fewer cannot be split"


def lists(folder: Path, *columns: tuple[str, str], **changes: Any) -> None:
    """A params.yaml with a corpus per `columns`: a header and the values of its rows, further columns of a table."""
    yaml = YAML()
    params = yaml.load(ROOT / "params.yaml")
    paths = []
    for index, (header, values) in enumerate(columns):
        first = 0 if changes.get("copied") else 3 * index
        path = table(folder / f"c{index}", "xyz", first=first).rename(folder / f"c{index}" / f"c{index}.csv")
        lines = path.read_text().splitlines()
        more = [header, *values.split("|")] if header else [""] * 4
        path.write_text(
            "\n".join(f"{line},{one}" if header else line for line, one in zip(lines, more, strict=True)) + "\n"
        )
        paths.append(str(path))
    params["corpus"]["path"] = paths
    params["folds"]["hold_out"] = changes.get("hold_out", "speaker")
    params["corpus"]["words"] = changes.get("words", "none")
    params["labels"]["target"] = changes.get("target", "classes")
    yaml.dump(params, folder / "params.yaml")


def looks_at_corpora_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine, the workspace and the scratch folder, which take seconds, have tests of their own."""
    for area in ("machine", "workspace", "scratch"):
        monkeypatch.setattr(everything, area, lambda *asked: [])


@pytest.mark.parametrize(
    ("columns", "changes", "area", "found"),
    [
        ([("", "")], {"hold_out": "corpus"}, "folds", "has one value (c0): nothing would be left to train on"),
        ([("", "")], {"hold_out": "topic"}, "folds", "which no table of this corpus has as a column"),
        ([("", "")], {"hold_out": "rater"}, "folds", "a name that the tables of slices and folds have"),
        ([("topic", "a|b|")], {"hold_out": "topic"}, "folds", "but 1 of 3 rows have no value there (c0)"),
        ([("", "")], {"words": "words"}, "folds", "has no column text, which corpus.words reads"),
        ([("text", "a|b|...")], {"words": "words"}, "folds", "1 speaker of 3 have no words in the text"),
        ([("emotion", "sad|happy|angry"), ("", "")], {"target": "emotion"}, "corpus c1", "Corpus c1: No "),
        (
            [("", ""), ("", "")],
            {"copied": True},
            "folds",
            "under two speakers: c0-0 (c0-x) and c1-0 (c1-x), c0-1 (c0-y)",
        ),
    ],
)
def test_what_the_run_would_refuse_the_check_says(
    columns: list, changes: dict, area: str, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists(tmp_path, *columns, **changes)
    monkeypatch.chdir(tmp_path)
    looks_at_corpora_alone(monkeypatch)
    remedies = {name: [one.remedy for one in rows if one.remedy] for name, rows in everything.inspect().items()}
    assert [name for name, said in remedies.items() if said] == [area]
    assert found in " ".join(remedies[area])


def test_text_that_is_not_learned_is_none_for_the_check_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists(tmp_path, ("text", "a|b|"), words="words")
    write_sound(tmp_path / "c0/more.wav", 16_000)
    with (tmp_path / "c0/c0.csv").open("a") as stream:
        stream.write("more.wav,z,,,unrated\n")
    monkeypatch.chdir(tmp_path)
    looks_at_corpora_alone(monkeypatch)
    (remedy,) = [one.remedy for one in everything.inspect()["folds"] if one.remedy]
    assert remedy.startswith("1 speaker of 3 have no words in the text of any utterance that is learned: z;")


def test_what_the_run_would_take_the_check_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    looks_at_corpora_alone(monkeypatch)
    lists(tmp_path, ("text", "a|b|c"), ("text", "d|e|f"), hold_out="corpus", words="words")
    assert [(one.what, one.found) for one in everything.inspect()["folds"]] == [
        ("held out", "corpus, 2 values"),
        ("words", "words of 6 utterances"),
        ("copies under two speakers", "none"),
    ]


def test_ratings_that_leave_most_of_the_declared_range_empty_are_worth_a_word(tmp_path: Path) -> None:
    """As of a scale from 1 to 5 that is declared from 0 to 100: all would be of one class."""
    path = table(tmp_path, "xyz", 5)
    path.write_text(path.read_text().replace(".wav,y,5,2", ".wav,y,1,3"))
    tables = open_corpus(path, low=0, high=100).read()
    for high in (5, 9):  # of valence at least half is used
        assert [one.found for one in narrow(tables, Wanted(high=high))] == [f"arousal 2..3 of 1..{high}"]
    wide = list(narrow(tables, Wanted(low=0, high=100)))
    assert [one.state for one in wide] == ["note", "note"]
    assert "valence lie in 1..5 of the declared range 0..100" in " ".join(one.note for one in wide)


def test_a_recipe_is_asked_before_its_corpus_is_made(tmp_path: Path) -> None:
    for changes, said in (
        (Wanted(high=7.0), "The range 1..7 is not IEMOCAP's"),
        (Wanted(rater="E-9"), "labels.rater E-9 rated nothing in this corpus, which "),
    ):
        (found,) = everything._corpus(ROOT / "data/demo.yaml", tmp_path / "nowhere", changes)
        assert said in found.remedy


def test_every_source_of_a_list_is_looked_at_by_its_own_demands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    yaml = YAML()
    params = yaml.load(ROOT / "params.yaml")
    one, two = table(tmp_path / "one", "xyz"), table(tmp_path / "two", "xyz", valence=6)
    params["corpus"]["path"] = [{"path": str(one), "name": "first"}, {"path": str(two), "high": 7.0, "rater": "mean"}]
    yaml.dump(params, tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    _, asked = everything._asked(None, {})
    assert {name: (here, wanted.high, wanted.rater) for name, (_, here, wanted) in asked.items()} == {
        "first": (one, 5.0, "E-2"),
        "table": (two, 7.0, "mean"),
    }
    for _, here, wanted in asked.values():
        assert not [finding for finding in corpus(here, wanted) if finding.remedy]
