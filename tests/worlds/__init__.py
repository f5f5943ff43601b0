"""What the tests invent, each thing in one place: no test writes a checkpoint, a corpus or a run by hand.

`networks`: networks with random weights, and their files. `toy`: a task that a small network learns in a few epochs.
`slices`: a data folder with sound, folds and networks, to explain. `tables`: speakers, slices, ratings, folds and
predictions of any target. `run`: the files of a finished run, with metrics that the real stage writes of those tables.
`release`, `voices`, `labelfiles`: corpora of others, as they are delivered. `project`: a copy of this repository at toy
scale, for DVC. `stages`: its stages without DVC, in this process.

One package's alone are the findings to report (`tests/report/world.py`) and those that speak for every claim of the
paper or against it (`tests/explain/claimed.py`).
"""
