"""One recording, explained in full: maps by every method, each beside the controls that decide what it may say.

A window of sound goes through the network, its untrained twins and the other class, through every method of
attribution. A method that cannot be applied to this network is listed with its reason; the others go on. The results
are plain dictionaries of numbers and text (see `explain`), and arrays of the maps, for a page to draw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from elor.errors import UserError
from elor.explain.attribution import SEGMENT, gradient, segment_sums
from elor.explain.controls import model_free, runner_up, shifted_range
from elor.explain.correlation import View, among_networks, pearson
from elor.explain.erasure import baselines, erasure, from_windows
from elor.explain.guided import guided_backprop
from elor.explain.integrated import TOLERANCE, Path, integrated_gradients, noise_like
from elor.explain.model import Heads, predict, targets_of
from elor.explain.occlusion import WINDOW, band_edges, band_occlusion, occlusion, starts
from elor.explain.recording.foreign import Subject, probabilities

SAMPLES = ("guided", "gradient", "integrated")
"""Methods whose maps have a value per sample; the others have segments, windows, frequencies or bands."""

TITLES = {
    "guided": "guided backpropagation",
    "gradient": "gradient",
    "segments": "input x gradient, 50-ms segments",
    "integrated": "integrated gradients, time",
    "frequency": "integrated gradients, frequency",
    "stft": "integrated gradients, time and frequency",
    "occlusion": "occlusion, 100-ms windows",
    "bands": "occlusion, mel bands",
}
"""All methods, by the names of their arrays."""

NO_CONTROL = "undecided: there is no untrained control"


class CannotRun(UserError):
    """A network fails on signals of this shape."""


@dataclass(frozen=True)
class Effort:
    """How much: untrained twins, steps of integrated gradients (at first; at most), and the seed of all that is drawn.

    Twins take the first number of steps only: their maps need not be complete to be a control.
    """

    twins: int = 5
    steps: int = 64
    most: int = 256
    seed: int = 0


@dataclass
class Maps:
    """What the methods gave for one window.

    Attributes:
        values: by method and head the map of the window, a vector (for `stft` (frames, bins)).
        refused: by method why there is none.
        errors: by head the completeness error of integrated gradients, and from which `baseline`.
    """

    values: dict[str, dict[str, NDArray]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    errors: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Explained:
    """A window's results: `summary` as in `explain`, and the network's maps by method, (heads, ...) each."""

    summary: dict[str, Any]
    maps: dict[str, NDArray]


def explain(subject: Subject, sound: NDArray, support: int, effort: Effort, other: NDArray | None = None) -> Explained:
    """Explain what a network says of one window of sound.

    Args:
        subject: the network, and its twin if there is one.
        sound: (samples,) at 16 kHz in [-1, 1].
        support: samples before the padding.
        effort: how much.
        other: the sound of another window, for the map of this one with the waveform of that one.

    Returns:
        As `summary`: `prediction`, by head `label`, `logits`, `probabilities` (None for a single value); `methods`, by
        method `title`, `refused` (a reason or None), and by head and by pair of heads the correlation `r` beside
        `untrained`, `contrast`, `class_swap`, `shifted`, `other`, with `verdict` and `text`; `model_free`; `erasure`,
        by head, order and measure (`elor.explain.erasure.MEASURES`); `strongest`, by head the window that says most for
        the answer (start and end in s, drop of the logit).

    Raises:
        UserError: if the network cannot be run on such a signal.
    """
    audio = torch.from_numpy(np.ascontiguousarray(sound, dtype=np.float32))[None, None]
    logits, answers = asked(subject.model, audio), probabilities(subject.model, audio)
    targets, others, less = targets_of(answers, None), runner_up(answers), replace(effort, most=effort.steps)
    own = maps_of(subject.model, audio, targets, support, effort)
    swapped = maps_of(subject.model, audio, others, support, less) if others else Maps()
    for method, maps in swapped.values.items():  # a head with a single value has no other class
        swapped.values[method] = {head: value for head, value in maps.items() if head in others}
    twins = [
        maps_of(subject.twin(effort.seed * 1_000 + number), audio, None, support, less)
        for number in range(effort.twins)
        if subject.twin is not None
    ]
    control = _Controls(sound, support, swapped, twins, other, subject.reason, effort.seed)
    methods = {method: _method(method, own, control) for method in TITLES}
    summary: dict[str, Any] = {
        "prediction": {head: _answer(value, answers[head]) for head, value in logits.items()},
        "methods": methods,
        "integrated": own.errors,
        "model_free": {
            name: View(value, support).r(View(sound, support)) for name, value in model_free(np.asarray(sound)).items()
        },
        "erasure": _erasure(subject.model, audio, targets, own, support, effort.seed),
        "strongest": _strongest(own, support),
        "support_s": support / 16_000,
    }
    maps = {method: np.stack(list(value.values())).astype(np.float32) for method, value in own.values.items()}
    return Explained(summary, maps)


def asked(model: nn.Module, audio: Tensor) -> Heads:
    """The logits of a foreign network; whatever goes wrong in it is said in one sentence.

    Raises:
        CannotRun: if it fails. UserError: if it returns something else than logits.
    """
    try:
        logits = predict(model, audio)
    except UserError:
        raise
    except Exception as error:  # the user's code: anything may come out of it
        said = " ".join(str(error).split()).rstrip(".")[:200] or type(error).__name__
        raise CannotRun(f"The network cannot be run on {tuple(audio.shape)}: {said}.") from None
    if not all(torch.isfinite(value).all() for value in logits.values()):
        raise UserError("The network answers with NaN or infinity; its weights or its scaling of the input are broken.")
    return logits


def maps_of(model: nn.Module, audio: Tensor, targets: Heads | None, support: int, effort: Effort) -> Maps:
    """Maps of one window, (1, 1, samples), by every method that the network allows."""
    found = Maps()

    def integrated() -> dict[str, Heads]:
        path = _complete_path(model, audio, targets, effort)
        found.errors = {"baseline": path[1], "error": {k: float(v[0]) for k, v in path[0].error().items()}}
        return {"integrated": path[0].time(), "frequency": path[0].frequency(), "stft": path[0].stft()}

    def by_gradient() -> dict[str, Heads]:
        maps = gradient(model, audio, targets)
        return {"gradient": maps, "segments": {k: segment_sums(v * audio[:, 0]) for k, v in maps.items()}}

    attempts: dict[tuple[str, ...], Callable[[], dict[str, Heads]]] = {
        ("guided",): lambda: {"guided": guided_backprop(model, audio, targets)},
        ("gradient", "segments"): by_gradient,
        ("integrated", "frequency", "stft"): integrated,
        ("occlusion",): lambda: {"occlusion": occlusion(model, audio, targets, supports=[support])},
        ("bands",): lambda: {"bands": band_occlusion(model, audio, targets)},
    }
    for methods, attempt in attempts.items():
        try:
            for method, heads in attempt().items():
                found.values[method] = {head: value[0].cpu().numpy() for head, value in heads.items()}
        except Exception as error:  # the user's code: an operator without a derivative, say
            found.refused |= dict.fromkeys(methods, " ".join(str(error).split())[:300])
    return found


def _complete_path(model: nn.Module, audio: Tensor, targets: Heads | None, effort: Effort) -> tuple[Path, str]:
    """Integrated gradients from silence, or from a noise floor where that path is more complete (layer norms, roots).

    Raises:
        UserError: if neither gives numbers.
    """
    paths, reasons = [], []
    for name, start in (("silence", None), ("noise at -60 dBFS", noise_like(audio))):
        try:
            path = integrated_gradients(model, audio, targets, start, effort.steps, most=effort.most)
        except UserError as error:  # a gradient that is no number
            reasons.append(f"from {name}: {error}")
            continue
        worst = max(float(error.max()) for error in path.error().values())
        if worst < TOLERANCE:
            return path, name
        paths.append((worst if np.isfinite(worst) else np.inf, path, name))
    finite = [each for each in paths if each[0] < np.inf]
    if not finite:
        raise UserError("; ".join(reasons) or "The completeness error of integrated gradients is no number.")
    _, path, name = min(finite, key=lambda each: each[0])
    return path, name


@dataclass(frozen=True)
class _Controls:
    """What a map of this window is compared with."""

    sound: NDArray
    support: int
    swapped: Maps
    twins: list[Maps]
    other: NDArray | None
    reason: str
    seed: int

    def reference(self, method: str, sound: NDArray) -> NDArray:
        """What a method's cells are correlated with: the samples, or the level of each segment, window or band."""
        own = np.asarray(sound, dtype=np.float64)
        if method in SAMPLES:
            return own[: self.support]
        if method in ("segments", "occlusion"):
            length = SEGMENT if method == "segments" else WINDOW
            begins = [start for start in starts(len(own), length, SEGMENT) if start < self.support]
            return np.array([np.sqrt(np.mean(own[start : start + length] ** 2)) for start in begins])
        power = np.abs(np.fft.rfft(own)) ** 2
        if method == "bands":
            edges = band_edges(len(own))
            power = np.array([power[low:high].sum() for low, high in pairwise(edges)])
        return np.sqrt(power)

    def r(self, method: str, cells: NDArray, sound: NDArray | None = None) -> float:
        """The correlation of a map with a sound, on what both have."""
        level = self.reference(method, self.sound if sound is None else sound)
        count = min(len(level), len(cells))
        return pearson(cells[:count], level[:count]) if count > 2 else float("nan")


def _method(method: str, own: Maps, control: _Controls) -> dict[str, Any]:
    """One method's entry in the summary."""
    entry: dict[str, Any] = {"title": TITLES[method], "refused": own.refused.get(method), "heads": {}, "between": {}}
    if method not in own.values or method == "stft":
        return entry
    maps = own.values[method]
    for head, cells in maps.items():
        entry["heads"][head] = _head(method, head, cells, control)
    for one, two in combinations(maps, 2):
        if maps[one].shape == maps[two].shape:
            entry["between"][f"{one}~{two}"] = _pair(method, (one, two), maps, control)
    return entry


def _head(method: str, head: str, cells: NDArray, control: _Controls) -> dict[str, Any]:
    """r of a head's map with the signal, and its controls."""
    r = control.r(method, cells)
    untrained = [control.r(method, twin.values[method][head]) for twin in control.twins if method in twin.values]
    entry: dict[str, Any] = {"r": r} | _against(r, untrained, control.reason)
    if method in SAMPLES:
        entry["readings"] = View(cells, control.support).r(View(control.sound, control.support))
    if (swap := control.swapped.values.get(method, {})) and head in swap:
        entry["class_swap"] = {"r": control.r(method, swap[head]), "maps": pearson(cells, swap[head])}
    if method in (*SAMPLES, "segments", "occlusion"):
        level = control.reference(method, control.sound)
        entry["shifted"] = shifted_range(cells[: len(level)], level, 800 if method in SAMPLES else 1)
        if control.other is not None:
            entry["other"] = control.r(method, cells, control.other)
    return entry | {"text": _sentence(f"{TITLES[method]}: r of the {head} map and the signal", entry)}


def _pair(method: str, heads: tuple[str, str], maps: Mapping[str, NDArray], control: _Controls) -> dict[str, Any]:
    """r of two heads' maps, beside untrained twins and beside two classes of one head."""
    r = pearson(maps[heads[0]], maps[heads[1]])
    untrained = [
        pearson(*(twin.values[method][head] for head in heads)) for twin in control.twins if method in twin.values
    ]
    swap = control.swapped.values.get(method, {})
    swaps = [pearson(maps[head], swap[head]) for head in heads if head in swap]
    entry = {"r": r, "class_swap": float(np.mean(swaps)) if swaps else None} | _against(r, untrained, control.reason)
    return entry | {"text": _sentence(f"{TITLES[method]}: r of the {heads[0]} and the {heads[1]} map", entry)}


def _against(r: float, untrained: list[float], reason: str) -> dict[str, Any]:
    """The prediction interval of untrained twins, and the verdict that it allows."""
    if not untrained:
        return {"untrained": [], "contrast": None, "verdict": f"{NO_CONTROL} ({reason})" if reason else NO_CONTROL}
    compared = among_networks([r], [[value] for value in untrained], ["twin"])
    text = "undecided: r is undefined" if np.isnan(r) else compared.verdict.replace("two speakers", "two twins")
    return {"untrained": untrained, "contrast": asdict(compared), "verdict": text}


def _sentence(what: str, entry: Mapping[str, Any]) -> str:
    others = entry["untrained"]
    beside = f", in untrained twins {min(others):.2f} to {max(others):.2f}" if others else ""
    return f"{what} is {entry['r']:.2f}{beside}: {entry['verdict']}."


def _answer(logits: Tensor, answer: Tensor) -> dict[str, Any]:
    """A head's answer: the class and its probabilities, or a value."""
    single = answer.shape[1] == 1
    return {
        "label": None if single else int(answer[0].argmax()),
        "logits": logits[0].double().tolist(),
        "probabilities": None if single else answer[0].double().tolist(),
    }


def _erasure(
    model: nn.Module, audio: Tensor, targets: Heads, own: Maps, support: int, seed: int
) -> dict[str, dict[str, dict[str, float]]]:
    """Deletion and insertion in the order of every map, at random, and loudest first; by head and order."""
    signal, found = audio[0, 0], {}
    for head, target in targets.items():
        orders = {
            method: segment_sums(torch.from_numpy(own.values[method][head])[None].float() * factor)[0]
            for method, factor in (("guided", signal), ("gradient", signal), ("integrated", 1.0))
            if method in own.values
        }
        if "occlusion" in own.values:
            orders["occlusion"] = from_windows(torch.from_numpy(own.values["occlusion"][head]))
        orders |= baselines(signal, seed)
        found[head] = erasure(model, signal, head, int(target), orders, support, seed=seed)
    return found


def _strongest(own: Maps, support: int) -> dict[str, dict[str, float]]:
    """By head the occlusion window of the sound itself without which the answer loses most; none if none loses."""
    found = {}
    for head, values in own.values.get("occlusion", {}).items():
        drops = values[: -(-support // SEGMENT)]  # behind the sound there is only padding
        if drops.max() > 0:
            start = int(np.argmax(drops)) * SEGMENT
            stop = min(start + WINDOW, support)
            found[head] = {"start_s": start / 16_000, "end_s": stop / 16_000, "drop": float(drops.max())}
    return found
