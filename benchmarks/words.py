"""What words add, and whether they change what is heard: on words that tell of valence, and on words that tell nothing.

The demonstration corpus with nothing but telling words (of the recipe's share, a third, a classifier of words alone
learns next to nothing from 400 turns: there would be nothing to find), from 400 turns and from three times as many; and
with none, where nothing may be found.
ELoR and ELoR+TXT train in the same folds with the same values; the stage `words` says the rest. Beside them
stands scikit-learn's logistic regression on the words alone, in the same folds.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from ruamel.yaml import YAML
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from sklearn.pipeline import make_pipeline

from benchmarks.measure import ROOT, costs_of, run_stage
from benchmarks.publish import RESULTS, command, known, publish
from elor.evidence.model import read
from elor.evidence.words import Words
from elor.report.text import Block, Table, interval, number, p_value
from elor.report.words import PLAIN, TOLD
from elor.tables import read_table

STAGES = (
    *("sources", "corpus", "labels", "slices", "folds", "text"),
    *("tune@elor", "train@elor", "tune@elor_txt", "train@elor_txt", "words"),
)
CASES = {
    "words that tell of valence": (1.0, 1),
    "words that tell nothing": (0.0, 1),
    "words that tell of valence, in three times the turns": (1.0, 3),
}
"""The share of telling words, and how many times the turns."""

SEED = 3
"""Of both corpora: how words join the network was chosen on seed 1 after seed 2 had shown that it learned none."""


def measure(
    names: Sequence[str] = tuple(CASES),
    utterances: int = 400,
    folds: int = 3,
    seeds: int = 4,
    epochs: int | None = None,
    kept: Path | None = None,
) -> dict[str, Any]:
    """Run corpora up to metrics/words.json; of the cases that are not named stays what the results hold.

    Args:
        names: of `CASES`.
        utterances: of each corpus, or a third of them.
        folds, seeds: how many.
        epochs: of every training; None: the profile's.
        kept: a folder of workspaces; stages that have run there are not run again.

    Returns:
        `cases`: by case what that file says; `alone`: by case and dimension the UAR of the words alone.

    Raises:
        UserError: if there is no such case.
    """
    known(names, CASES)
    path = RESULTS / "words.json"
    held = json.loads(path.read_text())["measured"] if path.exists() else {"cases": {}, "alone": {}}
    with tempfile.TemporaryDirectory(prefix="elor-") as name:
        folders = {case: (kept or Path(name)) / case.replace(" ", "-") for case in names}
        made = {
            "cases": {case: _run(folder, case, utterances, folds, seeds, epochs) for case, folder in folders.items()},
            "alone": {case: _alone(folder / "data") for case, folder in folders.items()},
        }
    return {part: held[part] | of for part, of in made.items()}


def _run(folder: Path, case: str, utterances: int, folds: int, seeds: int, epochs: int | None) -> dict[str, Any]:
    """One corpus, in a workspace of its own."""
    yaml = YAML()
    value, recipe = yaml.load(ROOT / "params.yaml"), yaml.load(ROOT / "data" / "demo.yaml")
    value["corpus"]["words"], value["folds"]["most"] = "words", folds
    (share, times), demo = CASES[case], value["scale"]["demo"]
    value["corpus"]["seed"], demo["utterances"], demo["explain"]["seeds"] = SEED, times * utterances, seeds
    demo["networks"]["elor"]["evaluations"] = 0
    for network in ("elor", "elor_txt"):
        demo["networks"][network]["epochs"] = epochs or demo["networks"][network]["epochs"]
    recipe["words"]["telling_share"] = share
    (folder / "data").mkdir(parents=True, exist_ok=True)
    yaml.dump(recipe, folder / "data" / "demo.yaml")
    yaml.dump(value, folder / "params.yaml")
    done = costs_of(folder)
    for stage in (stage for stage in STAGES if stage not in done):
        run_stage(folder, stage)
    return read(Words, folder / "metrics" / "words.json").tree()


def _alone(data: Path) -> dict[str, float]:
    """UAR of a logistic regression on the same vectors, of unit length, per dimension over all folds' tests."""
    slices, folds = read_table(data / "slices.csv").set_index("slice"), read_table(data / "folds.csv")
    vectors = pd.DataFrame(np.load(data / "text.npy"), index=slices.index)
    found = {}
    for head in ("arousal", "valence"):
        said = pd.Series("", index=slices.index, dtype=object)
        for _, rows in folds.groupby("fold"):
            train, test = (rows.loc[rows["role"] == role, "slice"] for role in ("train", "test"))
            model = make_pipeline(TfidfTransformer(), LogisticRegression(C=10, class_weight="balanced", max_iter=2_000))
            said[test] = model.fit(vectors.loc[train], slices.loc[train, head]).predict(vectors.loc[test])
        tested = said[said != ""]
        truth = slices.loc[tested.index, head].astype(int)
        found[head] = float(recall_score(truth, tested.astype(int), average="macro"))
    return found


def tables(measured: dict[str, Any]) -> list[Block]:
    """What the words add by case, dimension and part; what they tell alone; and the two tests of what is heard."""
    cases = {case: Words.of(one) for case, one in measured["cases"].items()}
    added = tuple(
        tuple(
            (
                *(case, row.head, f"{row.part} ({row.slices})", number(row.told), number(row.plain)),
                *(interval(row.difference, row.ci_low, row.ci_high), p_value(row.p)),
            )
            for row in one.added
        )
        for case, one in cases.items()
    )
    heard = tuple(
        (case, what, *map(number, (test.plain, test.told, test.between)), number(test.difference), p_value(test.p))
        for case, one in cases.items()
        for what, test in one.maps.items()
    )
    moved = tuple(
        (case, number(one.effects.difference), p_value(one.effects.p), str(one.effects.patterns))
        for case, one in cases.items()
        if one.effects is not None
    )
    alone = tuple((case, head, number(uar)) for case, one in measured["alone"].items() for head, uar in one.items())
    return [
        Table(
            "UAR, in brackets the slices",
            ("", "", "speech", TOLD, PLAIN, "difference [95 %]", "p"),
            added,
            3,
        ),
        Table("UAR of a logistic regression on the words alone", ("", "", "UAR"), (alone,), 2),
        Table(
            f"Occlusion maps: mean r between two of {PLAIN}, two of {TOLD}, one of each",
            ("", "", PLAIN, TOLD, "one of each", "difference", "p"),
            (heard,),
            2,
        ),
        Table("Effects of all alterations", ("", "difference, in variances over seeds", "p", "ways"), (moved,)),
    ]


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Which cases; all if none is named.")] = None,
    utterances: int = 400,
    folds: int = 3,
    seeds: int = 4,
    epochs: Annotated[int | None, typer.Option(help="Of every training; the profile's if not given.")] = None,
    kept: Annotated[Path | None, typer.Option(help="Keep the workspaces here, and go on with those.")] = None,
) -> None:
    """Train with words that tell, and with words that do not."""
    asked = tuple(names or CASES)
    publish(
        "words",
        "words",
        lambda: measure(asked, utterances, folds, seeds, epochs, kept),
        tables,
        adding=set(asked) != set(CASES),
    )


if __name__ == "__main__":
    command(main)
