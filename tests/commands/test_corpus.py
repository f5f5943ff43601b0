"""`elor corpus`: what it writes, the corpus readers read."""

import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dvc.utils.hydra import to_hydra_overrides
from typer.testing import Result

from elor.commands.printing import setting
from elor.corpora.demo import load_recipe
from elor.corpora.demo.planted_cues import plans_of
from elor.corpora.labels import label
from elor.corpora.reader import open_corpus
from elor.errors import UserError
from elor.tables import read_table
from elor.targets import Target
from tests.worlds import labelfiles
from tests.worlds.release import write_sound

Elor = Callable[..., Result]
RECIPE = Path(__file__).parents[2] / "data/demo.yaml"


def imported(elor: Elor, *arguments: object) -> str:
    result = elor("corpus", "import", *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(elor: Elor, *arguments: object) -> str:
    result = elor("corpus", "import", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("elor corpus: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.mark.long
def test_a_made_corpus_is_read_back_and_is_that_of_its_seed(tmp_path: Path, elor: Elor) -> None:
    """The same seed gives the same bytes: tests/corpora/test_demo.py."""
    result = elor("corpus", "make", tmp_path / "a", "--utterances", 35, "--seed", 3, "--recipe", RECIPE)
    assert result.exit_code == 0, result.output
    assert f"Use it: dvc exp run -S corpus.path={tmp_path / 'a'}" in result.stdout
    tables = open_corpus(tmp_path / "a").read()
    assert f"{len(tables.utterances)} utterances by 10 speakers" in result.stdout
    planned = [(plan.name, plan.cues.rate) for plan in plans_of(load_recipe(RECIPE), 35, 3)]
    truth = read_table(tmp_path / "a/truth.csv")
    assert truth["utterance"].tolist() == [name for name, _ in planned]
    np.testing.assert_allclose(truth["rate"], [rate for _, rate in planned], rtol=1e-3)
    again = elor("corpus", "make", tmp_path / "a", "--recipe", RECIPE)
    assert again.exit_code == 1
    assert "give --force to replace it" in again.stderr


def test_msp_improv_becomes_a_corpus(tmp_path: Path, elor: Elor) -> None:
    labels, output = labelfiles.improv(tmp_path / "improv"), tmp_path / "tables/improv.csv"
    text = imported(elor, labels, "--kind", "msp-improv", "--output", output)
    assert "5 ratings of 3 segments by 3 speakers, on 1 .. 5" in text
    assert "activation, released from 1 (active) to 5 (calm), was turned round" in text
    assert text.endswith(f"dvc exp run -S corpus.path={output} -S labels.rater=mean\n")
    tables = open_corpus(output).read()
    ratings = tables.ratings.set_index(["utterance", "rater"]).arousal
    assert ratings.to_dict() == labelfiles.AROUSAL
    assert set(tables.utterances.speaker) == {"F01", "M01", "M03"}
    assert set(tables.utterances.emotion) == {"angry", "sad", "happy"}
    assert (tables.utterances.samples == 8000).all()
    labelled = label(tables, "mean", Target(), 1, 5).utterances.set_index("utterance").arousal
    assert labelled["MSP-IMPROV-S01A-F01-S-FM02"] == 4  # raters 5 and 4: half goes up
    assert labelled["MSP-IMPROV-S01A-F01-S-MF01"] == 0


def test_msp_podcast_on_its_own_range(tmp_path: Path, elor: Elor) -> None:
    labels, output = labelfiles.podcast(tmp_path / "pod"), tmp_path / "pod.csv"
    where = ("--kind", "msp-podcast", "--audio", tmp_path / "pod/Audios", "--output", output)
    text = imported(elor, labels / "labels_consensus.csv", *where)
    assert "1 rating of unknown speakers left out (MSP-PODCAST_0003_0001.wav)" in text
    assert "-S corpus.low=1 -S corpus.high=7\n" in text
    tables = open_corpus(output, low=1, high=7).read()
    assert list(tables.utterances.gender) == ["M", "M", "F"]
    labelled = label(tables, "E-2", Target(), 1, 7).utterances  # classes: bins of 1.5
    assert list(labelled.arousal) == [3, 2, 0]
    assert list(labelled.valence) == [1, 2, 4]
    imported(elor, labels / "packed.csv", *where)
    assert set(open_corpus(output, low=1, high=7).read().ratings.rater) == {"WORKER1", "WORKER2"}


def test_unknown_speakers_and_partitions_as_asked(tmp_path: Path, elor: Elor) -> None:
    labels, output = labelfiles.podcast(tmp_path / "pod") / "labels_consensus.csv", tmp_path / "pod.csv"
    where = ("--kind", "msp-podcast", "--audio", tmp_path / "pod", "--output", output)
    assert "by 3 speakers" in imported(elor, labels, *where, "--unknown-speakers", "together")
    assert ",unknown," in output.read_text()
    text = imported(elor, labels, *where, "--partition", "Test1", "--partition", "Train")
    assert "3 ratings of 3 segments by 2 speakers" in text
    assert "has no partition Test9; there are Test1, Test2, Train" in refused(
        elor, labels, *where, "--partition", "Test9"
    )
    assert "Nothing of" in refused(elor, labels, *where, "--partition", "Test2")


def test_missing_and_ambiguous_sounds_are_named_and_nothing_is_written(tmp_path: Path, elor: Elor) -> None:
    labels, output = labelfiles.improv(tmp_path), tmp_path / "out.csv"
    sound = next(tmp_path.rglob("MSP-IMPROV-S05H*.wav"))
    write_sound(tmp_path / "copy" / sound.name, 8000)
    where = (labels, "--kind", "msp-improv", "--output", output)
    assert "Several files below" in (error := refused(elor, *where))
    assert "MSP-IMPROV-S05H-M03-T-MF01" in error
    sound.unlink()
    (tmp_path / "copy" / sound.name).unlink()
    assert "1 sound file missing below" in (error := refused(elor, *where))
    assert "MSP-IMPROV-S05H-M03-T-MF01" in error
    assert not output.exists()
    assert "1 sound file missing" in imported(elor, *where, "--partial")
    assert len(open_corpus(output).read().utterances) == 2
    assert "is no folder" in refused(elor, *where, "--audio", tmp_path / "nowhere")


def test_any_table(tmp_path: Path, elor: Elor) -> None:
    for name in ("a", "b"):
        write_sound(tmp_path / f"wav/{name}.wav", 16_000)
    table, output = tmp_path / "mine.csv", tmp_path / "out/manifest.csv"
    table.write_text("clip\twho\tv\tcalm\tfrom\twav/to\nwav/a.wav\tx\t9\t1\t0\t0.5\nb\ty\t1\t9\t\t\n")
    names = ("file=clip", "speaker=who", "valence=v", "arousal=calm", "start=from", "end=wav/to")
    options = [word for name in names for word in ("--column", name)]
    where = (table, "--kind", "csv", *options, "--low", 1, "--high", 9, "--reverse", "arousal", "--output", output)
    imported(elor, *where)
    tables = open_corpus(output, low=1, high=9).read()
    assert list(tables.ratings.arousal) == [9.0, 1.0]
    assert list(tables.utterances.samples) == [8000, 16_000]
    assert "--column x is no pair" in refused(elor, table, "--kind", "csv", "--column", "x")
    table.write_text(table.read_text().replace("0.5", "-1"))
    output.unlink()
    assert "The manifest was not written: Line 2 of" in refused(elor, *where)
    assert not output.exists()


@pytest.mark.parametrize("verb", ["make", "import"])
def test_help_has_examples(elor: Elor, verb: str) -> None:
    result = elor("corpus", verb, "--help")
    assert result.exit_code == 0
    assert f"elor corpus {verb} " in result.stdout.split("Examples")[1]


@pytest.mark.parametrize(
    "path",
    ["/a/b.csv", "/a b/c,d.csv", "/Ünï 音.csv", "/it's/[a]{b}=c.csv", '/q"x$HOME`ls`!.csv', "/b\\q\\'x.csv", "/end\\"],
)
def test_a_setting_survives_the_shell_and_dvc(path: str) -> None:
    option, override = shlex.split(setting("corpus.path", path))
    assert option == "-S"
    (read,) = to_hydra_overrides([override])
    assert (read.key_or_group, read.value()) == ("corpus.path", path)


def test_the_line_to_paste_gives_the_absolute_path(tmp_path: Path, elor: Elor, monkeypatch: pytest.MonkeyPatch) -> None:
    write_sound(tmp_path / "my data/a.wav", 900)
    (tmp_path / "my data/any.csv").write_text("file,speaker,valence,arousal\na.wav,s,1,1\n")
    monkeypatch.chdir(tmp_path)
    text = imported(elor, "my data/any.csv", "--kind", "csv", "--output", "my data/out.csv")
    *_, override = shlex.split(text.splitlines()[-1])
    assert to_hydra_overrides([override])[0].value() == str(tmp_path / "my data/out.csv")


def test_a_relative_path_in_a_temporary_experiment_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "project/.dvc/tmp/exps/tmpabc"
    copy.mkdir(parents=True)
    monkeypatch.chdir(copy)
    with pytest.raises(
        UserError, match=r"dvc exp run --temp and --queue work; set corpus.path to the absolute"
    ) as error:
        open_corpus(Path("my/table.csv"))
    assert str(error.value).endswith(f"path, {tmp_path / 'project/my/table.csv'}.")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"does not exist; set corpus\.path to an IEMOCAP root"):
        open_corpus(Path("my/table.csv"))


@pytest.mark.long
def test_vectors_of_slices_by_a_network(tmp_path: Path, elor: Elor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        "import torch\n"
        "class Ear(torch.nn.Module):\n"
        "    def forward(self, sound):\n"
        "        return sound[:, : sound.shape[1] // 100 * 100].unflatten(1, (-1, 100))\n"
    )
    sound = np.random.default_rng(0).integers(-9_000, 9_000, (2, 96_000)).astype(np.int16)
    (tmp_path / "data").mkdir()
    np.save(tmp_path / "data/slices.npy", sound)
    (tmp_path / "data/slices.csv").write_text("slice,utterance,samples\na_0,a,96000\nb_0,b,50000\n")
    done = elor("corpus", "vectors", "mine:Ear", "--output", "v.npz")
    assert done.exit_code == 0, done.output
    assert "v.npz: 2 vectors of 100 numbers." in done.stdout
    found = np.load(tmp_path / "v.npz")
    assert list(found["slice"]) == ["a_0", "b_0"]
    wanted = [row[:count].reshape(-1, 100).mean(0) / 32_768 for row, count in zip(sound, (96_000, 50_000), strict=True)]
    np.testing.assert_allclose(found["vectors"], wanted, atol=1e-6)
    for arguments, said in (
        (("mine:Ear", "--output", "v.csv"), "is no .npz file"),
        (("mine:Nose", "--output", "v.npz"), "mine has no Nose"),
        (("mine:Ear", "--output", "v.npz", "--layer", 2), "cannot hear a_0"),
        (("mine:Ear", "--output", "v.npz", "--data", "nowhere"), "does not exist"),
    ):
        refused = elor("corpus", "vectors", *arguments)
        assert refused.exit_code == 1
        assert said in refused.stderr
        assert refused.stderr.count("\n") == 1
