"""Stages `interventions@<net>`: real slices are altered, dose by dose, and one network answers the altered slices."""

from pathlib import Path

from elor.engine import ANALYSIS, Engine
from elor.evidence.model import read_if_there, write
from elor.evidence.scores import Scores
from elor.explain.interventions.changes import changes_by_speaker
from elor.explain.interventions.run import moved_mfcc, plan, run
from elor.explain.interventions.summary import head_of, learned_p, summarise
from elor.params import load
from elor.tables import read_table, write_table
from stages import main

DATA = Path("data")
METRICS = Path("metrics")
FOLDER = DATA / "effects"


def interventions(network: str) -> None:
    """Write data/effects/<net>.json, unrounded for the stage `effects`, and the changes of every speaker."""
    params = load()
    slices, amount = read_table(DATA / "slices.csv"), params.scale.explain.interventions
    engine = Engine(params.engine.device, params.engine.workers, params.engine.address, ANALYSIS)
    jobs = plan(
        slices=slices,
        folds=read_table(DATA / "folds.csv"),
        models=DATA / "models",
        networks=[network],
        audio=DATA / "slices.npy",
        count=amount.slices,
        untrained_networks=amount.untrained,
        seed=params.seed,
        devices=engine.devices(),
    )
    found = run(jobs, engine)
    asked = {head_of(answer) for answer in found["answer"].unique()}
    scores = {head: read_if_there(Scores, METRICS / head / f"{network}.json") for head in asked}
    learned = learned_p(network, scores)
    summary = summarise(found, slices, params.evaluate.confidence, learned, moved_mfcc(jobs))
    write_table(changes_by_speaker(found, slices), FOLDER / f"{network}.csv", "%.6g")
    write(FOLDER / f"{network}.json", summary, digits=None)


if __name__ == "__main__":
    main(interventions)
