"""Speakers of any name: what looks like a number, a missing value, a fold or a separator is a name all the same."""

import pandas as pd
import pytest

from elor.corpora.schema import RATING_COLUMNS, UTTERANCE_COLUMNS, read_ratings, read_utterances, typed
from elor.evaluation.evaluate import evaluate
from elor.evaluation.settings import Settings
from elor.tables import read_table, write_table
from elor.training.folds import make_folds
from tests.worlds.tables import make_world

NAMES = ("NA", "nan", "03", "1e5", "a,b", " leading", "true", "group-00", "3", '"quoted"', "None", "É x")
RANDOM = ("bootstrap_low", "bootstrap_high", "bootstrap_t_low", "bootstrap_t_high", "permutation_p", "permutation_999")


def renamed(table: pd.DataFrame, new: dict[str, str]) -> pd.DataFrame:
    """The same table with other speakers; slices and utterances are named after them."""
    columns = [name for name in ("slice", "utterance", "speaker", "fold") if name in table]

    def other(name: str) -> str:
        return new[name[:6]] + name[6:] if name[:6] in new else name

    return table.assign(**{name: table[name].map(other) for name in columns})


@pytest.mark.parametrize("count", [8, 12])  # folds of one speaker, and groups
def test_names_change_nothing(tmp_path, count):
    world = make_world(count, utterances=6)
    new = dict(zip(world.slices["speaker"].unique(), NAMES, strict=False))
    folds = make_folds(world.slices, "paper", 0.2, 10, seed=0)
    tables = {"slices": world.slices, "folds": folds, "net": world.predict({"arousal": 5, "valence": 5})}
    tables["net"] = tables["net"].drop(columns="fold")
    tables["utterances"] = typed(world.utterances.assign(samples=9).to_dict("records"), UTTERANCE_COLUMNS)
    tables["ratings"] = typed(world.ratings.to_dict("records"), RATING_COLUMNS)
    found = {}
    for kind, mapping in (("plain", {}), ("odd", new)):
        for name, table in tables.items():
            write_table(renamed(table, mapping), tmp_path / kind / f"{name}.csv")
        read = {name: read_table(tmp_path / kind / f"{name}.csv") for name in ("slices", "folds", "net")}
        found[kind] = evaluate(
            read["slices"], read["folds"], read_utterances(tmp_path / kind / "utterances.csv"),
            read_ratings(tmp_path / kind / "ratings.csv"), {"net": read["net"]}, {}, Settings(draws=50, permutations=50)
        )  # fmt: skip
    for head in ("arousal", "valence"):
        one, other = (
            {key: value for key, value in found[kind].metrics[head]["net"].items() if not key.endswith(RANDOM)}
            for kind in ("plain", "odd")
        )
        assert one == pytest.approx(other, nan_ok=True)
        others = [found[kind].agreement[head]["others"] for kind in ("plain", "odd")]
        assert others[0] == pytest.approx(others[1])
    assert found["plain"].protocol == found["odd"].protocol
    rows = found["odd"].plots["breakdown"].query("factor == 'speaker' and dimension == 'valence'")
    assert set(rows["group"]) == set(NAMES[:count])
