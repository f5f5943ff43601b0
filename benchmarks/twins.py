"""How often any of seven methods differs from untrained twins where there is nothing: networks of random weights.

Each of the networks is taken for the trained one in turn, and some of the others for its twins; what `elor explain`
would say of every method is counted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from benchmarks.publish import command, publish
from benchmarks.tones import CORPORA, plan, sound
from elor.explain.any_network.verdicts import COMPARED
from elor.explain.correlation import among_networks
from elor.explain.examination import Scope, examine
from elor.explain.maps import SAMPLES, Steps, predicted
from elor.explain.selfcheck.methods import untrained
from elor.explain.selfcheck.planted import SAMPLES as LENGTH
from elor.explain.windows import Found, Windows
from elor.report.text import Block, Table

TWINS = (2, 5, 10)
DRAWS = 2_000


def measure(networks: int = 40, sounds: int = 2, seed: int = 0) -> dict[str, Any]:
    """r of every method's map and the sound, of networks without training.

    Args:
        networks: of the self-check's shape.
        sounds: of one second each, bursts of tones and noise.
        seed: of all of them.
    """
    found = []
    for number in range(sounds):
        wave = np.asarray(sound(plan(CORPORA[0], number, number, seed + 1))[:LENGTH], dtype=np.float32)
        windows = Windows([number], torch.from_numpy(wave)[None, None], [LENGTH], {})
        by_network = []
        for network in range(networks):
            rows = Found()
            scope = Scope(COMPARED, COMPARED, steps=Steps(16, 16), lenient=True)
            examine(untrained(("head",), 1_000 * seed + network), windows, scope, {"model": "random"}, rows, predicted)
            by_network.append({row["method"]: _r(row) for row in rows.correlations if row["pair"] == "head~input"})
        found.append(by_network)
    methods = [name for name in COMPARED if all(name in one for some in found for one in some)]
    return {"r": [[[one[name] for name in methods] for one in some] for some in found], "methods": methods}


def _r(row: dict[str, Any]) -> float:
    return float(row["signed" if row["method"] in SAMPLES else "envelope"])


def differs(r: np.ndarray, twins: int, draws: int = DRAWS, seed: int = 0) -> np.ndarray:
    """Whether each method differs, (draws, methods): networks and twins from r, (sounds, networks, methods)."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(draws):
        some = r[rng.integers(len(r))]
        one, *others = rng.permutation(len(some))[: twins + 1]
        verdicts = [among_networks([some[one, m]], some[others, m][:, None], ["twin"]) for m in range(some.shape[1])]
        found.append([bool(v["low"] > 0 or v["high"] < 0) for v in verdicts])
    return np.array(found)


def tables(measured: dict[str, Any]) -> list[Block]:
    """The chance that one method differs, and that any does."""
    r, methods = np.array(measured["r"]), measured["methods"]
    rows = []
    for twins in TWINS:
        found = differs(r, twins)
        rows.append((str(twins), f"{100 * found.mean():.0f} %", f"{100 * found.any(1).mean():.0f} %"))
    caption = (
        f"How often {len(methods)} methods ({', '.join(methods)}) are said to differ from twins where nothing was "
        f"learned: {r.shape[1]} networks of random weights, {r.shape[0]} sounds, {DRAWS:,} draws"
    )
    return [Table(caption, ("twins", "one method", "any of them"), (tuple(rows),), labels=1)]


def main() -> None:
    """Measure, and write the table into docs/explain-my-network.md."""
    publish("twins", "twins", measure, tables)


if __name__ == "__main__":
    command(main)
