"""The guard passes the project's own folds, and stops every way of breaking a protocol."""

import numpy as np
import pandas as pd
import pytest

from elor.errors import UserError
from elor.evaluation.leakage import check_folds
from elor.training.folds import make_folds
from tests.worlds.tables import make_world


@pytest.mark.parametrize("speakers", [3, 10, 24])
@pytest.mark.parametrize("protocol", ["paper", "strict"])
def test_the_projects_own_folds_pass(speakers, protocol):
    slices = make_world(speakers).slices
    folds = make_folds(slices, protocol, 0.2, 10, seed=0)
    found = check_folds(folds, slices, protocol)
    assert (found["folds"], found["slices"], found["speakers"]) == (min(speakers, 10), len(slices), speakers)
    assert (found["shared_speakers"] > 0) == (found["split_utterances"] > 0) == (protocol == "paper")


def test_what_paper_allows_is_counted(world):
    first = world.folds["fold"] == "Ses01F"
    folds = world.folds.copy()
    folds.loc[first & (folds["role"] == "validation"), "role"] = "train"
    chosen = first & folds["slice"].isin(["Ses02F_000_0", "Ses02M_000_0", "Ses02M_001_0"])
    folds.loc[chosen, "role"] = "validation"
    before, after = check_folds(world.folds, world.slices, "paper"), check_folds(folds, world.slices, "paper")
    others = world.folds[~first].merge(world.slices, on="slice")
    roles = others[others["role"] != "test"].groupby(["fold", "utterance"])["role"].nunique()
    assert (
        after["split_utterances"] == (roles > 1).sum() + 2
    )  # Ses02F_000 and Ses02M_000 have two slices, Ses02M_001 one
    assert after["shared_speakers"] == 3 * 3 + 2
    assert before["shared_sessions"] == 4  # everybody's partner is trained on
    nameless = check_folds(world.folds, world.slices.assign(session=""), "paper")
    assert (
        nameless["shared_sessions"]
        == check_folds(world.folds, world.slices.drop(columns="session"), "paper")["shared_sessions"]
        == 0
    )


def strict(world):
    return make_folds(world.slices, "strict", 0.2, 10, seed=0)


def role(folds, fold, name, value):
    folds = folds.copy()
    folds.loc[(folds["fold"] == fold) & (folds["slice"] == name), "role"] = value
    return folds


def test_strict_refuses_what_paper_allows(world):
    with pytest.raises(UserError, match="same speaker in train and validation"):
        check_folds(world.folds, world.slices, "strict")
    slices = world.slices.assign(speaker=world.slices["slice"])  # an utterance spoken by two is split
    folds = role(strict(world), "Ses01F", "Ses01M_000_0", "train")
    folds = role(folds, "Ses01F", "Ses01M_000_1", "validation")
    with pytest.raises(UserError, match=r"same utterance in train and validation.*Ses01F/Ses01M_000"):
        check_folds(folds, slices, "strict")


@pytest.mark.parametrize("protocol", ["paper", "strict"])
@pytest.mark.parametrize("where", ["train", "validation"])
def test_a_test_speaker_is_never_trained_or_validated_on(world, protocol, where):
    folds = role(strict(world), "Ses01F", "Ses01F_000_1", where)
    elsewhere = folds[(folds["slice"] != "Ses01F_000_1") | (folds["fold"] == "Ses01F")]
    moved = pd.DataFrame({"fold": ["Ses02F"], "slice": ["Ses01F_000_1"], "role": ["test"]})
    with pytest.raises(UserError, match=f"same speaker in {where} and test.*Ses01F/Ses01F"):
        check_folds(pd.concat([elsewhere, moved]), world.slices, protocol)


@pytest.mark.parametrize("protocol", ["paper", "strict"])
@pytest.mark.parametrize("where", ["train", "validation"])
def test_a_tested_utterance_is_never_trained_or_validated_on(world, protocol, where):
    """No speaker is shared here: the two slices of one utterance have two speakers."""
    slices = world.slices.copy()
    slices.loc[slices["slice"] == "Ses01F_000_1", "speaker"] = "somebody"
    folds = strict(world)
    folds.loc[(folds["slice"] == "Ses01F_000_1") & (folds["fold"] == "Ses01F"), "role"] = where
    folds.loc[(folds["slice"] == "Ses01F_000_1") & (folds["fold"] == "Ses02F"), "role"] = "test"
    with pytest.raises(
        UserError, match=f"same utterance in {where} and test.*Ses01F/Ses01F_000.*run the stage `folds`"
    ):
        check_folds(folds, slices, protocol)
    with pytest.raises(UserError, match=r"; mend it\.$"):
        check_folds(folds, slices, protocol, "mend it")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: role(f, "Ses01F", "Ses01M_001_0", "tset"), "roles other than train, validation, test: tset"),
        (lambda f: f.assign(slice=np.where(f["slice"] == "Ses01F_001_0", "x", f["slice"])), "not in slices.csv: x"),
        (lambda f: pd.concat([f, f[:1]]), "twice in a fold: Ses01F/Ses01F_000_0"),
        (lambda f: f[(f["fold"] != "Ses01F") | (f["role"] != "validation")], "folds without one of.*: Ses01F"),
        (lambda f: f[(f["fold"] != "Ses01F") | (f["slice"] != "Ses01F_001_0")], "no fold tests: Ses01F_001_0"),
        (lambda f: role(f, "Ses01M", "Ses01F_001_0", "test"), "more than one fold tests: Ses01F_001_0"),
    ],
)
def test_faulty_tables_are_refused(world, spoil, message):
    with pytest.raises(UserError, match=message):
        check_folds(spoil(world.folds), world.slices, "paper")


def test_unknown_protocol(world):
    with pytest.raises(UserError, match="'loose' is unknown; choose paper or strict"):
        check_folds(world.folds, world.slices, "loose")


def pairs(*rows: tuple[str, str]) -> pd.DataFrame:
    """Copies, by the names of two utterances."""
    found = [(one, one[:6], other, other[:6], 1.0) for one, other in rows]
    return pd.DataFrame(found, columns=["utterance", "speaker", "other", "other_speaker", "likeness"])


@pytest.mark.parametrize("protocol", ["paper", "strict"])
def test_one_recording_under_two_speakers_is_refused_and_named(world, protocol):
    folds = make_folds(world.slices, protocol, 0.2, 10, seed=0)
    message = r"the same recording, under two speakers.*Ses01F_000 \(Ses01F\) = Ses02M_001 \(Ses02M\)"
    for rows in (("Ses01F_000", "Ses02M_001"), ("Ses02M_001", "Ses01F_000")):
        with pytest.raises(UserError, match=message):
            check_folds(folds, world.slices, protocol, copies=pairs(rows))
    clean = check_folds(folds, world.slices, protocol)
    assert clean == check_folds(folds, world.slices, protocol, copies=pairs())
    gone = pairs(("Ses01F_000", "nobody_000"))  # the other is rated by nobody: it is in no role
    assert clean == check_folds(folds, world.slices, protocol, copies=gone)


def test_a_recording_that_two_speakers_of_one_group_share_leaks_nowhere():
    slices = make_world(24).slices
    folds = make_folds(slices, "paper", 0.2, 10, seed=0)
    tested = folds[folds["role"] == "test"].merge(slices, on="slice").drop_duplicates("speaker")
    one, partner = tested[tested["fold"] == tested["fold"].iloc[0]]["utterance"][:2]
    stranger = tested[tested["fold"] != tested["fold"].iloc[0]]["utterance"].iloc[0]
    check_folds(folds, slices, "paper", copies=pairs((one, partner)))
    with pytest.raises(UserError, match="the same recording"):
        check_folds(folds, slices, "paper", copies=pairs((one, stranger)))
