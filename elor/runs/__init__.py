"""Runs side by side: where their results lie, whether they are the same, and what a seed changes."""
