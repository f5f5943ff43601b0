"""Stage `claims`: the paper's claims, each with ours, its control, the test that decides it, and a verdict."""

from pathlib import Path

import pandas as pd

from elor.corpora.declared_truth import Pair, Truth, read_pairs, read_truth
from elor.corpora.demo import load_recipe
from elor.corpora.demo.planted_cues import plans_of, planted, population
from elor.corpora.labels import choose_rater
from elor.corpora.schema import read_ratings, read_utterances
from elor.corpora.sources import raters, under_one_name
from elor.corpus_params import Source
from elor.engine import ANALYSIS, Engine
from elor.evidence.interventions import Interventions
from elor.evidence.model import read, read_if_there, write
from elor.evidence.prototypes import Prototypes
from elor.evidence.saliency import Saliency
from elor.evidence.scores import Scores
from elor.explain.claims.claim import Facts
from elor.explain.claims.evidence import Measured
from elor.explain.claims.known_truth import ASKED, EACH, Known, of_ratings
from elor.explain.claims.rows import claims as decide
from elor.explain.claims.scores import Scored
from elor.explain.counterfactuals import effects, jobs, measure, spoken_again, tested_by
from elor.params import Params, load
from elor.registry import WORDLESS
from elor.tables import read_table
from stages import DATA, METRICS, main
from stages.reader import home
from stages.scored import scored_of


def claims() -> None:
    """Write metrics/claims.json."""
    params = load()
    facts = Facts(measured(params), scored(params))
    found = decide(facts, shuffled=params.labels.shuffle, known=known(params, facts.measured))
    write(METRICS / "claims.json", found, digits=6)  # slopes are small


def measured(params: Params) -> Measured:
    """What the stages before have measured; without a file the claims that need it are undecided."""
    kinds = {"saliency": Saliency, "prototypes": Prototypes, "interventions": Interventions}
    found = {name: read_if_there(kind, METRICS / f"{name}.json") for name, kind in kinds.items()}
    asked = [head.name for head in params.labels.asked.heads]
    paths = {head: {net: METRICS / head / f"{net}.json" for net in WORDLESS} for head in asked}
    return Measured(
        **{name: one for name, one in found.items() if one is not None},
        learned={
            head: {net: read(Scores, path).utterance_permutation_p for net, path in by.items() if path.is_file()}
            for head, by in paths.items()
        },
        confidence=params.evaluate.confidence,
    )


def scored(params: Params) -> Scored:
    """Predictions beside the truth, and the ratings as classes."""
    labels = params.labels
    rated, utterances = read_ratings(DATA / "ratings.csv"), read_utterances(DATA / "utterances.csv")
    chosen = raters(rated, utterances, params.corpus.sources, labels.rater, labels.asked)
    ratings, rater = under_one_name(rated, utterances, chosen)
    predictions = {net: read_table(DATA / "predictions" / f"{net}.csv") for net in WORDLESS}
    slices, folds = read_table(DATA / "slices.csv"), read_table(DATA / "folds.csv")
    return scored_of(params, predictions, slices, folds, ratings, rater)


def known(params: Params, measured: Measured) -> Known | None:
    """What is true of an invented corpus and of its networks; None where a corpus declares nothing."""
    sources = params.corpus.sources
    declared = declaration(params, sources[0]) if len(sources) == 1 else None  # of a mixture nothing is known
    if declared is None:
        return None
    truth, pairs = declared
    networks = tested_by(read_table(DATA / "folds.csv"), read_table(DATA / "slices.csv"), DATA / "models" / "elor")
    engine = Engine(params.engine.device, params.engine.workers, params.engine.address, ANALYSIS)
    asked = jobs(pairs, networks)
    rows = engine.track(
        measure, [(job,) for job in asked], "counterfactuals", [len(job.pairs) for job in asked], "pair"
    )
    spread = measured.interventions.spread.get("elor", {})
    return Known(
        cues={} if params.labels.shuffle else truth.cues,
        effects=effects(pd.concat(rows), spread, params.evaluate.confidence) if rows else {},
        ratings=truth.claims,
    )


def declaration(params: Params, source: Source) -> tuple[Truth, list[Pair]] | None:
    """What a corpus declares, and its counterfactual pairs: a recipe by its constants, a table by the file beside."""
    path, spoken = Path(source.path).expanduser(), home(params.corpus, source) / "truth.csv"
    if source.is_recipe:
        if not spoken.is_file():
            return None  # predictions from elsewhere: nothing was spoken here
        recipe, table = load_recipe(path), read_table(spoken)
        plans = plans_of(recipe, params.scale.utterances, source.seed)
        asked = source.rater or params.labels.rater
        rater = choose_rater(read_ratings(DATA / "ratings.csv"), asked, params.labels.asked)
        ratings = of_ratings(population(recipe, source.seed), rater)
        truth = planted(recipe).model_copy(update={"claims": ratings})
        return truth, [*spoken_again(recipe, plans, table, ASKED, EACH, params.seed)]
    if path.suffix.lower() != ".csv" or (declared := read_truth(path)) is None:
        return None
    return declared, [*read_pairs(path, declared)]


if __name__ == "__main__":
    main(claims)
