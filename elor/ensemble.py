"""Several networks that answer together, whatever runs them: `Ensemble`, and what it says, `Prediction`.

`elor.inference.load` makes one of trained networks, by torch or by an ONNX runtime.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from elor.audio import SAMPLE_RATE, Stereo
from elor.errors import UserError
from elor.features.slices import SLICE_SAMPLES
from elor.networks import INPUTS
from elor.provenance import Provenance
from elor.recording import Recording, Window
from elor.targets import EMOTIONS, Head, ordered
from elor.training import losses
from elor.training.data import INT16_SCALE
from elor.vectors import IS10, Vectors

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BATCH = 8
"""Windows per forward pass: at the paper's size about 120 MB of activations."""

WINDOW_S = SLICE_SAMPLES / SAMPLE_RATE

Logits = dict[str, np.ndarray]
"""Per head (windows, folds, outputs)."""


@dataclass(frozen=True)
class Prediction:
    """What the networks of an ensemble say of one recording, window by window.

    A window of digital silence has no answer: its row is NaN and does not enter the whole.

    Attributes:
        heads: the questions, for instance arousal and valence.
        folds: names of the networks that answered, see `Ensemble`.
        seconds: length of the recording.
        starts, ends: (windows,) seconds; padding does not count.
        answers: per head (windows, folds, outputs): probabilities of the classes, or one value.
        note: a sentence on a file whose header was read otherwise than it is written; empty if it is in order.
    """

    heads: tuple[Head, ...]
    folds: tuple[str, ...]
    seconds: float
    starts: np.ndarray
    ends: np.ndarray
    answers: Logits
    note: str = ""

    def _repr_html_(self) -> str:
        """The answers, window by window, in a notebook."""
        return import_module("elor.report.predictions").as_html(self)  # by name: what predicts needs no page

    def plot(self) -> list[Axes]:
        """Draw the answers over time, by pyplot; an axis per head."""
        return import_module("elor.report.plots").prediction(self)

    @property
    def silent(self) -> np.ndarray:
        """(windows,) which windows have nothing to hear."""
        return np.asarray(np.isnan(self.answers[self.heads[0].name]).all(axis=(1, 2)))

    def windows(self, head: str) -> np.ndarray:
        """The mean over networks, (windows, outputs)."""
        return self.answers[head].mean(axis=1)

    def whole(self, head: str) -> np.ndarray:
        """The mean over networks and windows, (outputs,): as utterances are scored in `elor.evaluation`."""
        return self.by_fold(head).mean(axis=0)

    def by_fold(self, head: str, window: int | None = None) -> np.ndarray:
        """Each network's answer, (folds, outputs): to one window, or on average over all that are not silent."""
        return self.answers[head][~self.silent].mean(axis=0) if window is None else self.answers[head][window]

    def spread(self, head: str, window: int | None = None) -> float:
        """How far the networks are apart: the standard deviation over them of `expected`; NaN for a single one."""
        values = [expected(head, answer) for answer in self.by_fold(head, window)]
        return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


def expected(head: str, answer: np.ndarray) -> float:
    """The expected label, sum of k p_k, of probabilities (classes,); the value itself of (1,); NaN for emotions.

    Emotions have no order: the mean of `angry` and `sad` is not `happy`.
    """
    if len(answer) == 1:
        return float(answer[0])
    return float(np.arange(len(answer)) @ answer) if ordered(head) else float("nan")


def label(head: str, answer: np.ndarray) -> str:
    """The likeliest class of probabilities (classes,): its number, or an emotion's name; a value (1,) has none."""
    if len(answer) == 1 or np.isnan(answer).any():
        return ""
    best = int(answer.argmax())
    return str(best) if ordered(head) else EMOTIONS[best]


@dataclass(frozen=True)
class Ensemble:
    """Trained networks that answer together.

    Attributes:
        network: `elor`, `lom`, `ftr` or `elor_ftr`.
        folds: one name per network: its fold's; `Ses01F/2` is the second of several in that fold (`train.seeds`).
        heads: what they answer.
        run: from the inputs `INPUTS[network]`, float32 (windows, ...) each, to `Logits`.
        vectors: what the input `is10` holds.
        heard: per network the speakers that it was trained or validated on; None where its file does not say.
        provenance: what they learnt from, and how well they answer.

    Raises:
        UserError: if these are vectors from elsewhere.
    """

    network: str
    folds: tuple[str, ...]
    heads: tuple[Head, ...]
    run: Callable[[Sequence[np.ndarray]], Logits]
    vectors: Vectors = IS10
    heard: tuple[tuple[str, ...] | None, ...] = ()
    provenance: Provenance = Provenance()  # noqa: RUF009  # frozen

    def __post_init__(self) -> None:
        if self.vectors.table:
            raise UserError(
                f"The {self.network} networks read {self.vectors}; of a recording they cannot be made here: predict "
                "with a network that reads something else."
            )

    def predict(
        self,
        audio: Recording | Path | str | np.ndarray,
        rate: int | None = None,
        hop_s: float = WINDOW_S,
        stereo: Stereo = "mean",
        watch: Callable[[int], Any] = lambda windows: None,
    ) -> Prediction:
        """Answer for every six-second window of a recording.

        Args:
            audio: a sound file, or an array (samples,) or (samples, channels), int16 or floats in [-1, 1].
            rate: samples per second of an array.
            hop_s: seconds from the start of one window to that of the next; 6 gives the slices of the pipeline.
            stereo: what several channels become: `mean`, `left` or `right`.
            watch: called with the number of windows whenever some are done.

        Raises:
            UserError: if the audio cannot be read, is empty, silent, or holds NaN; or a network gives no numbers.
        """
        recording = audio if isinstance(audio, Recording) else Recording(audio, rate, stereo)
        parts: dict[str, list[np.ndarray]] = {head.name: [] for head in self.heads}
        spans, heard = [], False
        windows = recording.windows(hop_samples(hop_s))
        while batch := list(islice(windows, BATCH)):
            spans += [(window.start, window.start + window.samples) for window in batch]
            heard = heard or not all(window.silent for window in batch)
            for name, values in self._answer(batch).items():
                parts[name].append(values)
            watch(len(batch))
        if not heard:
            raise UserError(f"{recording.name} is silent: it holds no sound to judge; check the recording.")
        answers = {name: np.concatenate(values) for name, values in parts.items()}
        starts, ends = np.array(spans).T / SAMPLE_RATE
        note = recording.header.note
        return Prediction(self.heads, self.folds, recording.seconds, starts, ends, answers, note)

    def _answer(self, batch: Sequence[Window]) -> Logits:
        """Probabilities or values (windows, folds, outputs) of every head; rows of NaN where there is silence."""
        sound = np.array([not window.silent for window in batch])
        answers = {head.name: np.full((len(batch), len(self.folds), head.answers), np.nan) for head in self.heads}
        if not sound.any():
            return answers
        signals = np.stack([window.signal for window in batch if not window.silent])
        for name, found in self.answers(signals).items():
            answers[name][sound] = found
        return answers

    def answers(self, signals: np.ndarray) -> Logits:
        """Probabilities or values (windows, folds, outputs) of every head.

        Args:
            signals: int16 (windows, 96000); a handful at a time.

        Raises:
            UserError: if a network gives no numbers.
        """
        logits, answers = self.run([eaten(name, signals, self.vectors) for name in INPUTS[self.network]]), {}
        for head in self.heads:
            rows = torch.from_numpy(logits[head.name]).flatten(0, 1)
            found = losses.predict(head, rows).reshape(-1, len(self.folds), head.answers).numpy()
            if not np.isfinite(found).all():
                raise UserError(
                    f"The {self.network} network gives no numbers for {head.name}; export or train it again."
                )
            answers[head.name] = found
        return answers


def folds_of(names: Iterable[str]) -> list[str]:
    """The folds of networks, each once, by their names as of `Ensemble.folds`; no fold's own name has a slash."""
    return list(dict.fromkeys(name.partition("/")[0] for name in names))


def is_asked(name: str, fold: str | None) -> bool:
    """Whether a network is asked for: by its own name, by its fold's with all others of that fold, or with all."""
    return fold in (None, name, *folds_of([name]))


def check_choice(path: Path, held: str, folds: Sequence[str], network: str | None, fold: str | None) -> None:
    """Check that what was asked for is there.

    Raises:
        UserError: if `path`, which holds the network `held` of `folds`, lacks the network or the fold.
    """
    if network not in (None, held):
        raise UserError(
            f"{path} holds the network {held}, not {network}; give another model, or leave the network out."
        )
    if not any(is_asked(name, fold) for name in folds):
        raise UserError(f"{path} has no fold {fold}; choose one of {', '.join(folds)}.")


def hop_samples(hop_s: float) -> int:
    """A hop in samples at 16 kHz.

    Raises:
        UserError: if it is shorter than a sample, or no number.
    """
    if not 1 <= hop_s * SAMPLE_RATE < math.inf:
        raise UserError(f"A hop of {hop_s} s leads nowhere; give seconds above 0.")
    return round(hop_s * SAMPLE_RATE)


def eaten(name: str, signals: np.ndarray, vectors: Vectors) -> np.ndarray:
    """One input of a network, from windows: float32 (windows, ...) of `Architecture.shapes`.

    Args:
        name: of the input.
        signals: int16 (windows, 96000).
        vectors: what the input `is10` holds.
    """
    if name == "audio":
        return (signals.astype(np.float32) * np.float32(INT16_SCALE))[:, None]
    if name == "mfcc":
        from elor.features.mfcc import mfcc

        return mfcc(torch.from_numpy(signals)).numpy()
    from elor.features.is10 import functionals

    found = np.stack([functionals(signal, vectors.name) for signal in signals])
    return np.where(np.isfinite(found), found, 0).astype(np.float32)  # as elor.features.is10.write_is10 does
