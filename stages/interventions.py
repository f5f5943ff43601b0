"""Stages `interventions@<net>`: real slices are altered, dose by dose, and one network answers the altered slices."""

from elor.evidence.model import read_if_there, write
from elor.evidence.scores import Scores
from elor.explain.interventions.summary import analyse
from elor.params import load
from stages import DATA, METRICS, main
from stages.experiment import experiment

FOLDER = DATA / "effects"


def interventions(network: str) -> None:
    """Write data/effects/<net>.json, unrounded for the stage `gather`, and the changes of every speaker."""
    params = load()
    amount = params.scale.explain.interventions
    found = analyse(
        experiment(params),
        network,
        amount.slices,
        amount.untrained,
        params.evaluate.confidence,
        lambda head: read_if_there(Scores, METRICS / head / f"{network}.json"),
        FOLDER / f"{network}.csv",
    )
    write(FOLDER / f"{network}.json", found, digits=None)


if __name__ == "__main__":
    main(interventions)
