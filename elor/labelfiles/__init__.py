"""Label files of other corpora, turned into a manifest that `elor/corpora/manifest.py` reads.

`msp_improv`, `msp_podcast` and `columns` each read one format into `Labels`; `manifest` finds the sound files and
writes the table. What differs between corpora (which end of a scale is high, its range, who speaks) is settled here.
"""

from typing import Literal

Kind = Literal["msp-improv", "msp-podcast", "csv"]
"""The formats."""

Unknown = Literal["leave-out", "together"]
"""What becomes of segments whose speaker is not known: none of them is taken, or they are one person's."""
