"""A corpus: readable, complete, rated, with speakers enough."""

from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

from elor.check import everything
from elor.check.corpus import Wanted, corpus
from elor.corpora import release
from tests.worlds.release import write_sound

ROOT = Path(__file__).parents[2]


def table(folder: Path, speakers: str, valence: float = 4) -> Path:
    rows = ["file,speaker,valence,arousal"]
    for index, speaker in enumerate(speakers):
        write_sound(folder / f"{index}.wav", 16_000 * (1 + 9 * (index == 0)))
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
    monkeypatch.setattr(release, "looks_complete", lambda dialogues: True)
    (many,) = [f for f in corpus(tmp_path / "release", Wanted(partial=True)) if f.what == "deviations from the release"]
    assert many.state == "fix"
    assert "dialogues of Ses01, where the release has 28" in many.remedy
    assert pd.Series(release.DIALOGUES).sum() == 151


def test_speakers_without_labels_do_not_count(tmp_path: Path) -> None:
    path = table(tmp_path, "xyz")
    path.write_text(path.read_text().replace("2.wav,z,4,2", "2.wav,z,,2"))
    (slices,) = [finding for finding in corpus(path, Wanted()) if finding.what == "six-second slices"]
    assert slices.remedy == "2 of the speakers have labels; give a corpus of at least 3 speakers: fewer cannot be split"


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
