"""The stage `corpus`: its seed is its own."""

from __future__ import annotations

import pytest

from elor.corpora import demo
from tests.worlds.stages import CORPUS, Workspace

pytestmark = pytest.mark.long


def test_a_training_seed_leaves_the_demonstration_corpus_as_it_is(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recipe, a size and a seed always give the same bytes, and another seed others: tests/corpora/test_demo.py."""
    generate, asked = demo.generate, []

    def once(recipe: demo.Recipe, utterances: int, seed: int, *how: object) -> None:
        asked.append((recipe, utterances, seed))
        if len(asked) == 1:
            generate(recipe, utterances, seed, *how)

    monkeypatch.setattr(demo, "generate", once)
    for changes in ({}, {"seed": 2}, {"corpus__seed": 2}):
        workspace.set_params(**changes, scale__demo__utterances=35)
        workspace.run_all(*CORPUS)
    assert (workspace.folder / "data/corpus/truth.csv").is_file()
    assert asked[1] == asked[0]
    assert asked[2] == (*asked[0][:2], 2)
    assert asked[0][2] == 1
