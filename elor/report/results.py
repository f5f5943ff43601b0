"""The metrics of a run as one value, `Results`: read from its files, or of an evaluation in memory."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elor.errors import UserError
from elor.evidence import scores as evidence
from elor.evidence.agreement import Agreement
from elor.evidence.comparisons import Comparisons
from elor.evidence.corpus import Corpus
from elor.evidence.model import read
from elor.evidence.protocol import Protocol
from elor.files import plain
from elor.registry import TITLES
from elor.targets import EMOTIONS, ordered

if TYPE_CHECKING:  # the evaluation brings pandas and scipy, drawing matplotlib: reading metrics needs none of them
    from matplotlib.axes import Axes

    from elor.evaluation.evaluate import Evaluation

Scores = dict[str, Any]


ALL_PAIRS = "all pairs"
"""The family of comparisons that were not declared beforehand."""

SHUFFLED = "labels shuffled within speakers: the control"
"""What is said of a run that learned such labels, wherever its numbers stand."""

SCORE_TITLES = {"uar": "UAR", "ccc": "CCC"}
"""The headlines of classes and of values."""


@dataclass(frozen=True)
class Results:
    """The metrics of one run, as plain JSON values.

    Attributes:
        scores: by dimension and network, as in metrics/<dimension>/<network>.json.
        comparisons: metrics/comparisons.json.
        agreement: metrics/agreement.json.
        protocol: metrics/protocol.json; empty for predictions from elsewhere without folds.
        corpus: metrics/corpus.json.
        breakdown: rows of plots/data/scores/breakdown.csv, where predictions were scored just now.
        heard: by trained networks that were scored on a corpus, in sentences, whom of it they had heard in training.
    """

    scores: dict[str, dict[str, Scores]]
    comparisons: dict[str, Any]
    agreement: dict[str, Any]
    protocol: dict[str, Any]
    corpus: dict[str, Any]
    breakdown: Sequence[dict[str, Any]] = ()
    heard: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Results:
        """Read a folder of metrics; its uar.json says which dimensions and networks there are.

        Raises:
            UserError: if a file is absent, damaged, or of another version.
        """
        scores: dict[str, dict[str, Scores]] = {}
        for key in read(evidence.Headline, folder / "uar.json").root:
            dimension, network = key.split(".", 1)
            path = folder / dimension / f"{network}.json"
            scores.setdefault(dimension, {})[network] = read(evidence.Scores, path).tree()
        others = {"comparisons": Comparisons, "agreement": Agreement, "protocol": Protocol, "corpus": Corpus}
        return cls(scores, *(read(kind, folder / f"{name}.json").tree() for name, kind in others.items()))

    @classmethod
    def of(
        cls, found: Evaluation, corpus: dict[str, Any], confidence: float, heard: Mapping[str, Sequence[str]]
    ) -> Results:
        """The same from an evaluation in memory, rounded as the files are."""
        protocol = found.protocol | {"confidence": confidence}
        groups = found.plots["breakdown"].to_dict("records")
        parts = (found.metrics, found.comparisons, found.agreement, protocol, corpus, groups, dict(heard))
        return cls(*(plain(part, digits=4) for part in parts))

    def _repr_html_(self) -> str:
        """The tables of the page, in a notebook."""
        return import_module("elor.report.blocks").as_html(self)  # by name: it imports this module

    def plot(self) -> list[Axes]:
        """Draw the headline scores with their intervals, by pyplot; an axis per dimension."""
        return import_module("elor.report.plots").results(self)

    @property
    def headline(self) -> str:
        """`uar`, or `ccc` where the heads answer with values."""
        return "uar" if "uar" in self.any_scores else "ccc"

    @property
    def output(self) -> str:
        """What maps explain, and what falls or rises where parts are taken away: a class' `logit`, or a `value`."""
        return "logit" if self.headline == "uar" else "value"

    @property
    def score(self) -> str:
        """What it is called: UAR, or CCC."""
        return SCORE_TITLES[self.headline]

    @property
    def any_scores(self) -> Scores:
        """One network's scores, for what is the same in all of them; `has` asks for what is not."""
        return next(iter(next(iter(self.scores.values())).values()))

    @property
    def withheld(self) -> str:
        """What the networks have not heard of a slice that they are tested on: `speaker`, or, where test speakers were
        heard, the column that was held out."""
        return self.protocol.get("hold_out", "speaker") if self.protocol.get("heard_speakers") else "speaker"

    def has(self, key: str) -> bool:
        """Whether any network has a score of that name, for any head."""
        return any(one.get(key) is not None for networks in self.scores.values() for one in networks.values())

    @property
    def ordered(self) -> bool:
        """Whether the answers of all heads lie on a scale, as emotions do not."""
        return all(map(ordered, self.scores))

    @property
    def shuffled(self) -> bool:
        """Whether the labels were shuffled within speakers: then nothing but chance is to be found."""
        return bool(self.protocol.get("shuffled"))

    @property
    def ensembles(self) -> str:
        """What answers where every fold has several networks of a kind, in words; empty where it has one."""
        seeds = self.protocol.get("seeds", 1)
        answers = "values" if self.headline == "ccc" else "probabilities"
        return "" if seeds == 1 else f"{seeds} in every fold, from as many seeds, answer by the mean of their {answers}"

    @property
    def averaged(self) -> bool:
        """Whether what is learned are means over all evaluators: then it is nothing to whom the corpus' labels are."""
        return self.agreement.get("rater") == "mean"

    @property
    def level(self) -> str:
        """The confidence of the intervals: `95 %`; `interval` where the metrics do not say."""
        confidence = self.protocol.get("confidence")
        return "interval" if confidence is None else f"{100 * confidence:g} %"

    @property
    def people(self) -> dict[str, Scores]:
        """By dimension, evaluators' ratings scored as predictions of the labels; empty where they are not.

        Where the labels are a mean over evaluators, each is compared with the mean of the others.
        """
        found = {name: self.agreement[name]["others"] for name in self.scores if name in self.agreement}
        return {name: others for name, others in found.items() if others["ratings"]}

    @property
    def reference(self) -> str:
        """Whom evaluators are compared with."""
        return self.agreement.get("reference", rater_name(self))

    @property
    def declared(self) -> bool:
        """Whether the comparisons were declared before the run; `elor score` takes all pairs of its files."""
        return self.comparisons.get("family") != ALL_PAIRS


@contextmanager
def made_of(source: Path | str) -> Iterator[None]:
    """Read and print metrics in this block: files that were edited, or are another version's, end in one sentence.

    Raises:
        UserError: if something that is needed is absent or of another kind; it says where in the code, and the
            exception itself stands behind it.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        raise UserError(
            f"{source} lacks something, or holds another kind of value than expected ({type(error).__name__} "
            f"{str(error)[:120]}, at {Path(place.filename).name}:{place.lineno}); dvc repro writes it anew."
        ) from error


def title(network: str) -> str:
    """The paper's name of a network; other names as they are."""
    return TITLES.get(network, network)


def labelled(found: Results) -> str:
    """Whose judgement the labels are, said of what has them: `labelled by E-2`."""
    return f"labelled by {rater_name(found)}" if found.ordered else "with one of the four emotions"


def class_name(head: str, label: int) -> str:
    """What a class of this project's labels is called: its number on a scale, or an emotion."""
    return str(label) if ordered(head) else EMOTIONS[label]


def rater_name(found: Results) -> str:
    """Whose judgement the labels are, in words: of a mean over evaluators not the chosen rater's."""
    rater = "mean" if found.averaged else found.corpus["labels"]["rater"]
    return {"mean": "the mean of all evaluators", "gold": "the corpus' own rater"}.get(rater, rater)
