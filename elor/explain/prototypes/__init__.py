"""Generalised input signals of every network, and what the labels differ in."""
