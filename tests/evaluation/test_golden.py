"""Every key of every target against `oracle`, on a world that is lopsided in every way that could hide a slip.

Speakers of unequal size and skill, folds of several speakers, one fold without one class, utterances of one to three
slices, a confidence of 0.8.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from elor.evaluation.continuous import ccc
from elor.evaluation.evaluate import Evaluation, evaluate
from elor.evaluation.intervals import bootstrap
from elor.evaluation.predictions import Judged
from elor.evaluation.recall import uar
from elor.evaluation.settings import Settings
from elor.targets import Head

from . import oracle

pytestmark = pytest.mark.long

FOLDS = {"A": "one", "B": "one", "C": "two", "D": "two", "E": "three", "F": "three", "G": "three", "H": "four"}
TURNS = dict(zip(FOLDS, (9, 21, 13, 28, 10, 17, 8, 24), strict=True))
CLASSES, CONFIDENCE, DRAWS, BINS = 4, 0.8, 1_000, 7
KIND = {"classes": "ordered", "distribution": "ordered", "regression": "values", "emotion": "unordered"}


@dataclass
class Lopsided:
    """One target's tables, two networks' predictions, and what came of them."""

    target: str
    head: str
    slices: pd.DataFrame
    folds: pd.DataFrame
    networks: dict[str, pd.DataFrame]
    audit: pd.DataFrame
    ratings: pd.DataFrame
    found: Evaluation

    def rows(self, network: str = "a") -> pd.DataFrame:
        """The oracle's rows of one network, in the order of the slices."""
        table = self.networks[network].set_index("slice").reindex(self.slices["slice"]).reset_index()
        rows = self.slices[["slice", "utterance", "speaker", "gender"]].assign(truth=self.slices[self.head])
        rows["fold"] = rows["speaker"].map(FOLDS)
        if self.target == "regression":
            return rows.assign(value=table[f"{self.head}_value"])
        shares = table[[f"{self.head}_p{k}" for k in range(CLASSES)]].set_axis(
            [f"p{k}" for k in range(CLASSES)], axis=1
        )
        return finished(rows.join(shares))


def finished(rows: pd.DataFrame) -> pd.DataFrame:
    """Predicted class and expected value of probabilities."""
    shares = rows[[f"p{k}" for k in range(CLASSES)]].to_numpy()
    return rows.assign(predicted=shares.argmax(1), value=shares @ np.arange(CLASSES))


def spoken(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per utterance: means over its slices."""
    means = [name for name in rows if name in ("value", "p0", "p1", "p2", "p3")]
    table = rows.groupby("utterance").agg(
        {name: "first" for name in ("speaker", "fold", "truth")} | dict.fromkeys(means, "mean")
    )
    return table.reset_index() if "p0" not in rows else finished(table.reset_index())


def make(target: str) -> Lopsided:
    rng = np.random.default_rng(12)
    head = "emotion" if target == "emotion" else "valence"
    slices = make_slices(rng, target, head)
    folds = []
    for fold in sorted(set(FOLDS.values())):
        tests = slices["speaker"].map(FOLDS) == fold
        role = np.where(tests, "test", np.where(rng.random(len(slices)) < 0.35, "validation", "train"))
        folds.append(pd.DataFrame({"fold": fold, "slice": slices["slice"], "role": role}))
    folds = pd.concat(folds, ignore_index=True).sample(frac=1, random_state=2)
    networks = {name: predict(rng, slices, target, skill) for name, skill in (("a", 0.35), ("b", -0.25))}
    utterances = slices.drop_duplicates("utterance")[["utterance", "speaker"]]
    audit = make_audit(np.random.default_rng(4), target, head)
    settings = Settings(
        CONFIDENCE, DRAWS, 2_000, 3, ((head, "a", "b"),), "E-2", "paper", target, CLASSES, (1.0, 4.0), BINS
    )
    rated = make_ratings(rng, utterances)
    found = evaluate(slices, folds, utterances, rated, networks, {"a": audit}, settings)
    return Lopsided(target, head, slices, folds, networks, audit, rated, found)


def make_slices(rng: np.random.Generator, target: str, head: str) -> pd.DataFrame:
    rows = []
    for speaker, turns in TURNS.items():
        for turn in range(turns):
            label = int(rng.choice(CLASSES, p=[0.15, 0.35, 0.3, 0.2]))
            label = 1 if (FOLDS[speaker], label) == ("two", 3) else label  # one fold lacks a class
            about = {"utterance": f"{speaker}{turn:02d}", "speaker": speaker, "gender": "FM"[speaker in "ABCD"]}
            shares = rng.dirichlet(np.ones(CLASSES) + 3 * np.eye(CLASSES)[label])
            values = {"regression": label + rng.normal(0, 0.4)}.get(target, label)
            soft = {f"{name}_p{k}": shares[k] for name in ("valence", "arousal") for k in range(CLASSES)}
            about |= {head: values, "arousal": 3 - values, **(soft if target == "distribution" else {})}
            rows += [
                {"slice": f"{about['utterance']}_{part}", "samples": 50_000, **about} for part in range(turn % 3 + 1)
            ]
    return pd.DataFrame(rows)


def predict(rng: np.random.Generator, slices: pd.DataFrame, target: str, skill: float) -> pd.DataFrame:
    """Better for some speakers than for others, and better for low classes than for high ones."""
    table = slices[["slice"]].copy()
    speaker = slices["speaker"].map(dict(zip(TURNS, np.linspace(-0.3, 0.8, len(TURNS)), strict=True))).to_numpy()
    for head in ("emotion",) if target == "emotion" else ("valence", "arousal"):
        truth = slices[head].to_numpy()
        if target == "regression":
            table[f"{head}_value"] = 1.2 + (skill + speaker) * truth / 3 + rng.normal(0, 0.7, len(table))
            continue
        logits = rng.normal(size=(len(table), CLASSES)) + np.array([0.4, 0.6, 0.0, -0.2])
        logits[np.arange(len(table)), truth] += skill + speaker
        shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        table[[f"{head}_p{k}" for k in range(CLASSES)]] = shares
    return table.sample(frac=1, random_state=1)


def make_ratings(rng: np.random.Generator, utterances: pd.DataFrame) -> pd.DataFrame:
    """Three evaluators, E-2 always, and a self-report."""
    rows = []
    for number, name in enumerate(utterances["utterance"]):
        own = rng.integers(1, 5, 2)
        raters = ("S-1", "E-2", "E-1", "E-3")[: 3 + number % 2]
        for rater in raters:
            valence, arousal = np.clip(own + rng.integers(-1, 2, 2) * (rater != "E-2"), 1, 4)
            kind = "self" if rater == "S-1" else "evaluator"
            rows.append({"utterance": name, "rater": rater, "kind": kind, "valence": valence, "arousal": arousal})
    return pd.DataFrame(rows)


def make_audit(rng: np.random.Generator, target: str, head: str) -> pd.DataFrame:
    """Three epochs per fold; the best epoch is another one by WAR, by UAR, and on the validation part."""
    rows = []
    for fold in sorted(set(FOLDS.values())):
        for epoch in range(4):
            for name in (head, "arousal"):
                about = {"fold": fold, "epoch": epoch, "selected": int(epoch == 1), "head": name}
                if target == "regression":
                    rows.append(about | {"concordance": rng.random()})
                    continue
                for actual, size in enumerate((40, 20, 5, 3)):
                    for predicted, count in enumerate(rng.multinomial(size, rng.dirichlet(np.ones(4)))):
                        rows.append(about | {"actual": actual, "predicted": predicted, "count": count})
    return pd.DataFrame(rows).sample(frac=1, random_state=0)


@pytest.fixture(scope="module", params=KIND)
def case(request: pytest.FixtureRequest) -> Lopsided:
    return make(request.param)


RANDOM = ("bootstrap_low", "bootstrap_high", "bootstrap_t_low", "bootstrap_t_high", "permutation_p", "permutation_999")


def test_every_key(case: Lopsided) -> None:
    kind, rows = KIND[case.target], case.rows()
    trained = {
        fold: case.slices.set_index("slice")[case.head][part.loc[part.role == "train", "slice"]].to_numpy()
        for fold, part in case.folds.groupby("fold")
    }
    pooled, _ = oracle.level(rows, kind, trained, CONFIDENCE, BINS)
    beside, _ = oracle.level(spoken(rows), kind, trained, CONFIDENCE, BINS)
    expected = pooled | {f"utterance_{key}": value for key, value in beside.items()}
    expected |= oracle.groups(rows, kind, CONFIDENCE) | gaps(case)
    if case.target in ("classes", "distribution"):
        other = case.networks["a"].set_index("slice").reindex(case.slices["slice"])
        said = other[[f"arousal_p{k}" for k in range(CLASSES)]].to_numpy().argmax(1)
        expected["joint_war"] = np.mean((rows.predicted == rows.truth) & (said == case.slices["arousal"]))
    if case.target == "distribution":
        shares = case.slices[[f"valence_p{k}" for k in range(CLASSES)]].to_numpy()
        said = rows[[f"p{k}" for k in range(CLASSES)]].to_numpy()
        expected["cross_entropy"] = -(shares * np.log(said)).sum(1).mean()
        expected["cross_entropy_floor"] = stats.entropy(shares, axis=1).mean()
    found = dict(case.found.metrics[case.head]["a"])
    for prefix in ("", "utterance_"):
        for key in RANDOM:
            assert np.isfinite(found.pop(prefix + key))
    assert set(found) == set(expected)
    wrong = {
        key: (found[key], value) for key, value in expected.items() if found[key] != pytest.approx(value, abs=1e-9)
    }
    assert not wrong
    assert case.found.headline[f"{case.head}.a"] == found[next(iter(oracle.SCORES[kind]))]
    assert kind == "values" or found["folds_lacking_a_class"] == 1


@pytest.mark.parametrize("prefix", ["", "utterance_"])
def test_random_numbers(case: Lopsided, prefix: str) -> None:
    rows = spoken(case.rows()) if prefix else case.rows()
    found, rng = case.found.metrics[case.head]["a"], np.random.default_rng(0)
    values = case.target == "regression"
    score = oracle.ccc if values else quick_uar
    low, high = oracle.resampled(rows, score, CONFIDENCE, 500, rng)
    assert (found[f"{prefix}bootstrap_low"], found[f"{prefix}bootstrap_high"]) == pytest.approx((low, high), abs=0.02)
    null = oracle.shuffled(rows, score, 500, rng)
    assert found[f"{prefix}permutation_p"] == pytest.approx((null >= score(rows)).mean(), abs=0.06)
    assert found[f"{prefix}permutation_999"] == pytest.approx(np.quantile(null, 0.999), abs=0.05)
    parts = (rows.truth.to_numpy(), (rows.value if values else rows.predicted).to_numpy())
    judged = Judged(
        Head("arousal", None if values else CLASSES), *parts, None, rows.speaker.to_numpy(), rows.fold.to_numpy()
    )
    tallies = judged.tallies(judged.speaker)
    _, expected = bootstrap(tallies, ccc if values else uar, rng, CONFIDENCE, 4_000)
    limits = found[f"{prefix}bootstrap_t_low"], found[f"{prefix}bootstrap_t_high"]
    assert limits == pytest.approx(tuple(expected), abs=0.05)
    assert limits[1] - limits[0] > high - low


@pytest.mark.parametrize("prefix", ["", "utterance_"])
def test_p_of_a_network_that_guesses(case: Lopsided, prefix: str) -> None:
    """Neither 0 nor 1, so that a slip in what is compared would show."""
    rows = spoken(case.rows("b")) if prefix else case.rows("b")
    score = oracle.ccc if case.target == "regression" else quick_uar
    expected = (oracle.shuffled(rows, score, 500, np.random.default_rng(1)) >= score(rows)).mean()
    assert 0.15 < expected < 0.98
    assert case.found.metrics[case.head]["b"][f"{prefix}permutation_p"] == pytest.approx(expected, abs=0.06)


def quick_uar(rows: pd.DataFrame) -> float:
    truth, predicted = rows["truth"].to_numpy(), rows["predicted"].to_numpy()
    return float(np.mean([(predicted[truth == k] == k).mean() for k in range(CLASSES) if (truth == k).any()]))


def gaps(case: Lopsided) -> dict[str, float]:
    """Pooled scores of the epochs that are best on the test part, minus those of the epochs kept."""
    audit = case.audit[case.audit["head"] == case.head]
    if case.target == "regression":
        by_fold = audit.pivot(index="fold", columns="epoch", values="concordance")
        return {"selection_gap_ccc": (by_fold.max(axis=1) - by_fold[1]).mean()}
    names = ["truth", "predicted"]
    long = audit.rename(columns={"actual": "truth"}).loc[audit.index.repeat(audit["count"].astype(int))]
    found, picks = {}, {}
    for name, score in (("uar", oracle.uar), ("war", oracle.war)):
        best = {fold: max(range(4), key=lambda k: score(part[part.epoch == k])) for fold, part in long.groupby("fold")}
        kept = long[long["epoch"] == long["fold"].map(best)]
        found[f"selection_gap_{name}"] = score(kept[names].astype(int)) - score(
            long[long.epoch == 1][names].astype(int)
        )
        picks[name] = best
    assert picks["uar"] != picks["war"]  # else the two could be confused unseen
    return found


def test_comparison(case: Lopsided) -> None:
    a, b = case.rows("a"), case.rows("b")
    name, score = next(iter(oracle.SCORES[KIND[case.target]].items()))
    (found,) = case.found.comparisons["comparisons"]
    joint = a.assign(**{f"{key}_b": b[key] for key in ("predicted", "value") if key in b})

    def difference(rows: pd.DataFrame) -> float:
        other = rows.assign(**{key.removesuffix("_b"): rows[key] for key in rows if key.endswith("_b")})
        return score(rows) - score(other)

    expected = {"dimension": case.head, "a": "a", "b": "b", "score": name, "patterns": 2**7, "exact": True}
    low, high = oracle.interval(joint, difference, CONFIDENCE)
    quick = score if name == "ccc" else quick_uar
    p = oracle.swapped(a, b, quick)
    expected |= {"difference": score(a) - score(b), "ci_low": low, "ci_high": high, "p": p, "p_holm": p}
    expected |= {"no_spread": False}
    if name == "uar":
        only_a = ((a.predicted == a.truth) & (b.predicted != b.truth)).sum()
        only_b = ((a.predicted != a.truth) & (b.predicted == b.truth)).sum()
        assert only_a != only_b
        expected |= {"mcnemar_only_a": only_a, "mcnemar_only_b": only_b, "mcnemar": found["mcnemar"]}
        expected["mcnemar_p"] = stats.binomtest(only_a, only_a + only_b).pvalue
    assert set(found) == set(expected)
    wrong = {key: (found[key], value) for key, value in expected.items() if found[key] != pytest.approx(value)}
    assert not wrong


def test_plots(case: Lopsided) -> None:
    scores, rows = oracle.SCORES[KIND[case.target]], case.rows()
    folds, parts = (
        case.found.plots[name].query("network == 'a' and dimension == @case.head") for name in ("folds", "breakdown")
    )
    assert folds["fold"].tolist() == sorted(set(FOLDS.values()))
    for _, row in folds.iterrows():
        own = rows[rows["fold"] == row["fold"]]
        assert row["slices"] == len(own)
        kept = [name for name in scores if name in row]
        assert len(kept) == len(scores) - (KIND[case.target] == "ordered")  # the CCC of classes stands elsewhere
        assert row[kept].tolist() == pytest.approx([scores[name](own) for name in kept])
    for (factor, group), own in [(("gender", g), part) for g, part in rows.groupby("gender")]:
        (row,) = parts[(parts["factor"] == factor) & (parts["group"] == group)].to_dict("records")
        name, headline = next(iter(scores.items()))
        assert (row["slices"], row["speakers"], row[name]) == pytest.approx((len(own), 4, headline(own)))
        assert (row["ci_low"], row["ci_high"]) == pytest.approx(oracle.interval(own, headline, CONFIDENCE))
    if "p0" in rows:
        bins = case.found.plots["reliability"].query("network == 'a' and dimension == @case.head")
        assert len(bins) == BINS
        gap = (bins["count"] * (bins["accuracy"] - bins["confidence"]).abs()).sum() / len(rows)
        assert gap == pytest.approx(oracle.ece(rows, BINS))


def test_people(case: Lopsided) -> None:
    """Ratings beside the chosen evaluator's, or beside the mean of the others where the labels are means."""
    utterances = case.slices.drop_duplicates("utterance")[["utterance", "speaker"]]
    given = case.ratings
    people = given[given["kind"] == "evaluator"]
    mean = case.target in ("regression", "distribution")
    pairs = []
    for _, own in people[people["rater"].isin(["E-1", "E-2", "E-3"] if mean else ["E-1", "E-3"])].iterrows():
        same = people[(people["utterance"] == own["utterance"]) & (people["rater"] != own["rater"])]
        truth = same["valence"].mean() if mean else same.loc[same["rater"] == "E-2", "valence"].item()
        pairs.append(
            {"utterance": own["utterance"], "rater": own["rater"], "truth": truth - 1, "value": own["valence"] - 1}
        )
    rows = pd.DataFrame(pairs).merge(utterances, on="utterance")
    if case.target != "regression":
        rows["truth"] = np.floor(rows["truth"] + 0.5).astype(int)
        rows["predicted"] = rows["value"].astype(int)
    name = "ccc" if case.target == "regression" else "uar"
    score = getattr(oracle, name)
    for own, found in [(rows, case.found.agreement["valence"]["others"])] + [
        (rows[rows["rater"] == rater["rater"]], rater)
        for rater in case.found.agreement["valence"]["raters"]
        if rater["kind"] == "evaluator"
    ]:
        assert found[name] == pytest.approx(score(own))
        assert (found["ci_low"], found["ci_high"]) == pytest.approx(oracle.interval(own, score, CONFIDENCE))
        assert (found["ratings"], found["utterances"], found["speakers"]) == (len(own), own["utterance"].nunique(), 8)
        if case.target != "regression":
            assert (found["war"], found["kappa"]) == pytest.approx((oracle.war(own), oracle.kappa(own)))
    assert case.found.agreement["reference"] == ("the mean of the other evaluators" if mean else "E-2")
    assert ("note" in case.found.agreement) == (case.target == "emotion")
