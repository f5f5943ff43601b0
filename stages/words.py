"""Stage `words`: what a network that is told the words adds, and whether it hears otherwise; nothing without words."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from elor.engine import ANALYSIS, Engine
from elor.evaluation.predictions import judge_all, tested
from elor.evaluation.settings import Settings
from elor.evaluation.words import added, heard_before, leak, parts
from elor.evidence.model import write
from elor.evidence.words import Words
from elor.explain.exemplary_speaker import exemplary_speaker, fold_of
from elor.explain.words import HearingJob, hear, of_effects, of_maps, reaches
from elor.files import discard
from elor.params import Params, load
from elor.tables import read_table
from elor.training import budget
from elor.training.job import TrainingJob
from elor.training.train import place, run
from elor.training.tuning_file import Tuning
from elor.training.weights_file import save
from elor.vectors import Vectors
from stages import DATA, METRICS, main
from stages.task import engine_of, task_of

PLAIN, TOLD = "elor", "elor_txt"
OUT = METRICS / "words.json"


def words() -> None:
    """Write metrics/words.json."""
    params = load()
    if params.corpus.words == "none":
        write(OUT, Words(why="corpus.words is none"))
        return
    held = Vectors.read(DATA / "text.json")
    known = {"unit": held.name, "terms": held.width}
    write(OUT, Words.of(known | scores(params) | hearing(params)))


def scores(params: Params) -> dict[str, Any]:
    """What the words add to the scores, by head and part; and how much was said before."""
    slices, folds, texts = (read_table(DATA / f"{name}.csv") for name in ("slices", "folds", "texts"))
    how = params.evaluate
    settings = Settings(confidence=how.confidence, permutations=how.permutations, seed=params.seed)
    predictions = {net: read_table(DATA / "predictions" / f"{net}.csv") for net in (TOLD, PLAIN)}
    slices = tested(slices.assign(heard=heard_before(texts, slices, folds)), folds)  # parts that are only learnt count
    heard = slices["heard"].to_numpy()
    judged = judge_all(predictions, slices, params.labels.asked.heads, folds)
    told, plain = ({head: by[net] for head, by in judged.items()} for net in predictions)
    some = added(told, plain, parts(slices, heard), settings)
    return {"leak": leak(slices, heard), "added": list(some)}


def hearing(params: Params) -> dict[str, Any]:
    """Train networks of both kinds from several seeds in one fold; compare their maps and what alterations do."""
    slices, folds = read_table(DATA / "slices.csv"), read_table(DATA / "folds.csv")
    fold = fold_of(exemplary_speaker(slices, params.explain.speaker, folds), slices, folds)
    paths, done = trained(params, fold)
    tests = folds.loc[(folds["fold"] == fold) & (folds["role"] == "test"), "slice"]
    rows = np.flatnonzero(slices["slice"].isin(tests))
    rng = np.random.default_rng(params.seed)
    chosen = np.sort(rng.choice(rows, min(params.scale.explain.slices, len(rows)), replace=False))
    engine = Engine(params.engine.device, params.engine.workers, params.engine.address, ANALYSIS)
    heads, devices = params.labels.asked.heads, engine.devices()
    jobs = [
        HearingJob(
            networks=paths,
            audio=DATA / "slices.npy",
            words=DATA / "text.npy",
            row=int(row),
            support=int(slices["samples"].iloc[row]),
            targets={head.name: 0 if head.valued else int(slices[head.name].iloc[row]) for head in heads},
            seed=params.seed,
            device=devices[number % len(devices)],
        )
        for number, row in enumerate(chosen)
    ]
    found = engine.track(hear, [(job,) for job in jobs], "words", [1] * len(jobs), "slice")
    discard(done)
    changes = pd.concat([one.changes for one in found], ignore_index=True)
    return {
        "fold": fold,
        "seeds": len(paths) // 2,
        "maps": {head.name: of_maps([one.maps[head.name] for one in found]) for head in heads},
        "effects": of_effects(reaches(changes)),
    }


def trained(params: Params, fold: str) -> tuple[tuple[Path, ...], list[Path]]:
    """Networks of both kinds from several seeds, in the fold's scratch folders; their files, and those folders."""
    paths: list[Path] = []
    folders: list[Path] = []
    for network in (PLAIN, TOLD):
        task, engine = task_of(network, params), engine_of(network, params)
        settings = Tuning.read(DATA / "tuning" / f"{network}.yaml").values[fold]
        seeds = range(params.seed, params.seed + params.scale.explain.seeds)
        jobs: list[TrainingJob] = [replace(task, seed=seed).job(fold, settings, testing=False) for seed in seeds]
        budget.check(jobs[0], [2 * len(jobs)], engine, params.engine.max_hours, "the comparison with words")
        jobs = place(jobs, engine)
        for job, outcome in zip(jobs, run(jobs, engine, f"{network} from {len(jobs)} seeds"), strict=True):
            paths.append(job.scratch / "kept.safetensors")
            save(paths[-1], outcome.tensors, {"fold": fold, "architecture": asdict(job.architecture)})
            folders.append(job.scratch)
    return tuple(paths), folders


if __name__ == "__main__":
    main(words)
