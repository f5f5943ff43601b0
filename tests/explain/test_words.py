"""Whether words change what a network hears: planted differences are found, and chance is not taken for one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from elor.explain.words import HearingJob, Told, exchanged, hear, kinds, likeness, of_effects, of_maps, reaches
from elor.networks import MultiHeadNetwork
from elor.training import weights_file
from elor.training.task import architecture
from elor.vectors import Vectors
from tests.worlds import toy

WORDS = 7


def maps(planted: bool, seed: int = 0, count: int = 8, slices: int = 6) -> list[np.ndarray]:
    """Maps that all networks share but for noise; planted: those that are told the words have a share of their own."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(slices):
        common, own = rng.normal(size=(2, 40))
        found.append(common + 0.7 * rng.normal(size=(count, 40)) + planted * 0.8 * kinds(count)[:, None] * own)
    return found


def test_the_names_are_exchanged_in_all_ways() -> None:
    assert exchanged(8, lambda told: float((told == kinds(8)).all())) == {"difference": 1, "p": 1 / 35, "patterns": 35}
    assert exchanged(4, lambda told: 1.0)["p"] == 1


def test_likeness_is_the_mean_correlation() -> None:
    some = maps(False, slices=3)
    expected = np.mean([pd.DataFrame(one.T).corr().to_numpy() for one in some], axis=0)
    np.testing.assert_allclose(likeness(some)[0], expected)
    some[1][2] = 1.0  # a network that answers alike whatever is taken away
    np.testing.assert_allclose(likeness(some)[0], np.mean([np.corrcoef(some[0]), np.corrcoef(some[2])], axis=0))


def test_a_planted_difference_of_maps_is_found_and_chance_is_not() -> None:
    found = of_maps(maps(True))
    assert found["p"] == 1 / 35
    assert found["between"] < min(found["plain"], found["told"])
    assert found["slices"] == 6
    p = [of_maps(maps(False, seed))["p"] for seed in range(60)]
    assert np.mean(np.array(p) <= 0.2) == pytest.approx(0.2, abs=0.13)


def effects(planted: float, seed: int = 0) -> pd.DataFrame:
    """Changes of eight networks by two alterations at four doses, one of them told to rise more with the words."""
    rng = np.random.default_rng(seed)
    slopes = {(name, answer): rng.normal(1, 0.2, 8) for name in ("gain", "pitch") for answer in ("arousal", "valence")}
    slopes["gain", "arousal"] = slopes["gain", "arousal"] + planted * kinds(8)
    return pd.DataFrame(
        {"intervention": name, "answer": answer, "network": network, "dose": dose, "change": slope[network] * dose / 4}
        for (name, answer), slope in slopes.items()
        for network in range(8)
        for dose in (-2.0, -1.0, 1.0, 2.0)
        for _ in range(2)
    )


def test_effects_are_slopes_over_the_range_of_doses_and_a_planted_one_is_found() -> None:
    table = reaches(effects(3.0))
    found = of_effects(table)
    assert found["p"] == 1 / 35
    row = next(one for one in found["rows"] if (one["intervention"], one["answer"]) == ("gain", "arousal"))
    values = table.loc[("gain", "arousal")].to_numpy()
    assert row["plain"] == pytest.approx(values[:4].mean())
    assert row["told"] == pytest.approx(values[4:].mean())
    assert row["told"] - row["plain"] == pytest.approx(3, abs=0.5)
    p = [of_effects(reaches(effects(0.0, seed)))["p"] for seed in range(40)]
    assert np.mean(np.array(p) <= 0.2) < 0.45


def test_what_is_as_strong_at_every_dose_is_not_nothing() -> None:
    """Half a point for 1, 2 and 4 pauses, nothing for none: by hand a line of slope 0.875 / 8.75 over four pauses."""
    rows = [{"network": 0, "dose": dose, "change": 0.5} for dose in (1.0, 2.0, 4.0)]
    table = reaches(pd.DataFrame(rows).assign(intervention="pause_insertion", answer="arousal"))
    assert table.loc[("pause_insertion", "arousal"), 0] == pytest.approx(0.4)


@pytest.fixture
def job(tmp_path: Path) -> HearingJob:
    """Two networks of each kind on one slice."""
    rng = np.random.default_rng(0)
    np.save(tmp_path / "slices.npy", rng.integers(-9_000, 9_000, (3, 96_000)).astype(np.int16))
    np.save(tmp_path / "text.npy", (rng.random((3, WORDS)) > 0.5).astype(np.float32))
    paths = []
    for number, name in enumerate(("elor", "elor", "elor_txt", "elor_txt")):
        torch.manual_seed(number)
        shape = architecture(name, toy.HEADS, toy.settings(name), True, Vectors("words", WORDS, True))
        notes = {"architecture": checkpoint_notes(shape)}
        paths.append(tmp_path / f"{number}.safetensors")
        weights_file.save(paths[-1], MultiHeadNetwork(shape).state_dict(), notes)
    files = tmp_path / "slices.npy", tmp_path / "text.npy"
    return HearingJob(tuple(paths), *files, 1, 30_000, {"arousal": 2, "valence": 0}, 1, "cpu")


def checkpoint_notes(shape: object) -> dict:
    from dataclasses import asdict

    return asdict(shape)


def test_all_networks_are_asked_about_one_slice_and_the_words_stay(job: HearingJob) -> None:
    found = hear(job)
    assert set(found.maps) == {"arousal", "valence"}
    assert found.maps["arousal"].shape == (4, 119)
    assert (found.maps["arousal"][:, 40:] == 0).all()  # beyond the sound
    assert set(found.changes["network"]) == {0, 1, 2, 3}
    assert {"gain", "pitch"} & set(found.changes["intervention"])
    network = weights_file.load_network(job.networks[2])
    words = torch.from_numpy(np.load(job.words)[1][None])
    audio = torch.randn(2, 1, 96_000, generator=torch.Generator().manual_seed(0)) / 10
    with torch.no_grad():
        for head, value in Told(network, words).eval()(audio).items():
            torch.testing.assert_close(value, network(audio, words.expand(2, -1))[head])
            assert not torch.allclose(value, network(audio, 1 - words.expand(2, -1))[head])
