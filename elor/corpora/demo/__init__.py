"""The embedded demonstration corpus: pseudo-speech with planted emotion, released in IEMOCAP's layout.

Nonsense syllables carry emotion by prosody and voice quality alone, as in GEMEP (Baenziger et al. 2012). The corpus is
generated, never shipped: `generate` writes a release that `elor/corpora/iemocap.py` reads back as it reads the real
one, and beside it the truth that no recorded corpus has. `plan_utterance`, `Plan.with_cue` and `synthesise` make
counterfactual pairs: the same speaker, syllables and noise with one cue changed.

The way of a turn: `casting` (who, in which mood) -> `cues` (what is planted) -> `score` (when, how loud, which pitch)
-> `voice` (samples); `ratings` and `annotations` write what evaluators say; `release` lays it all out.
"""

from elor.corpora.demo.contours import Segment
from elor.corpora.demo.cues import Cues, Plan, plan_utterance
from elor.corpora.demo.recipe_schema import Recipe, load_recipe, recipe_files
from elor.corpora.demo.release import generate
from elor.corpora.demo.voice import Speech, synthesise

__all__ = [
    "Cues",
    "Plan",
    "Recipe",
    "Segment",
    "Speech",
    "generate",
    "load_recipe",
    "plan_utterance",
    "recipe_files",
    "synthesise",
]
