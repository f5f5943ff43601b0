"""Which vectors stand at the input `is10`: the paper's functionals, unless a run asks for others; and at `text`: words.

The files `data/is10.npy` and `data/is10_names.txt` and the stage keep the name of the paper's set, whatever they hold;
`data/is10.json` says what that is, and so does every network that was trained on it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from elor.errors import UserError
from elor.files import write_json

SETS = {"IS10": 1_582, "ComParE_2016": 6_373, "eGeMAPSv02": 88}
"""openSMILE's sets of functionals that a run may ask for, and how many numbers each gives."""


WORDS = ("words", "characters")
"""What a text is taken apart into."""


@dataclass(frozen=True)
class Vectors:
    """What a vector is.

    Attributes:
        name: openSMILE's name of the set; of vectors from elsewhere the name of their file; `words` or `characters`.
        width: how many numbers it holds; 0 where `text` holds nothing.
        table: whether it comes from elsewhere, and cannot be computed of a sound.
    """

    name: str = "IS10"
    width: int = SETS["IS10"]
    table: bool = False

    @classmethod
    def of(cls, value: Any) -> Vectors:
        """Make them of what `asdict` made of them.

        Raises:
            TypeError, ValueError: if it is something else.
        """
        found = cls(**value)
        kinds = (type(found.name), type(found.width), type(found.table))
        least = 0 if found.name in WORDS else 1  # a corpus may have no words
        if kinds != (str, int, bool) or not least <= found.width < 2**31 or not (found.table or found.name in SETS):
            raise ValueError(f"its vectors are {value}")
        return found

    @classmethod
    def read(cls, path: Path) -> Vectors:
        """Read `data/is10.json`, or `data/text.json`.

        Raises:
            UserError: if it is absent or damaged.
        """
        try:
            return cls.of(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, TypeError, ValueError) as error:
            raise UserError(f"{path} cannot be read ({error}); run dvc repro, which makes it.") from None

    def write(self, path: Path) -> None:
        """Write such a file."""
        write_json(path, asdict(self))

    def __str__(self) -> str:
        """In words."""
        if self.name in WORDS:
            return f"{self.width:,} different {self.name} of what was said"
        if self.table:
            return f"vectors of {self.width:,} numbers from {self.name}, which were made elsewhere"
        return f"the {self.width:,} functionals of openSMILE's set {self.name}"


IS10 = Vectors()
"""The paper's."""
