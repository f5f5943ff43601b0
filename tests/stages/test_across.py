"""Two corpora, each tested by networks that learned from the other alone: through every stage to the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import recall_score

from elor.evaluation.across import judge_cells
from elor.evaluation.settings import Settings
from elor.evidence.across import Across
from elor.evidence.model import read
from elor.tables import read_table
from elor.targets import Target
from tests.worlds import voices
from tests.worlds.project import NETWORKS
from tests.worlds.stages import EXPLAINING, LEARNING, READING, UNSEEN, Workspace, alter_less

pytestmark = pytest.mark.long

SOURCES = [
    {"path": "data/demo.yaml", "language": "Demo"},
    {"path": "data/other.yaml", "language": "Other", "seed": 2},
]

DECIDED = [
    "elor-best-arousal",
    "ftr-worst-arousal",
    "elor-ftr-best-valence",
    "arousal-easier",
    "war-above-uar",
    "learned-beats-handcrafted",
    "extreme-valence-aroused",
    "rater-balanced",
]
"""Claims on scores and ratings."""


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        made = Workspace(tmp_path_factory.mktemp("two") / "workspace", patch)
        once = {f"scale__demo__networks__{net}__evaluations": 1 for net in NETWORKS[:3]}
        made.set_params(corpus__path=[SOURCES[0], SOURCES[1] | {"rater": "mean"}], folds__hold_out="corpus", **once)
        alter_less(patch)
        explaining = [stage for stage in EXPLAINING if stage not in UNSEEN]
        made.run_all(*READING, ("mfcc",), ("is10",), *LEARNING, *explaining)
        yield made


def test_tables_say_whose_each_row_is(two: Workspace) -> None:
    slices = read_table(two.folder / "data/slices.csv")
    assert set(slices["corpus"]) == {"demo", "other"}
    assert slices.groupby("corpus")["language"].unique().str[0].to_dict() == {"demo": "Demo", "other": "Other"}
    assert slices["speaker"].nunique() == 20
    assert (slices["speaker"].str.partition("-")[0] == slices["corpus"]).all()
    index = read_table(two.folder / "data/corpus/index.csv")
    assert index.groupby("corpus").size().min() > 40
    for name in ("demo", "other"):
        assert (two.folder / f"data/corpus/{name}/truth.csv").is_file()
    corpus = two.json("metrics/corpus.json")
    assert corpus["utterances"] == sum(one["utterances"] for one in corpus["corpora"].values()) == 80


def test_each_corpus_is_tested_by_networks_that_never_heard_it(two: Workspace) -> None:
    folds = read_table(two.folder / "data/folds.csv").merge(read_table(two.folder / "data/slices.csv"), on="slice")
    assert set(folds["fold"]) == {"demo", "other"}
    tests = folds["role"] == "test"
    assert (folds["corpus"][tests] == folds["fold"][tests]).all()
    assert (folds["corpus"][~tests] != folds["fold"][~tests]).all()
    protocol = two.json("metrics/protocol.json")
    assert (protocol["hold_out"], protocol["folds"], protocol["heard_speakers"]) == ("corpus", 2, 0)
    from elor.inference import load_networks

    heard = load_networks(two.folder / "data/models", "ftr", "demo")["demo"].heard
    assert heard is not None
    assert {name.partition("-")[0] for name in heard} == {"other"}


def test_the_transfer_matrix_is_that_of_the_predictions(two: Workspace) -> None:
    found = read(Across, two.folder / "metrics/across.json")
    slices = read_table(two.folder / "data/slices.csv")
    cells = {(one.network, one.dimension, one.trained_on, one.tested_on): one for one in found.transfer}
    assert len(cells) == 5 * 2 * 2
    for (network, dimension, trained, tested), cell in cells.items():
        assert trained != tested
        said = read_table(two.folder / f"data/predictions/{network}.csv").set_index("slice")
        own = slices[slices["corpus"] == tested]
        expected = recall_score(
            own[dimension], said.loc[own["slice"], dimension], average="macro", labels=sorted(own[dimension].unique())
        )
        assert cell.value == pytest.approx(expected, abs=1e-4)
        assert (cell.slices, cell.speakers) == (len(own), own["speaker"].nunique())
    machine = {(one.trained_on, one.tested_on) for one in found.machine}
    assert machine == {("demo", "demo"), ("demo", "other"), ("other", "demo"), ("other", "other")}
    svm = read_table(two.folder / "data/transfer.csv")
    home = svm[(svm["trained_on"] == "demo") & svm["slice"].str.startswith("demo")]
    assert home["fold"].equals(home["speaker"])  # at home every speaker was held out
    plot = pd.read_csv(two.folder / "plots/data/across/transfer.csv")
    assert len(plot) == len(found.transfer) + len(found.machine)


def test_scores_alterations_and_claims_stand_beside_each_other(two: Workspace) -> None:
    found = read(Across, two.folder / "metrics/across.json")
    assert {(one.factor, one.a, one.b) for one in found.scores} == {("corpus", "demo", "other")}
    assert len(found.scores) == 5 * 2
    cells = {(one.network, one.dimension, one.tested_on): one.value for one in found.transfer}
    for one in found.scores:
        both = [cells[one.network, one.dimension, name] for name in (one.a, one.b)]
        assert one.difference == pytest.approx(both[0] - both[1], abs=2e-4)
        assert one.p_holm is not None
        assert one.p is not None
        assert one.p_holm >= one.p > 0
    assert {one.network for one in found.alterations} == {"elor", "lom"}
    for group in ("demo", "other"):
        said = {one.id: one for one in found.claims if one.group == group}
        assert list(said) == DECIDED
        for name in DECIDED[:6]:  # one network answers for a whole corpus, and is one observation
            assert (said[name].verdict, said[name].ours) in [("undecided", None), ("not learned", None)]
            assert "fewer than two speakers, or folds of them" in said[name].missing
        assert not said["extreme-valence-aroused"].missing
    for name in ("breakdown", "folds"):
        table = pd.read_csv(two.folder / f"plots/data/scores/{name}.csv")
        assert not table.empty
    groups = pd.read_csv(two.folder / "plots/data/scores/breakdown.csv")
    assert set(groups["group"][groups["factor"] == "corpus"]) == {"demo", "other"}


def test_the_page_has_a_section_of_it(two: Workspace) -> None:
    text = (two.folder / "plots/report.html").read_text()
    assert '<section id="across"' in text
    assert 'data-chart="transfer"' in text
    for sentence in ("From demo to other, valence ", "From other to demo, arousal ", "Scores compared", "SVM alone"):
        assert sentence in text
    assert "each of which tests a corpus that its networks never heard" in " ".join(text.split())


def test_the_terminal_says_it_too(two: Workspace) -> None:
    from typer.testing import CliRunner

    from elor.commands import app

    said = CliRunner().invoke(app, ["results", "--metrics", str(two.folder / "metrics")], env={"COLUMNS": "160"}).stdout
    assert "From demo to other, arousal " in " ".join(said.split())
    assert "Trained on, tested on" in said
    assert "80 utterances" in said


@pytest.mark.parametrize(
    ("changes", "stage", "sentence"),
    [
        ({"folds__hold_out": "gender_"}, "labels", "folds.hold_out is gender_, which no table of this corpus has"),
        ({"folds__hold_out": "language"}, "labels", "rows have no value there (voices); fill the column"),
        ({"folds__hold_out": "corpus", "one": True}, "labels", "has one value (voices): nothing would be left"),
        ({"twice": True}, "sources", "two corpora of path are called voices"),
        ({"rater": "E-2"}, "labels", "Corpus other: labels.rater E-2 rated nothing in this corpus; choose x"),
        ({"high": 3.0}, "sources", "outside the declared range 1..3"),
        (
            {"target": "emotion"},
            "labels",
            "Corpus other: No utterance of this corpus has what labels.target emotion asks",
        ),
        ({"target": "spread"}, "labels", "Corpus voices: labels.target spread learns how far raters lie apart"),
        ({"recipe": {"high": 7.0}}, "sources", "Corpus demo: The range 1..7 is not IEMOCAP's"),
        (
            {"recipe": {"rater": "E-9"}},
            "sources",
            "Corpus demo: labels.rater E-9 rated nothing in this corpus, which data/demo.yaml makes",
        ),
        ({"nested": True}, "sources", "corpus.path: entry 1 of it is ['x.csv']; give a path, or a list of paths"),
    ],
)
def test_bad_input_is_one_sentence_before_anything_long(
    changes: dict, stage: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Workspace(tmp_path / "workspace", monkeypatch)
    table = voices.build(tmp_path / "voices").rename(tmp_path / "voices/voices.csv")
    rated = tmp_path / "voices/other.csv"
    frame = pd.read_csv(table, dtype=str, keep_default_na=False)
    pd.concat([frame.assign(rater="x"), frame.assign(rater="y")]).assign(language="fi").to_csv(rated, index=False)
    other: dict = {"path": str(rated), "rater": changes.get("rater", "mean")}
    listed: list = [str(table), other]
    if "high" in changes:
        listed[0] = {"path": str(table), "high": changes["high"]}
    if "one" in changes:
        listed = [str(table)]
    if "twice" in changes:
        listed = [str(table), {**other, "name": "Voices"}]
    if "recipe" in changes:
        listed[0] = {"path": "data/demo.yaml", **changes["recipe"]}
    if "nested" in changes:
        listed[0] = ["x.csv"]
    if changes.get("target") == "emotion":
        pd.read_csv(rated, dtype=str, keep_default_na=False).drop(columns="emotion").to_csv(rated, index=False)
    folds = {name: value for name, value in changes.items() if name.startswith("folds")}
    made.set_params(corpus__path=listed, labels__target=changes.get("target", "classes"), **folds)
    before = made.files()
    said = ""
    for name in ("sources", "corpus", "labels"):
        code, said = made.run(name)
        if code:
            break
        before = made.files()
    assert (code, name) == (1, stage), said
    assert sentence in " ".join(said.split())
    assert "Traceback" not in said
    assert len([line for line in said.splitlines() if line.startswith(f"{stage}:")]) == 1
    assert {path for path in made.files() if "cost" not in path} == {path for path in before if "cost" not in path}


@pytest.mark.slow
def test_valence_fails_in_the_other_demonstration_corpus_and_is_learned_at_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What data/other.yaml plants: arousal as in data/demo.yaml, every cue of valence turned round."""
    from elor.evidence.across import Across
    from elor.params import load
    from elor.report.across import verdict_sentences
    from stages.across import machine

    made = Workspace(tmp_path / "workspace", monkeypatch)
    made.set_params(corpus__path=SOURCES, folds__hold_out="corpus", scale__demo__utterances=240)
    made.run_all(*READING, ("is10",), ("baseline",))
    cells = machine(load(), read_table(Path("data/slices.csv")), Settings(permutations=2_000, seed=1))
    judge_cells(cells, 0.05)
    found = {(one["dimension"], one["trained_on"] == one["tested_on"], one["tested_on"]): one for one in cells}
    for name in ("demo", "other"):
        assert found["arousal", True, name]["verdict"] == "learned"
        assert found["valence", True, name]["verdict"] == "learned"
        assert found["valence", False, name]["verdict"] in ("not shown", "turned round")
        assert found["valence", False, name]["value"] < found["valence", True, name]["value"] - 0.08
    assert "transfers" in {found["arousal", False, name]["verdict"] for name in ("demo", "other")}
    said = " ".join(verdict_sentences(Across.of(hold_out="corpus", transfer=cells)))
    assert "valence transfers with" not in said
    assert "to other, valence" in said


def test_any_column_of_a_table_can_be_held_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Workspace(tmp_path / "workspace", monkeypatch)
    table = voices.build(tmp_path / "voices")
    frame = pd.read_csv(table, dtype=str, keep_default_na=False)
    frame.assign(sentence=np.resize(["01", "1", "7"], len(frame))).to_csv(table, index=False)
    made.set_params(corpus__path=str(table), folds__hold_out="sentence")
    made.run_all(*READING)
    slices = read_table(made.folder / "data/slices.csv", "sentence")
    folds = read_table(made.folder / "data/folds.csv").merge(slices, on="slice")
    assert set(folds["fold"]) == {"01", "1", "7"}
    tests = folds["role"] == "test"
    assert (folds["sentence"][tests] == folds["fold"][tests]).all()
    assert (folds["sentence"][~tests] != folds["fold"][~tests]).all()
    made.set_params(folds__hold_out="speaker")  # nobody else has need of such a column
    made.run_all(("labels",))
    assert "sentence" not in read_table(made.folder / "data/utterances.csv")


def test_claims_are_decided_in_each_corpus_by_what_was_learned_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ELoR is right most often in demo and FTR least; in other nobody is, and only its ratings say something."""
    from elor.corpora.schema import RATING_COLUMNS, UTTERANCE_COLUMNS
    from elor.params import load
    from stages.across import claims

    rng = np.random.default_rng(0)
    made = Workspace(tmp_path / "workspace", monkeypatch)
    made.set_params(corpus__path=SOURCES, corpus__words="words", labels__rater="mean")
    corpus, number = np.repeat(["demo", "other"], 400).astype(object), np.arange(800)
    speaker = corpus + "-" + np.char.add("s", (number % 400 // 40).astype(str)).astype(object)
    slices = pd.DataFrame({"slice": [f"u{n}" for n in number], "utterance": [f"u{n}" for n in number // 2 * 2]})
    slices = slices.assign(corpus=corpus, speaker=speaker, valence=np.repeat(rng.integers(0, 5, 400), 2))
    related = np.where(rng.random(400) < 0.2, abs(slices["valence"][::2] - 2) * 2, rng.integers(0, 5, 400))
    slices["arousal"] = np.repeat(related.astype(int), 2)
    folds = slices[["slice"]].assign(fold=speaker, role="test")
    predictions = {}
    for network, skill in {"elor": 0.9, "lom": 0.5, "ftr": 0.3, "elor_ftr": 0.6, "elor_txt": 0}.items():
        hit = (rng.random((800, 2)) < skill) & (corpus == "demo")[:, None]
        said = np.where(hit, slices[["valence", "arousal"]], rng.integers(0, 5, (800, 2)))
        table = slices[["slice", "utterance", "speaker"]].assign(fold=speaker)
        predictions[network] = table.assign(valence=said[:, 0], arousal=said[:, 1])
    rated = slices.drop_duplicates("utterance").assign(rater=lambda rows: rows["corpus"] + "-x", kind="evaluator")
    rated = rated.assign(valence=rated["valence"] + 1.0, arousal=rated["arousal"] + 1.0, dominance=np.nan)
    (made.folder / "data").mkdir(exist_ok=True)
    turns = rated.assign(samples=16_000, valence=0, arousal=0).reindex(columns=[*UTTERANCE_COLUMNS])
    rated[[*RATING_COLUMNS]].to_csv(made.folder / "data/ratings.csv", index=False)
    turns.to_csv(made.folder / "data/utterances.csv", index=False)

    every = [*claims(load(), predictions, slices, folds, {"corpus": corpus}, Settings(permutations=999))]
    found = {(one.group, one.id): one for one in every}
    assert list(found) == [(group, name) for group in ("demo", "other") for name in DECIDED]
    demo = slices["corpus"] == "demo"
    for name in ("elor-best-arousal", "ftr-worst-arousal", "learned-beats-handcrafted"):
        assert (found["demo", name].verdict, found["other", name].verdict) == ("holds", "not learned")
    expected = recall_score(slices["arousal"][demo], predictions["elor"]["arousal"][demo], average="macro")
    assert found["demo", "elor-best-arousal"].ours == pytest.approx(expected)
    four = [
        recall_score(slices["arousal"][demo], predictions[net]["arousal"][demo], average="macro") for net in NETWORKS
    ]
    assert found["demo", "arousal-easier"].ours == pytest.approx(np.mean(four))  # the paper's: who reads is not asked
    assert found["demo", "elor-ftr-best-valence"].verdict == "contradicted"
    assert found["demo", "rater-balanced"].missing == "the labels are no single evaluator's"
    extreme = found["other", "extreme-valence-aroused"]
    assert extreme.p is not None
    assert 0.05 / 21 < extreme.p < 0.05 / 8  # of all claims declared 21 have a test; 8 can be decided here
    assert extreme.verdict == "holds"


def test_the_strongest_dose_is_the_farthest_from_none() -> None:
    from stages.across import strongest

    assert strongest("noise", [-30.0, -20.0, -10.0, 0.0]) == 0.0
    assert strongest("time_stretch", [0.8, 0.9, 1.12, 1.25]) == 1.25
    assert strongest("time_stretch", [0.7, 1.12]) == 0.7
    assert strongest("pitch", [-2.0, -1.0, 1.0, 2.0]) == 2.0
    assert strongest("gain", [-12.0, -6.0, 6.0]) == -12.0


def test_each_group_is_asked_about_its_own_corpus_rater() -> None:
    from elor.corpora.labels import choose_rater
    from stages.across import labelling

    names = ("a-1", "b-1", "c-1")
    raters = {"a": "a-E-2", "b": "mean", "c": "c-gold"}
    turns = pd.DataFrame({"utterance": names, "corpus": list("abc")})
    rows = [("a-1", "a-E-1"), ("a-1", "a-E-2"), ("b-1", "b-x"), ("b-1", "b-y"), ("c-1", "c-gold")]
    rated = pd.DataFrame(rows, columns=["utterance", "rater"])
    rated = rated.assign(kind="evaluator", valence=1.0, arousal=2.0)
    target = Target("classes", 5, ("valence", "arousal"))
    found = {}
    for group in ("a", "b", "c", "ab", "ac"):
        own = turns[turns["corpus"].isin(list(group))]
        ratings, rater = labelling(rated, turns, raters, own, target)
        assert set(ratings["utterance"]) == set(own["utterance"])
        found[group] = sorted(ratings["utterance"][ratings["rater"] == rater])
        assert choose_rater(ratings, rater, target) == rater
    assert found == {"a": ["a-1"], "b": [], "c": ["c-1"], "ab": ["a-1"], "ac": ["a-1", "c-1"]}


def test_alterations_of_people_who_speak_two_languages_are_paired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from elor.evaluation.across import groups_of
    from stages.across import alterations

    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    people = [f"s{k}" for k in range(8)]
    slices = pd.DataFrame([("one", who, spoken) for who in people for spoken in ("de", "fi")])
    slices.columns = pd.Index(["corpus", "speaker", "language"])
    moved = slices.assign(change=np.repeat(rng.normal(0, 3, 8), 2) + 0.5 * (slices["language"] == "de"))
    table = moved.assign(fold="f", network="elor", head="arousal", intervention="gain", dose=6, length=0, slices=3)
    (tmp_path / "data/effects").mkdir(parents=True)
    table.drop(columns="corpus").to_csv(tmp_path / "data/effects/elor.csv", index=False)
    (found,) = alterations(slices, groups_of(slices), Settings(permutations=999))
    assert (found["factor"], found["a"], found["b"], found["speakers_both"]) == ("language", "de", "fi", 8)
    assert found["difference"] == pytest.approx(0.5)
    assert found["p"] < 0.02  # the 16 dealt out as strangers differ as often as not
