"""Stage `interventions`: real slices are altered, dose by dose, and the networks answer the altered slices."""

from pathlib import Path

from elor.explain.effects import curves, summarise
from elor.explain.interventions import plan, run
from elor.files import write_json
from elor.params import load
from elor.tables import read_table, write_table
from elor.training.engine import Engine
from stages import main

DATA = Path("data")
CURVES = Path("plots/data/interventions")


def interventions() -> None:
    """Write metrics/interventions.json and, for plots, the changes by dose of every network."""
    params = load()
    slices, amount = read_table(DATA / "slices.csv"), params.scale.explain.interventions
    engine = Engine(params.engine.device, params.engine.workers, params.engine.address)
    jobs = plan(
        slices=slices,
        folds=read_table(DATA / "folds.csv"),
        models=DATA / "models",
        networks=params.explain.interventions.networks,
        audio=DATA / "slices.npy",
        count=amount.slices,
        untrained_networks=amount.untrained,
        seed=params.seed,
        devices=engine.devices(),
    )
    summary = summarise(run(jobs, engine), slices, params.evaluate.confidence)
    for network in params.explain.interventions.networks:
        write_table(curves(summary, network), CURVES / f"{network}.csv", "%.4g")
    write_json(Path("metrics/interventions.json"), summary, digits=6)


if __name__ == "__main__":
    main(interventions)
