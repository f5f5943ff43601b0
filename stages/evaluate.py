"""Stage `evaluate`: scores, intervals, tests and the human ceiling."""

from dataclasses import asdict
from pathlib import Path

from elor.corpora.schema import read_ratings, read_utterances
from elor.corpora.sources import raters
from elor.evaluation.evaluate import evaluate as evaluate_predictions
from elor.evaluation.settings import Settings
from elor.evidence.agreement import Agreement
from elor.evidence.comparisons import Comparisons
from elor.evidence.model import write
from elor.evidence.protocol import Protocol
from elor.evidence.scores import Headline, of_all_heads
from elor.files import plain, write_json
from elor.params import answering, load, trained
from elor.tables import read_table, write_plot
from elor.training.tuning_file import Tuning
from elor.vectors import Vectors
from stages import DATA, METRICS, main

SCORES = Path("plots/data/scores")


def evaluate() -> None:
    """Write the headlines, metrics/<dimension>/<net>.json, comparisons, agreement, and tables for plots."""
    params = load()
    how, labels, corpus = params.evaluate, params.labels, params.corpus
    ratings, utterances = read_ratings(DATA / "ratings.csv"), read_utterances(DATA / "utterances.csv")
    asked = {head.name for head in labels.asked.heads}
    settings = Settings(
        confidence=how.confidence,
        draws=how.draws,
        permutations=how.permutations,
        seed=params.seed,
        comparisons=tuple(
            (head, *pair) for head, *pair in how.comparisons if head in asked and {*pair} <= {*answering(params.corpus)}
        ),
        rater=raters(ratings, utterances, corpus.sources, labels.rater, labels.asked),
        protocol=params.folds.protocol,
        hold_out=params.folds.hold_out,
        shuffled=labels.shuffle,
        target=labels.target,
        classes=labels.classes,
        dimensions=tuple(labels.dimensions),
        scale=(corpus.low, corpus.high),
    )
    found = evaluate_predictions(
        slices=read_table(DATA / "slices.csv", params.folds.hold_out),
        folds=read_table(DATA / "folds.csv"),
        utterances=utterances,
        ratings=ratings,
        predictions={net: read_table(DATA / "predictions" / f"{net}.csv") for net in answering(params.corpus)},
        audits={net: read_table(DATA / "audit" / f"{net}.csv") for net in trained(params.corpus)},
        settings=settings,
    )
    tuned = {net: Tuning.read(DATA / "tuning" / f"{net}.yaml") for net in trained(params.corpus)}
    for head, network, scores in of_all_heads(found.metrics, answering(params.corpus), labels.asked):
        write(METRICS / head / f"{network}.json", scores)
    write(METRICS / "comparisons.json", Comparisons.of(found.comparisons))
    write(METRICS / "agreement.json", Agreement.of(found.agreement))
    known = {"confidence": how.confidence, "search_has_seen": {net: one.seen for net, one in tuned.items()}}
    known["selected"] = {net: one.selected for net, one in tuned.items()}
    known["seeds"] = params.train.seeds
    known["vectors"] = asdict(Vectors.read(DATA / "is10.json"))
    write(METRICS / "protocol.json", Protocol.of(found.protocol, **known), digits=None)  # a rate may be tiny
    for name, table in found.plots.items():
        write_plot(table, SCORES / f"{name}.csv", "%.6g")
    for name, headline in (("uar", found.headline), ("war", found.beside)):
        write_json(METRICS / f"{name}.json", Headline(plain(headline)).root)


if __name__ == "__main__":
    main(evaluate)
