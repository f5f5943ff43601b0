"""From a source of rated speech to two tables: one row per utterance, one row per rating.

`source.open_corpus` finds out what a path holds; `iemocap`, `manifest` and `demo` are the sources; `tables` says
what both tables look like, `labels` turns ratings into targets, and `index` notices changed files.
"""
