"""Stage `saliency`: maps of what the networks on raw audio rest on, and every number beside its control."""

from pathlib import Path

from elor.engine import ANALYSIS, Engine
from elor.evidence.model import write
from elor.explain.choice import exemplary_speaker
from elor.explain.saliency.run import Amount, plan, run, table_of, write_maps
from elor.explain.saliency.summary import summarise
from elor.params import load
from elor.tables import read_table, write_table
from stages import main

DATA = Path("data")


def saliency() -> None:
    """Write data/saliency/ (correlations of every slice, exemplary maps), metrics/saliency.json and its tables."""
    params = load()
    slices, how = read_table(DATA / "slices.csv"), params.scale.explain
    engine = Engine(params.engine.device, params.engine.workers, params.engine.address, ANALYSIS)
    jobs = plan(
        slices=slices,
        folds=read_table(DATA / "folds.csv"),
        models=DATA / "models" / "elor",
        audio=DATA / "slices.npy",
        speaker=exemplary_speaker(slices, params.explain.speaker, read_table(DATA / "folds.csv")),
        amount=Amount(how.slices, how.steps, how.shown, how.untrained),
        seed=params.seed,
        devices=engine.devices(),
    )
    found = run(jobs, engine)
    write_maps(DATA / "saliency", found, slices)
    write_table(table_of(jobs, found, "correlations", slices), DATA / "saliency" / "correlations.csv", "%.5g")
    summary = summarise(jobs, found, slices, params.evaluate.confidence)
    write(Path("metrics/saliency.json"), summary, beside=DATA / "evidence" / "saliency")


if __name__ == "__main__":
    main(saliency)
