"""Stage `prototypes`: the signals that networks on raw audio answer most strongly, and what the labels differ in."""

from pathlib import Path

from elor.engine import ANALYSIS, Engine
from elor.evidence.model import write
from elor.explain.choice import exemplary_speaker
from elor.explain.prototypes.filters import filter_jobs, seek_filters, write_filters
from elor.explain.prototypes.run import Amount, Search, plan, run
from elor.explain.prototypes.summary import exemplars, summarise, table_of, write_signals
from elor.params import load
from elor.tables import read_table, write_table
from stages import main

DATA = Path("data")
FOLDER = DATA / "prototypes"


def prototypes() -> None:
    """Write data/prototypes/ (signals, exemplars, descriptors, filters), metrics/prototypes.json and its tables."""
    params = load()
    slices, how = read_table(DATA / "slices.csv"), params.explain.prototypes
    speaker = exemplary_speaker(slices, params.explain.speaker, read_table(DATA / "folds.csv"))
    engine = Engine(params.engine.device, params.engine.workers, params.engine.address, ANALYSIS)
    jobs = plan(
        slices=slices,
        folds=read_table(DATA / "folds.csv"),
        models=DATA / "models" / "elor",
        audio=DATA / "slices.npy",
        speaker=speaker,
        search=Search(tuple(how.modes), tuple(how.parametrisations), how.penalty, how.climb),
        amount=Amount(**params.scale.explain.prototypes.model_dump()),
        seed=params.seed,
        devices=engine.devices(),
    )
    found = run(jobs, engine)
    filters = engine.run(seek_filters, [(job,) for job in filter_jobs(jobs[0].path, jobs[0].how, engine.devices())])
    write_signals(FOLDER, found)
    write_table(write_filters(FOLDER, filters), FOLDER / "units.csv", "%.6g")
    natural = exemplars(found, slices)
    write_table(natural, FOLDER / "exemplars.csv", "%.5g")
    write_table(table_of(found), FOLDER / "descriptors.csv", "%.6g")
    asked = params.labels.asked.heads
    summary = summarise(jobs, found, natural, speaker, asked)
    write(Path("metrics/prototypes.json"), summary, beside=DATA / "evidence" / "prototypes")


if __name__ == "__main__":
    main(prototypes)
