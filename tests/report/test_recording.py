"""The page of `elor explain`: windows of any length, methods that were refused, networks without a control."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from elor.explain.occlusion import starts
from elor.report.explanation import blocks, opening
from elor.report.findings import METHODS
from elor.report.recording import recordings
from elor.report.text import Notes
from tests.report.page_text import Page, embedded

SAMPLES, SUPPORT = 30_010, 24_000  # no multiple of any hop


def window(folder: Path, methods: tuple[str, ...], untrained: list[float], label: int | None) -> dict[str, Any]:
    """One window as `elor explain` writes it, its maps beside it."""
    rng = np.random.default_rng(1)
    shapes = {"occlusion": (2, len(starts(SAMPLES))), "stft": (2, math.ceil(SAMPLES / 160) + 1, 201)}
    maps = {method: rng.normal(size=shapes.get(method, (2, SAMPLES))) for method in methods}
    folder.mkdir(parents=True, exist_ok=True)
    sound = rng.normal(0, 0.1, SAMPLES).astype(np.float32)
    np.savez(folder / "window-00.npz", heads=np.array(["arousal", "mood"]), sound=sound, **maps)
    heads = ("arousal", "mood")
    entry = {
        "r": 0.31,
        "initial": untrained,
        "verdict": "undecided",
        "reason": "",
        "apart": False,
        "text": "A sentence.",
    }
    known = [method for method in METHODS if method in methods]
    return {
        "start_s": 0.0,
        "end_s": 1.5,
        "samples": SAMPLES,
        "files": "window-00",
        "support_s": SUPPORT / 16_000,
        "prediction": {head: {"label": label, "logits": [0.5] * 5, "probabilities": [0.1] * 5} for head in heads},
        "methods": {
            m: {"title": m, "refused": None, "heads": dict.fromkeys(heads, entry), "between": {}} for m in known
        },
        "erasure": {},
        "strongest": {},
        "interventions": {},
    }


def explained(folder: Path, *arguments: Any) -> dict[str, Any]:
    recording = {"file": "talk.wav", "seconds": 1.5, "windows": [window(folder / "talk", *arguments)]}
    model = {"name": "a network", "twin": False, "reason": ""}
    return {"model": model, "settings": {}, "recordings": {"talk": recording}, "failed": {}}


def test_a_window_of_any_length_is_shown_with_its_controls(tmp_path: Path) -> None:
    every = ("guided", "gradient", "integrated", "stft", "occlusion")
    text = recordings(explained(tmp_path, every, [0.2, 0.4], 3), tmp_path)
    assert all(address.startswith(("data:", "#")) for address in Page(text).addresses)
    (one,) = embedded(text)["shown"]
    assert set(one["maps"]) == set(METHODS)
    assert one["sentences"]["guided"]["mood"] == "r = 0.31; untrained networks 0.30 (mean of 2, this signal)"
    assert one["about"]["arousal"] == "arousal, class 3 predicted"
    assert one["support"] == 1.5
    assert (one["stft"]["frames"], one["stft"]["bins"]) == (95, 101)
    assert text.count("<audio") == 3


def test_refused_methods_and_missing_controls_are_no_hindrance(tmp_path: Path) -> None:
    text = recordings(explained(tmp_path, ("occlusion",), [], None), tmp_path)
    (one,) = embedded(text)["shown"]
    assert set(one["maps"]) == {"occlusion"}
    assert "stft" not in one
    assert one["sentences"]["occlusion"]["arousal"] == "r = 0.31; no untrained network was measured"
    assert one["about"]["arousal"] == "arousal, the value"


def _opened(folder: Path, untrained: list[float]) -> str:
    found = explained(folder, ("occlusion", "gradient"), untrained, 3)
    return [item for notes in opening(found) for item in notes.items][-1]


def test_an_untrained_network_shows_as_much_only_where_the_twins_do(tmp_path: Path) -> None:
    begin = "Of 4 maps beside untrained twins 0 differ from theirs; of 4"
    assert _opened(tmp_path, [0.2, 0.4]) == f"{begin} an untrained network shows as much."
    assert _opened(tmp_path, [-0.16, 0.0, 0.11]) == f"{begin} it cannot be told with 3 twins."
    assert _opened(tmp_path, []) == "No map was compared with those of untrained twins."


def test_the_legend_explains_what_the_table_has(tmp_path: Path) -> None:
    found = explained(tmp_path, ("occlusion",), [0.2, 0.4], 3)
    entries = found["recordings"]["talk"]["windows"][0]["methods"]["occlusion"]["heads"]

    def legend() -> str:
        (notes,) = (block for block in blocks(found) if isinstance(block, Notes) and block.caption == "How to read it")
        return " ".join(notes.items)

    words = {"heads": "Untrained heads:", "class_swap": "Two classes:", "verdict": "Not learned:"}
    assert not any(each in legend() for each in words.values())
    new = {"heads": [0.1, 0.2], "class_swap": {"r": 0.1, "maps": 0.9}, "verdict": "not learned"}
    for key, word in words.items():
        for head, entry in entries.items():
            entries[head] = entry | {key: new[key]}
        assert word in legend()
    assert "Untrained: the same in untrained twins" in legend()
    for head, entry in entries.items():
        entries[head] = entry | {"initial": []}
    assert "ntrained twins" not in legend()
