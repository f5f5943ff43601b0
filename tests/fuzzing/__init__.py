"""Inputs that were damaged on purpose, by chance and by seed: what a reader makes of them is right, or one sentence.

`mutate` spoils bytes and values, `readers` holds one target per reader, `judge` says what came of an input. The suite
runs a few thousand inputs (tests/test_fuzz.py), benchmarks/fuzz.py twenty thousand.
"""
