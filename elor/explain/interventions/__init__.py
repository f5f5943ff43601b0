"""Real slices altered dose by dose, and what that does to the answers."""
