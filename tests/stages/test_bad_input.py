"""Whatever is wrong with a corpus or a parameter: one clear sentence, exit status 1, nothing half-written."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from elor.tables import read_table
from elor.vectors import IS10
from tests.worlds import release, voices
from tests.worlds.stages import READING, Workspace

pytestmark = pytest.mark.long

TURN = "Ses03M_impro05a_M001"
ANNOTATION = "Session3/dialog/EmoEvaluation/Ses03M_impro05a.txt"

Break = Callable[[Path], object]
"""Spoils a corpus in a folder; may return another path for corpus.path, relative to the folder."""


def sound(**how: int) -> Break:
    return lambda root: release.write_sound(release.sound_of(root, TURN), **{"samples": 160_000, **how})


def cut(root: Path) -> None:
    path = release.sound_of(root, TURN)
    path.write_bytes(path.read_bytes()[:1000])


def empty_file(root: Path) -> None:
    release.sound_of(root, TURN).write_bytes(b"")


def line(text: str) -> Break:
    def spoil(root: Path) -> None:
        lines = (root / ANNOTATION).read_text().split("\n")
        lines[7] = text
        (root / ANNOTATION).write_text("\n".join(lines))

    return spoil


def transcribed(lacking: str = "", more: str = "") -> Break:
    """Write down what is said in every turn, but for one, and in one that nobody annotated."""

    def spoil(root: Path) -> None:
        for dialogue, turns in release.DIALOGUES.items():
            names = [turn.name for turn in turns if turn.name != lacking] + [more] * more.startswith(dialogue)
            path = root / f"Session{dialogue[4]}/dialog/transcriptions/{dialogue}.txt"
            path.write_text("".join(f"{name} [001.0000-002.0000]: so it is\r\n" for name in names))

    return spoil


WORDS = {"corpus__words": "words"}

RELEASES: Mapping[str, tuple[Break, dict, str, tuple[str, ...]]] = {
    "no such folder": (lambda root: "IEMOCAP", {}, "sources", ("does not exist", "corpus.path")),
    "another folder": (lambda root: "Session3/dialog", {}, "sources", ("no folders Session1 to Session5",)),
    "a session for the root": (lambda root: "Session3", {}, "sources", ("is one session of IEMOCAP", "above it")),
    "a text file": (lambda root: ANNOTATION, {}, "sources", ("is no corpus",)),
    "a missing sound": (
        lambda root: release.sound_of(root, TURN).unlink(),
        {},
        "sources",
        ("incomplete", f"{TURN}.wav", "corpus.partial"),
    ),
    "half the corpus missing": (
        lambda root: [shutil.rmtree(root / f"Session{n}") for n in (2, 4)],
        {},
        "sources",
        ("incomplete", "Session2, Session4"),
    ),
    "an annotation of no pattern": (
        line("A-E2:\tval five; act 3; dom  3;\t()"),
        {},
        "sources",
        (f"line 8 of {ANNOTATION}", "fits no pattern"),
    ),
    "a turn of no pattern": (line("[3.1 - ]\tSes03M"), {}, "sources", (f"line 8 of {ANNOTATION}", "is not a turn")),
    "a truncated sound": (cut, {}, "labels", (f"{TURN}.wav is truncated", "1 of 12")),
    "a sound file of no bytes": (empty_file, {}, "labels", (f"{TURN}.wav", "cannot be read as a sound file")),
    "a sound of no samples": (sound(samples=0), {}, "labels", (f"{TURN}.wav holds no samples",)),
    "a stereo sound": (sound(channels=2), {}, "labels", (f"{TURN}.wav has 2 channels",)),
    "a sound at 44.1 kHz": (sound(rate=44_100), {}, "labels", (f"{TURN}.wav is 44100 Hz",)),
    "a sound of eight bits": (sound(width=1), {}, "labels", (f"{TURN}.wav is 16000 Hz PCM_U8",)),
    "a rater who is not there": (lambda root: None, {"labels__rater": "E-9"}, "labels", ("E-9 rated nothing", "E-2 (")),
    "a speaker as her rater": (lambda root: None, {"labels__rater": "M-3"}, "labels", ("report on herself",)),
    "a turn without its transcription": (
        transcribed(TURN),
        WORDS,
        "labels",
        ("1 turn", "without a line", TURN),
    ),
    "a transcription without its turn": (
        transcribed(more="Ses03M_impro05a_M009"),
        WORDS,
        "labels",
        ("1 turn", "without an annotation", "Ses03M_impro05a_M009", "corpus.partial"),
    ),
    "another range": (lambda root: None, {"corpus__high": 7}, "sources", ("range 1..7 is not IEMOCAP's",)),
    "nothing long enough": (lambda root: None, {"slices__minimum_s": 99.0}, "slices", ("at least 99 s long",)),
}


def edit(old: str, new: str) -> Break:
    def spoil(root: Path) -> None:
        path = root / "table.csv"
        content = path.read_text()
        assert old in content
        path.write_text(content.replace(old, new))

    return spoil


def again(root: Path) -> None:
    lines = (root / "table.csv").read_text().splitlines()
    (root / "table.csv").write_text("\n".join([*lines, lines[1]]) + "\n")


def one_speaker(root: Path) -> None:
    path = root / "table.csv"
    for speaker in voices.SPEAKERS[1:]:
        path.write_text(path.read_text().replace(f",{speaker},", f",{voices.SPEAKERS[0]},"))


def stereo(root: Path) -> None:
    release.write_sound(root / FIRST, 30_000, rate=44_100, channels=2)


def texts(silent: str) -> Break:
    """A column of what was said, empty for one speaker."""

    def spoil(root: Path) -> None:
        header, *lines = (root / "table.csv").read_text().splitlines()
        said = [f"{line},{'' if f',{silent},' in line else 'well'}" for line in lines]
        (root / "table.csv").write_text("\n".join([f"{header},text", *said]) + "\n")

    return spoil


def said_elsewhere(seconds: float, rating: str) -> Break:
    """The same, but that this speaker's words stand in one more recording."""

    def spoil(root: Path) -> None:
        speaker = voices.SPEAKERS[1]
        texts(speaker)(root)
        voices.write_sound(root / speaker / "more.wav", seconds)
        with (root / "table.csv").open("a") as stream:
            stream.write(f"{speaker}/more.wav,{speaker},F,{rating},{rating},anger,well\n")

    return spoil


def rated_by_two(which: Callable[[str], bool]) -> Break:
    """A second rater of some rows, who says the same as the first."""

    def spoil(root: Path) -> None:
        header, *lines = (root / "table.csv").read_text().splitlines()
        rows = [f"{line},a" for line in lines] + [f"{line},b" for line in lines if which(line)]
        (root / "table.csv").write_text("\n".join([f"{header},rater", *rows]) + "\n")

    return spoil


FIRST = "03/take-00.wav"

MANIFESTS: Mapping[str, tuple[Break, dict, str, tuple[str, ...]]] = {
    "an absent file": (lambda root: (root / FIRST).unlink(), {}, "sources", ("1 sound file", FIRST, "corpus.partial")),
    "a duplicate segment": (again, {}, "sources", ("Line 6 of", "rates the segment of line 2 again")),
    "a label out of range": (lambda root: None, {"corpus__high": 1.5}, "sources", ("Line 3", "range 1..1.5")),
    "a label that is no number": (edit(",1.0,1.0,", ",high,1.0,"), {}, "sources", ("Line 2", "valence 'high'")),
    "a column too few": (edit("file,speaker", "file,person"), {}, "sources", ("lacks 1 column: speaker",)),
    "two speakers only": (one_speaker, {}, "labels", ("has 1 speaker(s)", "at least three")),
    "a stereo file": (stereo, {}, "labels", ("take-00.wav has 2 channels", "corpus.stereo")),
    "no CSV": (lambda root: (root / "table.csv").write_bytes(b"\xff\xfe\x00"), {}, "sources", ("CSV file in UTF-8",)),
    "an empty table": (lambda root: (root / "table.csv").write_bytes(b""), {}, "sources", ("lacks 4 columns",)),
    "a typed stereo": (lambda root: None, {"corpus__stereo": "both"}, "sources", ("corpus.stereo is 'both'",)),
    "one class": (lambda root: None, {"labels__classes": 1}, "sources", ("labels.classes is 1",)),
    "a class as a word": (lambda root: None, {"labels__classes": "five"}, "sources", ("labels.classes is 'five'",)),
    "one rater per item": (
        lambda root: None,
        {"labels__target": "spread"},
        "labels",
        ("each of the 4 rated utterances", "one evaluator's rating alone", "choose regression"),
    ),
    "two ratings of one speaker alone": (
        rated_by_two(lambda row: ",03," in row),
        {"labels__target": "spread", "labels__rater": "mean"},
        "labels",
        ("Only 1 of 4 speakers (03) can be learned from", "no utterance has two ratings", "at least 3 speakers"),
    ),
    "two ratings that are always the same": (
        rated_by_two(lambda row: True),
        {"labels__target": "spread", "labels__rater": "mean"},
        "labels",
        ("of valence their deviation counts as 0.29 classes", "no disagreement to learn", "choose regression"),
    ),
    "no column of texts": (lambda root: None, WORDS, "labels", ("no column text", "corpus.words")),
    "a speaker without any text": (texts(voices.SPEAKERS[1]), WORDS, "labels", ("have no words in the text",)),
    "a speaker whose text is unrated": (said_elsewhere(2.0, ""), WORDS, "labels", ("that is learned: 08;",)),
    "a speaker whose text is too short": (
        said_elsewhere(0.5, "3"),
        WORDS | {"slices__minimum_s": 1.0},
        "labels",
        ("that is learned: 08;",),
    ),
    "an unknown parameter": (lambda root: None, {"labels__ratter": "E-2"}, "sources", ("unknown", "labels.ratter")),
    "an unknown update": (lambda root: None, {"train__update": "sideways"}, "sources", ("train.update is 'sideways'",)),
    "an unknown target": (lambda root: None, {"labels__target": "mood"}, "sources", ("labels.target is 'mood'",)),
}


def check(workspace: Workspace, corpus: Path, case: tuple[Break, dict, str, tuple[str, ...]]) -> None:
    """Break the corpus, run stages up to the one that notices, and look at what it says and leaves."""
    spoil, changes, stage, phrases = case
    other = spoil(corpus.parent if corpus.is_file() else corpus)
    path = corpus / other if isinstance(other, str) else corpus
    workspace.set_params(corpus__path=str(path), **changes)
    before = workspace.files()
    for name, *arguments in READING:
        code, said = workspace.run(name, *arguments)
        if code:
            break
        before = workspace.files()
    assert (name, code) == (stage, 1), said
    sentence = said.rstrip("\n").split("\n")[-1]
    assert sentence.startswith(f"{stage}: ")
    assert sentence.endswith((".", "?"))
    assert not [phrase for phrase in phrases if phrase not in sentence], sentence
    assert "Traceback" not in said
    assert workspace.files() == before


@pytest.mark.parametrize("case", RELEASES.values(), ids=RELEASES)
def test_a_spoilt_release(workspace: Workspace, tmp_path: Path, case: tuple) -> None:
    check(workspace, release.build(tmp_path / "release"), case)


@pytest.mark.parametrize("case", MANIFESTS.values(), ids=MANIFESTS)
def test_a_spoilt_manifest(workspace: Workspace, tmp_path: Path, case: tuple) -> None:
    check(workspace, voices.build(tmp_path / "voices", each=1), case)


PARAMETERS: Mapping[str, tuple[dict, tuple[str, ...]]] = {
    "a fold that is not there": ({"search__fold": "Ses01F"}, ("search.fold is 'Ses01F'", "choose one of 03, 08, NA")),
    "layers that disagree": (
        {"networks__elor__pools": [1, 2], "networks__elor__lengths": [3]},
        ("networks.elor: the convolutional layers disagree",),
    ),
    "an unknown network": ({"networks__lstm": {}}, ("networks.lstm",)),
    "a comparison of nothing": (
        {"evaluate__comparisons": [["valence", "elor", "tree"]]},
        ("evaluate: the comparison valence: elor against tree names an unknown head or network.",),
    ),
    "a GPU that is not there": ({"engine__device": "cuda:77"}, ("engine.device is cuda:77",)),
    "a range upside down": ({"corpus__low": 9}, ("corpus: low (9.0) must lie below high (5.0)",)),
}


@pytest.mark.parametrize("case", PARAMETERS.values(), ids=PARAMETERS)
def test_a_mistaken_parameter(workspace: Workspace, tmp_path: Path, case: tuple) -> None:
    changes, phrases = case
    workspace.set_params(corpus__path=str(voices.build(tmp_path / "voices", each=1)))
    workspace.run_all(*READING)
    np.save(workspace.folder / "data/is10.npy", np.zeros((len(voices.SPEAKERS), 1582), np.float32))
    IS10.write(workspace.folder / "data/is10.json")
    before = workspace.files()
    workspace.set_params(**changes)
    code, said = workspace.run("tune", "ftr")
    assert code == 1, said
    assert not [phrase for phrase in phrases if phrase not in said], said
    assert workspace.files() == before


def test_a_large_share_of_validation_leaves_something_to_train(workspace: Workspace, tmp_path: Path) -> None:
    table = voices.build(tmp_path / "voices", each=1)
    workspace.set_params(corpus__path=str(table), folds__validation=0.99)
    workspace.run_all(*READING)
    roles = read_table(workspace.folder / "data/folds.csv").groupby("fold").role.nunique()
    assert (roles == 3).all()


def test_without_a_fault_every_stage_ends_well(workspace: Workspace, tmp_path: Path) -> None:
    for corpus in (release.build(tmp_path / "release"), voices.build(tmp_path / "voices", each=1)):
        workspace.set_params(corpus__path=str(corpus))
        workspace.run_all(*READING)
