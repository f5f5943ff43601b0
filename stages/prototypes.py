"""Stage `prototypes`: the signals that networks on raw audio answer most strongly, and what the labels differ in."""

from elor.evidence.model import write
from elor.explain.prototypes.summary import analyse
from elor.params import load
from stages import DATA, METRICS, main
from stages.experiment import experiment


def prototypes() -> None:
    """Write data/prototypes/ (signals, exemplars, descriptors, filters), metrics/prototypes.json and its tables."""
    params = load()
    who, how, amount = params.explain.speaker, params.explain.prototypes, params.scale.explain.prototypes
    heads, confidence = params.labels.asked.heads, params.evaluate.confidence
    found = analyse(experiment(params), who, how, amount, heads, confidence, DATA / "prototypes")
    write(METRICS / "prototypes.json", found, beside=DATA / "evidence" / "prototypes")


if __name__ == "__main__":
    main(prototypes)
