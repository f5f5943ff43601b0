"""Stage `gather`: what the interventions did to the answers of all networks, in one file."""

from pathlib import Path

from elor.evidence.interventions import Interventions
from elor.evidence.model import read, write
from elor.explain.interventions.gather import curves
from elor.explain.interventions.gather import gather as together
from elor.params import load
from elor.tables import write_plot
from stages import DATA, METRICS, main

FOLDER = DATA / "effects"
CURVES = Path("plots/data/interventions")


def gather() -> None:
    """Write metrics/interventions.json, its tables and, for plots, the changes by dose of every network."""
    params = load()
    networks = params.explain.interventions.networks
    summary = together([read(Interventions, FOLDER / f"{net}.json") for net in networks])
    for network in networks:
        write_plot(curves(summary, network), CURVES / f"{network}.csv", "%.4g")
    write(METRICS / "interventions.json", summary, digits=6, beside=DATA / "evidence" / "interventions")


if __name__ == "__main__":
    main(gather)
