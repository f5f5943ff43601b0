"""Which methods find a truth that was planted."""
