"""Folds, the training of one fold, its checkpoints, the search, and where the jobs run."""
