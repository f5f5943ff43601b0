"""The networks, what they eat, and the methods that explain them: each declared once, here; everything else iterates.

A key is what files, parameters and options call a thing; a title is what people read. What else has a name of its own
stands where it is computed: heads in `elor.targets`, controls in `elor.evidence.names`, descriptors of a sound in
`elor.explain.prototypes.descriptors`, alterations in `elor.explain.interventions.alterations`.
"""

from dataclasses import dataclass

TEXT = "text"
"""The input that is what was said."""


@dataclass(frozen=True)
class Network:
    """One network.

    Attributes:
        title: the paper's name of it.
        inputs: what it eats, of `FILES`; the last of several is a vector that joins the CNN's
            output, or, of words, the logits.
        parents: networks whose winning values it takes in place of a search of its own: the CNN's and the optimiser's
            of the first, the MLP's of the second.
    """

    title: str
    inputs: tuple[str, ...]
    parents: tuple[str, ...] = ()

    @property
    def reads_words(self) -> bool:
        """Whether it takes part only where `corpus.words` is on."""
        return TEXT in self.inputs


NETWORKS = {
    "elor": Network("ELoR", ("audio",)),
    "lom": Network("LoM", ("mfcc",)),
    "ftr": Network("FTR", ("is10",)),
    "elor_ftr": Network("ELoR+FTR", ("audio", "is10"), ("elor", "ftr")),
    "elor_txt": Network("ELoR+TXT", ("audio", TEXT), ("elor", "elor")),
}
"""In the order of tables; dvc.yaml says the same of their inputs, and a test compares the two."""

WORDLESS = tuple(name for name, one in NETWORKS.items() if not one.reads_words)
"""Those that are told nothing: the paper's rankings are among them."""

FILES = {"audio": "slices.npy", "mfcc": "mfcc.npy", "is10": "is10.npy", TEXT: "text.npy"}
"""Each input's array in `data/`, one row per slice."""

VECTORS = ("is10", TEXT)
"""Inputs that are vectors; `data/<input>.json` says what they hold."""

TITLES = {name: one.title for name, one in NETWORKS.items()} | {"svm": "SVM"}
"""Of all that answers for test slices: the networks, and the machine that they are held against."""

ON_VECTORS = (*(name for name, one in NETWORKS.items() if "is10" in one.inputs), "svm")
"""Those that read `data/is10.npy`: openSMILE's functionals, or the vectors of a table."""


@dataclass(frozen=True)
class Method:
    """One method of explaining.

    Attributes:
        title: what it is called where all are told apart.
        by_sample: whether its maps have a value per sample; the others have segments, windows, frequencies or bands.
        shown: what figures and the page call it, which show its maps in time; empty where they do not.
        rate: whether its values are derivatives, of the answer by the amplitude; the others are changes of the answer.
    """

    title: str
    by_sample: bool = False
    shown: str = ""
    rate: bool = False


METHODS = {
    "guided": Method("guided backpropagation", True, "guided backpropagation", True),
    "gradient": Method("gradient", True, "gradient", True),
    "segments": Method("input x gradient, 50-ms segments"),
    "integrated": Method("integrated gradients, time", True, "integrated gradients"),
    "frequency": Method("integrated gradients, frequency"),
    "stft": Method("integrated gradients, time and frequency"),
    "occlusion": Method("occlusion, 100-ms windows", False, "occlusion"),
    "bands": Method("occlusion, mel bands"),
}
"""By the names of their arrays, the paper's own first."""
