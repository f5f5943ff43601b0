"""Stage `saliency`: maps of what the networks on raw audio rest on, and every number beside its control."""

from pathlib import Path

from elor.evidence.model import write
from elor.explain.saliency.run import Amount
from elor.explain.saliency.summary import analyse
from elor.params import load
from stages import main
from stages.experiment import experiment

DATA = Path("data")


def saliency() -> None:
    """Write data/saliency/ (correlations of every slice, exemplary maps), metrics/saliency.json and its tables."""
    params = load()
    how = params.scale.explain
    amount = Amount(how.slices, how.steps, how.shown, how.untrained)
    found = analyse(experiment(params), params.explain.speaker, amount, params.evaluate.confidence, DATA / "saliency")
    write(Path("metrics/saliency.json"), found, beside=DATA / "evidence" / "saliency")


if __name__ == "__main__":
    main(saliency)
