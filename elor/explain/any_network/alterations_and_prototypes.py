"""What would change a network's mind about a sound, and what it would hear most gladly: trials on any network.

Alterations change one property of the sound dose by dose (`elor.explain.interventions.alterations`); prototypes are the
signals that maximise each answer (`elor.explain.prototypes.ascent`), beside those of an untrained twin.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from elor.explain.any_network.subjects import Subject, deciding, probabilities
from elor.explain.doubts import shortened
from elor.explain.interventions.alterations import ALTERATIONS
from elor.explain.interventions.versions import versions
from elor.explain.model import Heads, predict
from elor.explain.prototypes.ascent import Ascent, Goal, Parametrisation, prototypes, targets_of_heads
from elor.explain.prototypes.descriptors import describe

BATCH = 8
MOST_TARGETS = 12
"""Networks with more answers than this get prototypes of the predicted classes only."""


def interventions(model: nn.Module, sound: NDArray, support: int, seed: int = 0) -> dict[str, Any]:
    """Alter a sound dose by dose and ask again.

    Args:
        model: see `elor.explain.model`.
        sound: (samples,) at 16 kHz; altered sounds are cut or filled up to the same length.
        support: samples before the padding.
        seed: of added noise.

    Returns:
        By alteration `what`, `unit` and `heads`: by head and dose (`sham` for the processing alone) the `change` of the
        logit of the class that was predicted before (of the value, for a head of one output), the `label` now, and
        where the dose changes the length `length_control`, the change by that length alone.
    """
    own = np.asarray(sound[:support], dtype=np.float64)
    asked = list(versions(own, [seed], samples=len(sound)))
    sounds = np.stack([sound, *(version.sound for version in asked[1:])])  # the first is unaltered
    logits = _ask(predict, model, sounds)
    answers = deciding(model, logits, _ask(probabilities, model, sounds))
    found: dict[str, Any] = {}
    for index, version in enumerate(asked[1:], start=1):
        alteration = ALTERATIONS[version.intervention]
        entry = found.setdefault(version.intervention, {"what": alteration.what, "unit": alteration.unit, "heads": {}})
        key = "sham" if np.isnan(version.dose) else f"{version.dose:g}"
        for head, value in logits.items():
            label = int(answers[head][0].argmax())
            change = float(value[index, label] - value[0, label])
            effect = entry["heads"].setdefault(head, {}).setdefault(key, {})
            if version.length:
                effect["length_control"] = change
            else:
                effect["change"] = change
                effect["label"] = int(answers[head][index].argmax()) if value.shape[1] > 1 else None
    return found


@dataclass(frozen=True)
class Sought:
    """Prototypes of a network.

    Attributes:
        summary: `refused` (a reason or None), `settings`, and `targets`: by parametrisation, head and label `logit`,
            `initial_logit`, `converged`, `restarts` and `descriptors` of the best restart.
        signals: by `<parametrisation>.<head>.<label>` the best restart, (samples,) float32.
    """

    summary: dict[str, Any]
    signals: dict[str, NDArray]


def seek(subject: Subject, outputs: dict[str, int], predicted: dict[str, int], samples: int, how: Ascent) -> Sought:
    """Seek the prototypes of every answer, in time and in frequency, at one level.

    Args:
        subject: the network and its twin.
        outputs: by head how many it has.
        predicted: by head the class that was predicted, of whose classes it alone is sought where there are many.
        samples: length of the signals, at the network's rate.
        how: steps, restarts, level, seed; rate, parametrisation and mode are set here.
    """
    targets, how = targets_of_heads(outputs), replace(how, rate=subject.rate)
    if len(targets) > MOST_TARGETS:
        targets = [one for one in targets if outputs[one.head] == 1 or one.label == predicted[one.head]]
    summary: dict[str, Any] = {"refused": None, "settings": asdict(how) | {"mode": "level"}, "targets": {}}
    signals: dict[str, NDArray] = {}
    try:
        for kind in ("time", "fourier"):
            summary["targets"][kind] = _kind(subject, targets, samples, how, kind, signals)
    except Exception as error:  # the user's code: no derivative, say
        summary |= {"refused": shortened(error, 300), "targets": {}}
    return Sought(summary, signals)


def _kind(
    subject: Subject,
    targets: list[Goal],
    samples: int,
    how: Ascent,
    kind: Parametrisation,
    signals: dict[str, NDArray],
) -> dict[str, Any]:
    """The prototypes of one parametrisation; the best of each target is added to `signals`."""
    asked = Ascent(**(asdict(how) | {"parametrisation": kind, "mode": "level"}))
    found = prototypes(subject.model, targets, asked, samples)
    without = None
    if subject.twin is not None:
        without = prototypes(subject.twin(how.seed), targets, Ascent(**(asdict(asked) | {"restarts": 1})), samples)
    entries: dict[str, Any] = {}
    for index, (head, label) in enumerate(targets):
        best = int(found.logits[index].argmax())
        signal = found.signals[index, best]
        signals[f"{kind}.{head}.{label}"] = signal
        entries.setdefault(head, {})[str(label)] = {
            "logit": float(found.logits[index, best]),
            "initial_logit": None if without is None else float(without.logits[index, 0]),
            "converged": int(found.converged[index].sum()),
            "restarts": how.restarts,
            "descriptors": describe(signal, how.rate),
        }
    return entries


def _ask(what: Callable[[nn.Module, Tensor], Heads], model: nn.Module, sounds: NDArray) -> Heads:
    """Logits or probabilities of many sounds, (n, outputs) per head."""
    audio = torch.from_numpy(sounds.astype(np.float32))[:, None]
    parts = [what(model, some) for some in audio.split(BATCH)]
    return {head: torch.cat([part[head] for part in parts]) for head in parts[0]}
