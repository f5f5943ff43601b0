"""Stage `saliency`: maps of what the networks on raw audio rest on, and every number beside its control."""

from elor.evidence.model import write
from elor.explain.saliency.summary import analyse
from elor.params import load
from stages import DATA, METRICS, main
from stages.experiment import experiment


def saliency() -> None:
    """Write data/saliency/ (correlations of every slice, exemplary maps), metrics/saliency.json and its tables."""
    params = load()
    who, amount, confidence = params.explain.speaker, params.scale.explain, params.evaluate.confidence
    found = analyse(experiment(params), who, amount, confidence, DATA / "saliency")
    write(METRICS / "saliency.json", found, beside=DATA / "evidence" / "saliency")


if __name__ == "__main__":
    main(saliency)
