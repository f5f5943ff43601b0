"""The analysis of one recording, on any model."""
