"""The one exception that stands for a user's mistake.

Commands and stages print it as a single sentence and exit with status 1. Every other exception is a
bug and keeps its traceback.
"""


class UserError(Exception):
    """A mistake that the user can mend: says what was found, where, and what to do."""
