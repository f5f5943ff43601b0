"""The card that lies beside an exported model: what it was trained on, how it was tested, what it can and cannot do.

Everything that depends on a run is taken from its metrics; the sections are those of Mitchell et al., "Model cards for
model reporting", 2019.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from elor.corpora.faults import plural
from elor.ensemble import folds_of
from elor.errors import UserError
from elor.evaluation.learned import learned
from elor.networks import Architecture
from elor.report.blocks import results
from elor.report.results import Results, class_name, title
from elor.report.sentences import worthless
from elor.report.text import Format, number, render

INPUT_TEXTS = {
    "audio": "six seconds of mono sound at 16 kHz as amplitudes in [-1, 1], shorter ones filled up with zeros",
    "mfcc": "26 mel-frequency cepstral coefficients of 599 frames, by `elor.features.mfcc`",
    "text": "1 where a line of `data/text_names.txt` occurs in what was said, else 0",
}


@dataclass(frozen=True)
class File:
    """An exported file: its name, bytes, SHA-256, and what is in it."""

    name: str
    bytes: int
    digest: str
    holds: str


@dataclass(frozen=True)
class Model:
    """What a card says beside the scores.

    Attributes:
        architectures: of each exported network, by its name among an ensemble's folds.
        files: what lies beside the card.
        corpus: `demo`, `iemocap` or `manifest`.
        shareable: whether the corpus' audio and ratings may be passed on.
        made_by: versions of the code and of what decides numbers.
    """

    architectures: dict[str, Architecture]
    files: tuple[File, ...]
    corpus: str
    shareable: bool
    made_by: str

    @property
    def network(self) -> str:
        """`elor`, `lom`, `ftr` or `elor_ftr`."""
        return self.any.network

    @property
    def any(self) -> Architecture:
        """One network's, for what all share."""
        return next(iter(self.architectures.values()))


def results_of(found: Results, architecture: Architecture) -> Results:
    """The results of one network out of a run's; the declared comparisons stay together, as they were corrected.

    Raises:
        UserError: if the run has no scores of it, or of other heads.
    """
    network, heads = architecture.network, {head.name for head in architecture.heads}
    scores = {name: {network: each[network]} for name, each in found.scores.items() if network in each}
    if set(scores) != heads:
        raise UserError(
            f"The metrics have scores of {network} for {', '.join(scores) or 'nothing'}, and its networks answer for "
            f"{', '.join(sorted(heads))}; run dvc repro, and export again."
        )
    of_all = {key: found.protocol.get(key, {}) for key in ("search_has_seen", "selected")}
    own = {key: {name: one for name, one in by.items() if name == network} for key, by in of_all.items()}
    return replace(found, scores=scores, protocol=found.protocol | own)


def card(model: Model, found: Results) -> str:
    """The card as Markdown.

    Args:
        model: what was exported.
        found: what `results_of` returned for its network.
    """
    *scores, protocol = results(found)
    sections = {
        f"# {title(model.network)}: model card": _what(model, found.withheld),
        "## Files": _files(model),
        "## Trained on": f"{CORPORA[model.corpus]}\n\n{render([protocol], Format.markdown)}",
        "## Scores": f"{_tested(model, found.withheld)}\n\n{render(scores, Format.markdown)}",
        "## Limits": _items(_limits(found)),
        "## Intended use": INTENDED,
        "## Licence": _licence(model),
        "## Use it": _use(model),
    }
    return "\n\n".join(f"{heading}\n\n{text}" for heading, text in sections.items()) + "\n"


CORPORA = {
    "demo": "The embedded demonstration corpus: pseudo-speech that the pipeline makes itself, with planted emotion. "
    "**The networks have never heard a person.** They show that the machinery works, and are of no other use.",
    "iemocap": "A release of IEMOCAP (Busso et al., 2008): scripted and improvised dialogues of ten actors in English.",
    "manifest": "A corpus that was given as a table of files, speakers and ratings.",
    "several": "Several corpora, each read and labelled by its own rule; speakers bear their corpus' name in front.",
}

INTENDED = """Research on speech emotion recognition: comparing methods, and asking what such a network listens to.

It judges how a voice sounds to the raters of its corpus, not what a person feels. It is not meant for decisions about
people, at work, in school, in medicine or by authorities, nor for monitoring them; in the European Union some of these
uses are forbidden (Regulation (EU) 2024/1689, article 5)."""


SPREAD = """

The raters' standard deviation was learned beside each value, and is scored below. Its weights lie in the safetensors
file. `elor predict` and the ONNX graph answer with the value alone."""


def _what(model: Model, withheld: str) -> str:
    heads = [f"{head.name} ({'a value' if head.valued else f'{head.classes} classes'})" for head in model.any.heads]
    folds, count = folds_of(model.architectures), len(model.architectures)
    answers = "values" if model.any.heads[0].valued else "probabilities"
    if count > 1:
        named = ", ".join(folds)
        whose = f"one fold's {withheld}s ({named})" if len(folds) > 1 else f"the {withheld}s of fold {named}"
        who = f"{count} networks, each trained without {whose}; the answer is the mean of their {answers}."
    else:
        alone = _one_of_several(model)
        which = f"The network of fold {folds[0]}" if alone is None else f"Network {alone}, one of several of its fold"
        who = f"{which}, which was trained without that fold's {withheld}s."
    return (
        f"Predicts {' and '.join(heads)} from six seconds of speech, after Wieser et al., 2020. {who}"
        f"{SPREAD if any(head.spread for head in model.any.heads) else ''}\n\n"
        f"Made by {model.made_by}."
    )


def _one_of_several(model: Model) -> str | None:
    """The name of the only network, if it is one of several in its fold (`train.seeds`)."""
    name, *others = model.architectures
    return name if "/" in name and not others else None


def _files(model: Model) -> str:
    files = [f"`{file.name}`: {file.holds}; {file.bytes:,} bytes, SHA-256 {file.digest}." for file in model.files]
    inputs = [
        f"Input `{name}`, float32 (batch, {', '.join(map(str, shape))}): {INPUT_TEXTS.get(name, model.any.vectors)}."
        for name, shape in model.any.shapes.items()
    ]
    heads = [
        f"Output `{head.name}`, float32 (batch, {plural(len(model.architectures), 'network')}, {head.answers}): "
        f"{'values' if head.valued else 'logits'}."
        for head in model.any.heads
    ]
    return _items([*files, *inputs, *heads, _shape(model)])


def _shape(model: Model) -> str:
    shape = model.any
    layers = [
        f"{filters} filters of {length}, pooled by {pool}"
        for filters, length, pool in zip(shape.filters, shape.lengths, shape.pools, strict=True)
    ]
    if layers and shape.stride > 1:
        layers[0] += f", at every {shape.stride}th position"
    layers.append(f"per head hidden layers of {' and '.join(map(str, shape.hidden))} units")
    others = "; those of other folds differ" if len(set(model.architectures.values())) > 1 else ""
    return f"Layers: {'; '.join(layers)}{others}."


def _tested(model: Model, withheld: str) -> str:
    folds = folds_of(model.architectures)
    alone = _one_of_several(model)
    several = len(folds) < len(model.architectures) or alone is not None
    tested = (
        f"The networks of a fold were tested as one, on the {withheld}s that were withheld from them."
        if several
        else f"Every network was tested on the {withheld}s that were withheld from it."
    )
    if alone is not None:
        return f"{tested} This is one of them, and was not tested alone."
    which = (
        f"The mean of the networks was not tested, and cannot be on this corpus: each of its {withheld}s has trained "
        f"all networks but {'those of one fold' if several else 'one'}."
        if len(folds) > 1
        else f"The scores are of the networks of all folds, of which this is one{' fold' if several else ''}."
    )
    return f"{tested} {which}"


def _limits(found: Results) -> Iterator[str]:
    """What the run's own numbers say against trusting the model."""
    yield f"{found.any_scores['speakers']} speakers: how it does on other voices, languages and microphones is unknown."
    for name, networks in found.scores.items():
        (scores,) = networks.values()
        p = scores.get("utterance_permutation_p")
        if not learned(p):
            yield f"{worthless(name, p)}."
        if weak := _weak(name, scores):
            yield f"{name}: found more rarely than by a uniform guess: class {', '.join(weak)}."
        if scores.get("ece") is not None:
            yield f"{name}: its probabilities are off by {number(scores['ece'])} on average (calibration error)."
    one = found.withheld
    yield f"Predictions for a {one} of the training corpus are of no worth, unless of the network of that fold."


def _weak(head: str, scores: dict[str, float | None]) -> list[str]:
    recalls = {int(key.removeprefix("recall_")): value for key, value in scores.items() if key.startswith("recall_")}
    return [
        f"{class_name(head, k)} (recall {number(v)})"
        for k, v in recalls.items()
        if v is not None and v < 1 / len(recalls)
    ]


def _licence(model: Model) -> str:
    code = "The code is under the MIT licence."
    if model.corpus == "demo":
        return f"{code} The weights were trained on sound that this code makes; they are under the same licence."
    owner = "IEMOCAP's licence" if model.corpus == "iemocap" else "the corpus' licence"
    allowed = (
        "The run says that the corpus may be passed on (corpus.shareable: true)."
        if model.shareable
        else "The run does not say that the corpus may be passed on (corpus.shareable: false)."
    )
    return (
        f"{code} The weights derive from the corpus, and {owner} decides what may be done with them: ask its owner "
        f"before you pass them on. {allowed}"
    )


def _use(model: Model) -> str:
    name = model.files[0].name
    if model.any.vectors.table:
        return f"`elor predict` cannot use it on a recording: it reads {model.any.vectors}."
    return f"""```
elor predict recording.wav --model {name}
```

```python
import elor

prediction = elor.load("{name}").predict("recording.wav")
prediction.whole("{model.any.heads[0].name}")
```"""


def _items(items: Sequence[str] | Iterator[str]) -> str:
    return "\n".join(f"- {item}" for item in items)
