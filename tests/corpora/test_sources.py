"""Several corpora as one: names that never collide, one scale, each one's own rater, range and stereo rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from elor.corpora.labels import targets
from elor.corpora.reader import open_corpus
from elor.corpora.schema import Tables
from elor.corpora.sources import Opened, learned_from, raters, read, sounds_of, under_one_name
from elor.corpus_params import Corpus, Source
from elor.errors import UserError
from elor.evaluation.agreement import agreement
from elor.features.slices import plan_slices, write_slices
from elor.files import plain
from elor.tables import full_names
from elor.targets import Target
from tests.worlds import release

SHARED = {
    **{"seed": 1, "partial": False, "low": 1.0, "high": 5.0},
    **{"stereo": "error", "shareable": False, "words": "none"},
}


def manifest(folder: Path, header: str, *rows: str, channels: int = 1) -> Path:
    """A table with its sounds, one second of noise each."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in {row.split(",")[0] for row in rows}:
        noise = np.random.default_rng(len(name)).normal(scale=0.1, size=(16_000, channels))
        soundfile.write(folder / name, noise, 16_000)
    path = folder / f"{folder.name}.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def corpus(*listed: str | dict[str, Any], **changes: Any) -> Corpus:
    return Corpus(path=list(listed), **(SHARED | changes))


def opened(of: Corpus) -> list[Opened]:
    return [
        Opened(one, open_corpus(Path(one.path), low=one.low, high=one.high, stereo=one.stereo)) for one in of.sources
    ]


def together(of: Corpus, rater: str = "E-2", target: Target | None = None) -> Tables:
    return read(opened(of), rater, target or Target(), (of.low, of.high))


@pytest.fixture
def three(tmp_path: Path) -> Corpus:
    """A release, a table on 1..7 in stereo by two raters, and one whose ratings are its own; speaker 03 in two."""
    two = manifest(
        tmp_path / "two",
        "file,speaker,valence,arousal,rater,language,partition",
        *("a.wav,03,7,1,x,fi,train", "a.wav,03,5,3,y,fi,train", "b.wav,04,4,4,x,,test", "b.wav,04,4,4,y,,test"),
        channels=2,
    )
    own = manifest(tmp_path / "own", "file,speaker,valence,arousal,session", "a.wav,03,2,5,s1", "c.wav,05,3,3,")
    return corpus(
        str(release.build(tmp_path / "rel")),
        {"path": str(two), "low": 1.0, "high": 7.0, "rater": "mean", "stereo": "left", "language": "sv"},
        {"path": str(own), "name": "mine", "language": "German"},
    )


def test_names_never_collide_and_every_row_says_its_corpus(three: Corpus) -> None:
    found = together(three).utterances.set_index("utterance")
    assert {"two-a", "mine-a", "rel-Ses03M_impro05a_F000"} <= set(found.index)
    assert (found.loc["two-a", "speaker"], found.loc["mine-a", "speaker"]) == ("two-03", "mine-03")
    assert found.loc["two-a":, "file"].loc["two-a"] == "a.wav"
    assert found.loc[["two-a", "two-b", "mine-a"], "language"].tolist() == ["fi", "sv", "German"]
    assert found.loc[["two-a", "two-b"], "partition"].tolist() == ["train", "test"]
    assert found.loc[["mine-a", "mine-c"], "session"].tolist() == ["mine-s1", ""]
    assert found.corpus.value_counts().to_dict() == {"rel": 12, "two": 2, "mine": 2}
    assert full_names(found).tolist() == found.speaker.tolist()


def test_each_is_labelled_by_its_own_rater_and_range_and_all_lie_on_one_scale(three: Corpus) -> None:
    tables = together(three)
    labels = tables.utterances.set_index("utterance")[["valence", "arousal"]]
    for turn, (valence, arousal) in release.E2_LABELS.items():
        assert labels.loc[f"rel-{turn}"].tolist() == [valence, arousal]
    assert labels.loc["two-a"].tolist() == [3, 1]  # means 6 and 2 on 1..7: 3.33 and 0.67 of 4
    assert labels.loc["mine-a"].tolist() == [1, 4]
    ratings = tables.ratings.set_index(["utterance", "rater"]).valence
    assert ratings["two-a", "two-x"] == 5.0  # 7 of 1..7
    assert ratings["two-a", "two-y"] == pytest.approx(1 + 4 * 4 / 6)
    assert ratings["mine-a", "mine-gold"] == 2.0
    wanted = targets(tables.utterances, tables.ratings, Target("regression"), 1, 5).set_index("utterance")
    assert wanted.loc["two-a", "valence"] == pytest.approx(4 * (6 - 1) / 6)


def test_a_single_corpus_with_a_range_of_its_own_lies_on_the_runs_scale(tmp_path: Path) -> None:
    table = manifest(tmp_path / "one", "file,speaker,valence,arousal", "a.wav,s,4,1", "b.wav,t,1,2", "c.wav,u,2,3")
    tables = together(corpus({"path": str(table), "low": 1.0, "high": 4.0}))
    assert tables.utterances.valence.tolist() == [4, 0, 1]  # 4 is the top of 1..4; 2 lies at a third of five classes
    assert tables.ratings.valence.tolist() == pytest.approx([5, 1, 1 + 4 / 3])
    wanted = targets(tables.utterances, tables.ratings, Target("regression"), 1, 5)
    assert wanted.valence.tolist() == pytest.approx([4, 0, 4 / 3])
    assert tables.report["labels"]["range"] == [1.0, 5.0]


def test_counts_are_of_all_and_of_each(three: Corpus) -> None:
    report = together(three).report
    assert (report["utterances"], report["speakers"]) == (16, 2 + 2 + 2 + 2 + 2 + 4)
    parts = report["corpora"]
    assert {name: one["utterances"] for name, one in parts.items()} == {"rel": 12, "two": 2, "mine": 2}
    assert report["labels"]["utterances"] == sum(one["labels"]["utterances"] for one in parts.values()) == 9 + 4
    assert report["labels"]["rater"] == "E-2 (rel), mean (two), gold (mine)"
    assert report["labels"]["valence"] == np.sum([one["labels"]["valence"] for one in parts.values()], axis=0).tolist()
    assert any(text.startswith("mine: no column rater") for text in report["deviations"])


def test_people_are_compared_with_whoever_labels_their_corpus(three: Corpus) -> None:
    tables = together(three)
    chosen = raters(tables.ratings, tables.utterances, three.sources, "E-2", Target())
    assert chosen == {"rel": "rel-E-2", "two": "mean", "mine": "mine-gold"}
    found = agreement(tables.ratings, tables.utterances, chosen, Target())
    alone = together(corpus(three.path[0]))
    single = agreement(alone.ratings, alone.utterances, "E-2", Target())
    of_rel = [one for one in found["valence"]["raters"] if one["rater"].startswith("rel-")]
    assert plain([one | {"rater": one["rater"][4:]} for one in of_rel]) == plain(single["valence"]["raters"])
    of_two = {one["rater"]: one for one in found["valence"]["raters"] if one["rater"].startswith("two-")}
    assert of_two["two-x"]["ratings"] == 2  # against the other's: the mean of the others
    assert "mine-gold" not in {one["rater"] for one in found["valence"]["raters"]}
    renamed, name = under_one_name(tables.ratings, tables.utterances, chosen)
    assert set(renamed.rater) >= {name, "rel-E-1", "two-x"}
    assert not {"rel-E-2", "mine-gold"} & set(renamed.rater)


def test_sound_comes_from_the_own_folder_by_the_own_stereo_rule(three: Corpus, tmp_path: Path) -> None:
    tables, every = together(three), opened(three)
    wanted = targets(tables.utterances, tables.ratings, Target(), 1, 5)
    plan = plan_slices(tables.utterances, wanted)
    write_slices(plan, tables.utterances, sounds_of(every), tmp_path / "slices.npy")
    heard = np.load(tmp_path / "slices.npy")
    stereo, _ = soundfile.read(tmp_path / "two/a.wav", dtype="int16")
    row = int(np.flatnonzero(plan["slice"] == "two-a_0")[0])
    np.testing.assert_array_equal(heard[row, :16_000], stereo[:, 0])
    assert plan.loc[row, ["corpus", "language", "partition"]].tolist() == ["two", "fi", "train"]


def test_a_list_of_one_is_the_corpus_itself(tmp_path: Path) -> None:
    path = str(release.build(tmp_path / "rel"))
    listed, plain = together(corpus(path)), together(Corpus(path=path, **SHARED))
    pd.testing.assert_frame_equal(listed.utterances, plain.utterances)
    pd.testing.assert_frame_equal(listed.ratings, plain.ratings)
    assert listed.report == plain.report
    assert "Ses03M" in set(listed.utterances.speaker)


@pytest.mark.parametrize(
    ("listed", "sentence"),
    [
        (["x/a.csv", "y/a.csv"], "two corpora of path are called a; give one of them another `name`"),
        (["a.csv", {"path": "b.csv", "name": "A"}], "two corpora of path are called a"),
        (["a.csv", {"path": "b.csv", "low": 5.0, "high": 1.0}], r"entry 2: low \(5.0\) must lie below high"),
        (["a.csv", {"path": "b.csv", "rating": "x"}], "entry 2 has the unknown parameter rating"),
        (["a.csv", {"name": "b"}], "entry 2 lacks the parameter path"),
        (["a.csv", {"path": "b.csv", "name": "a-b"}], "entry 2: name is 'a-b'"),
        ([], "path names no corpus"),
    ],
)
def test_a_list_that_cannot_be_is_one_sentence(listed: list, sentence: str) -> None:
    from elor.params import check

    with pytest.raises(UserError, match=sentence) as found:
        check(Corpus, {"path": listed} | SHARED, "params.yaml")
    assert str(found.value).count("\n") == 0


def test_what_one_of_several_lacks_names_it(three: Corpus) -> None:
    two, mine = three.path[1], three.path[2]
    with pytest.raises(UserError, match=r"^Corpus two: labels.rater E-2 rated nothing in this corpus; choose x \(2"):
        together(corpus({**two, "rater": None}, mine))
    with pytest.raises(UserError, match=r"^Corpus two: Line 2 of .*two.csv has the valence 7 outside .* 1\.\.5"):
        together(corpus({**two, "high": 5.0}, mine))


def test_a_source_is_shareable_only_if_all_are() -> None:
    yes, no = {"path": "a.csv", "shareable": True}, {"path": "b.csv"}
    assert corpus(yes).all_shareable
    assert not corpus(yes, no).all_shareable
    assert corpus(yes, {**no, "shareable": True}).all_shareable
    names = [one.name for one in corpus("some/IEMOCAP_full_release", "my/odd name.csv", "data/demo.yaml").sources]
    assert names == ["IEMOCAP_full_release", "odd_name", "demo"]
    assert isinstance(corpus("a.csv").sources[0], Source)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("spread", "of the others no utterance has two ratings"),
        ("classes", "the rater of the labels rated none of the others"),
        ("regression", "nobody rated the others"),
    ],
)
def test_too_few_speakers_to_learn_from_are_told_from_too_few_that_are_rated(kind: str, why: str) -> None:
    turns = pd.DataFrame({"utterance": list("abcd"), "speaker": ["s0", "s0", "s1", "s2"]})
    tables, target = Tables(turns, pd.DataFrame(), {}), Target(kind)
    with pytest.raises(UserError, match=rf"Only 1 of 3 speakers \(s0\) can be learned .* {kind}: {why}; .* 3 speakers"):
        learned_from(tables, turns[:2], target, 3)
    assert learned_from(tables, turns[:2], target, 0)["utterance"].tolist() == ["a", "b"]
    few = Tables(turns[:2], pd.DataFrame(), {})  # the corpus has no others: the folds say what they need
    assert len(learned_from(few, turns[:2], target, 3)) == 2
