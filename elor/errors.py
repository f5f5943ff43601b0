"""The one exception that stands for a user's mistake.

Commands and stages print it as a single sentence and exit with status 1. Every other exception is a
bug and keeps its traceback.
"""


class UserError(Exception):
    """A mistake that the user can mend: says what was found, where, and what to do."""


def told(error: OSError) -> str:
    """A sentence for a file that the system refuses: its name, shortened, and the reason."""
    name = str(error.filename)
    shown = name if len(name) <= 120 else f"{name[:60]}...{name[-40:]}"
    return f"{shown} cannot be used: {error.strerror}; check the path, its permissions and the disk."
