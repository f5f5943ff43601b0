"""The stage `corpus`: its seed is its own."""

from __future__ import annotations

import pytest

from tests.worlds.stages import CORPUS, Workspace

pytestmark = pytest.mark.long


def test_a_training_seed_leaves_the_demonstration_corpus_as_it_is(workspace: Workspace) -> None:
    def made(**changes: object) -> dict[str, str]:
        workspace.set_params(**changes, scale__demo__utterances=35)
        workspace.run_all(*CORPUS)
        return {name: text for name, text in workspace.files().items() if name.startswith("data/corpus/")}

    first = made()
    assert "data/corpus/truth.csv" in first
    assert made(seed=2) == first
    other = made(corpus__seed=2)
    assert other["data/corpus/truth.csv"] != first["data/corpus/truth.csv"]
    spoken = [name for name in first.keys() & other.keys() if "/sentences/wav/" in name and "/._" not in name]
    assert not [name for name in spoken if first[name] == other[name]]
