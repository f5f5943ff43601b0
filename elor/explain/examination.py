"""One function over windows: a network's maps, and all that each of them is compared with.

Slices of a corpus and windows of a recording, trained networks and their controls, our own and anybody's go the same
way; what differs is the scope. Whatever is found is a row of a table (`elor.explain.windows.Found`): the analysis of a
corpus averages the rows over speakers, that of a recording shows those of its one window.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from elor.explain.attribution import segment_sums
from elor.explain.controls import shifted_range
from elor.explain.correlation import View, pearson
from elor.explain.erasure import baselines, erasure, from_windows
from elor.explain.level import rms
from elor.explain.maps import SAMPLES, Choice, Maps, Steps, maps_of, predicted
from elor.explain.model import Heads
from elor.explain.occlusion import band_edges, carried, segment_at, starts
from elor.explain.windows import Found, Tag, Windows, arrays


@dataclass(frozen=True)
class Scope:
    """What is made of some windows.

    Attributes:
        methods: whose maps are made.
        compared: of them, those that are correlated with their signal, and between the heads.
        swapped: those that are made, and compared, for the second class as well.
        against: those that are compared with another sound, and shifted.
        steps: of integrated gradients.
        lenient: see `elor.explain.maps.maps_of`.
    """

    methods: Sequence[str]
    compared: Sequence[str]
    swapped: Sequence[str] = ()
    against: Sequence[str] = ()
    steps: Steps = field(default_factory=Steps)
    lenient: bool = False


def examine(
    model: nn.Module, windows: Windows, scope: Scope, tag: Tag, found: Found, choose: Choice = predicted
) -> tuple[Heads, list[Maps]]:
    """Explain what a model says of some windows, and compare.

    Args:
        model: see `elor.explain.model`.
        scope: what is wanted.
        tag: what every row is marked with: `model`, and `role` if there are several.
        found: gets the rows.
        choose: which classes are explained; the second set is the one of `Scope.swapped`.

    Returns:
        The logits, and the maps of each set of classes.
    """
    logits, sets = maps_of(model, windows, choose, scope.methods, scope.steps, scope.swapped, scope.lenient)
    for method in scope.compared:
        if method in sets[0].values:
            own, *others = (arrays(some.values.get(method, {})) for some in sets)
            compared = _Compared(windows, method, windows.tags(method=method, **tag), own, found)
            if method in SAMPLES:
                compared.samples(others[0] if others else {}, logits)
            else:
                compared.cells(others[0] if others else {})
            if method in scope.against:
                compared.with_foreign_sounds()
    return logits, sets


def levels(method: str, wave: NDArray, support: int, rate: int = 16_000) -> NDArray:
    """What the cells of a method without a value per sample are correlated with: the signal's level in each.

    Args:
        method: of `elor.registry.METHODS`, but `SAMPLES` and `stft`.
        wave: (samples,).
        support: samples before the padding; segments and windows that begin behind it are left out.
        rate: samples per second.
    """
    if method in ("segments", "occlusion"):
        segment = segment_at(rate)
        length = segment if method == "segments" else 2 * segment
        begins = [start for start in starts(len(wave), length, segment) if start < support]
        return np.array([rms(wave[start : start + length]) for start in begins])
    power = np.abs(np.fft.rfft(wave)) ** 2
    if method == "bands":
        power = np.array([power[low:high].sum() for low, high in pairwise(band_edges(len(wave), rate=rate))])
    return np.sqrt(power)


@dataclass(frozen=True)
class _Compared:
    """The maps of some windows by one method, (batch, ...) by head, and where the rows go on what they are compared
    with."""

    windows: Windows
    method: str
    tags: list[Tag]
    maps: dict[str, NDArray]
    found: Found

    def samples(self, swapped: dict[str, NDArray], logits: Heads) -> None:
        """r of every map with its signal, its share in the padding, and r of two heads' maps; then of the second
        class."""
        windows, add = self.windows, self.found.correlations.append
        views = {head: windows.views(value) for head, value in self.maps.items()}
        labels = {head: value.argmax(1).tolist() for head, value in logits.items()}
        for index, tag in enumerate(self.tags):
            for head, some in views.items():
                row = tag | {"pair": f"{head}~input", "control": "", "label": labels[head][index]}
                add(row | some[index].r(windows.signals[index]) | {"beyond": some[index].beyond})
            for one, other in combinations(views, 2):
                row = tag | {"pair": f"{one}~{other}", "control": "", "label": -1}
                add(row | views[one][index].r(views[other][index]))
        for head, values in swapped.items():
            if head not in views:
                continue
            for index, (tag, view) in enumerate(zip(self.tags, windows.views(values), strict=True)):
                row = tag | {"control": "class swap", "label": -1}
                add(row | {"pair": f"{head}~input"} | view.r(windows.signals[index]))
                add(row | {"pair": f"{head}~{head}"} | view.r(views[head][index]))

    def cells(self, swapped: dict[str, NDArray]) -> None:
        """r of the cells with the signal's level in them (reading `envelope`), and of two heads' cells; then of the
        second class."""
        for control, some in (("", self.maps), ("class swap", swapped)):
            for index, tag in enumerate(self.tags):
                level = levels(self.method, self.windows.waves[index], self.windows.supports[index], self.windows.rate)
                own = {head: value[index, : len(level)] for head, value in some.items()}
                row = tag | {"control": control, "label": -1}
                pairs = {f"{head}~input": (value, level) for head, value in own.items()}
                pairs |= {f"{one}~{other}": (own[one], own[other]) for one, other in combinations(own, 2)}
                self.found.correlations += [row | {"pair": name, "envelope": _r(*pair)} for name, pair in pairs.items()]

    def with_foreign_sounds(self) -> None:
        """r of every map with another sound, on what both have; and with its own, shifted."""
        windows, method, add = self.windows, self.method, self.found.correlations.append
        for index, (tag, support) in enumerate(zip(self.tags, windows.supports, strict=True)):
            for head, values in self.maps.items():
                row, cells = tag | {"pair": f"{head}~input", "label": -1}, values[index]
                if windows.rows[index] in windows.others:
                    wave, length = windows.others[windows.rows[index]]
                    both = min(support, length)
                    if method in SAMPLES:
                        r = View(cells, both).r(View(wave, both))
                    else:
                        level = levels(method, wave, both, windows.rate)
                        r = {"envelope": _r(cells[: len(level)], level)}
                    add(row | {"control": "other waveform"} | r)
                own = (
                    windows.waves[index][:support]
                    if method in SAMPLES
                    else levels(method, windows.waves[index], support, windows.rate)
                )
                reach = shifted_range(cells[: len(own)], own, windows.segment if method in SAMPLES else 1)
                if reach is not None:
                    low, high = reach
                    add(row | {"control": "shifted", "low": low, "high": high})


def _r(cells: NDArray, level: NDArray) -> float:
    """Pearson's r; NaN of fewer than three cells."""
    return pearson(cells, level) if len(cells) > 2 else float("nan")


def singles(logits: Heads) -> frozenset[str]:
    """The heads that answer with one value, not with classes."""
    return frozenset(head for head, value in logits.items() if value.shape[1] == 1)


def orders_of(maps: Maps, windows: Windows, single: Collection[str]) -> dict[str, dict[str, list[Tensor]]]:
    """How each method that there is ranks the segments, (segments,) per window, by head and method; those of `single`
    values by what changes them most, either way."""
    signal, found = windows.audio[:, 0], {}
    for method in ("guided", "gradient", "integrated", "occlusion"):
        for head, values in maps.values.get(method, {}).items():
            if method == "occlusion":
                scores = [from_windows(one) for one in values]
            else:
                scores = list(segment_sums(values if method == "integrated" else values * signal, windows.segment))
            found.setdefault(head, {})[method] = [carried(one, head in single) for one in scores]
    return found


def erase(
    model: nn.Module,
    windows: Windows,
    targets: Heads,
    orders: Mapping[str, Mapping[str, list[Tensor]]],
    seed: int,
    tag: Tag,
    found: Found,
    single: Collection[str],
) -> None:
    """Deletion and insertion in every order, at random, and loudest first.

    Args:
        targets: by head the class whose logit is watched, (batch,).
        orders: as `orders_of` gives them; a head may be missing.
        seed: of the random order and of noise; the row's number is added.
        single: the heads of one value, whose changes count either way.
    """
    signal = windows.audio[:, 0]
    for head, target in targets.items():
        for index, each in enumerate(windows.tags(**tag)):
            scores = {order: some[index] for order, some in orders.get(head, {}).items()}
            drawn = seed + windows.rows[index]
            scores |= baselines(signal[index], drawn, windows.segment)
            label, support = int(target[index]), windows.supports[index]
            how = {"segment": windows.segment, "seed": drawn, "trusted": True, "either_way": head in single}
            areas = erasure(model, signal[index], head, label, scores, support, **how)
            found.erasures.extend(each | {"head": head, "order": order} | measures for order, measures in areas.items())
