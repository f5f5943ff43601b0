"""What the tests invent, each thing in one place; no test writes a checkpoint, a corpus or a run by hand.

`networks`: networks with random weights, and their files. `slices`: a data folder with sound, folds and networks.
"""
