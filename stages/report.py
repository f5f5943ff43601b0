"""Stage `report`: one page with everything on it, which opens from disk without a network."""

from pathlib import Path

from elor.files import write_text
from elor.params import Params, load, trained
from elor.report.page import Making
from elor.report.page import report as page
from elor.sections import read_yaml
from stages import DATA, main
from stages.findings import findings

PINS = Path("requirements-numbers.lock")


def report() -> None:
    """Write plots/report.html."""
    params = load()
    write_text(Path("plots/report.html"), page(findings(params), making(params)))


def making(params: Params) -> Making:
    """Parameters, tuned values, versions."""
    return Making(
        settings=settings(params),
        tuned={net: read_yaml(DATA / "tuning" / f"{net}.yaml")["values"] for net in trained(params.corpus)},
        versions=[line for line in PINS.read_text(encoding="utf-8").splitlines() if "==" in line],
        demo=params.corpus.all_invented,
        shareable=params.corpus.all_shareable,
    )


def settings(params: Params) -> dict:
    """The parameters that decided this run, of the chosen profile."""
    sections = {
        "corpus": params.corpus,
        "labels": params.labels,
        "slices": params.slices,
        "features": params.features,
        "folds": params.folds,
        "search": params.search,
        "train": params.train.over(params.scale.train),
        "evaluate": params.evaluate,
        "explain": params.explain,
        "amount to explain": params.scale.explain,
    }
    dumped = {name: section.model_dump() for name, section in sections.items()}
    start = {"profile": params.profile, "seed": params.seed, "arithmetic": params.arithmetic}
    return start | dumped


if __name__ == "__main__":
    main(report)
