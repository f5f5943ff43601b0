"""What the tests invent, each thing in one place: no test writes a checkpoint, a corpus or a run by hand.

`networks`: networks with random weights, and their files. `slices`: a data folder with sound, folds and networks.
`tables`: speakers, slices, ratings, folds and predictions of any target. `run`: the files of a finished run, with
metrics that the real stage writes of those tables. `release`, `voices`, `labelfiles`: corpora of others, as they are
delivered. `project`: a copy of this repository at toy scale, for DVC.

What has its own module elsewhere is one package's alone: a toy task to train (`tests/training/world.py`), stages
without DVC (`tests/stages/workspace.py`), findings to report (`tests/report/world.py`) and findings that speak for
every claim or against it (`tests/explain/claimed.py`).
"""
