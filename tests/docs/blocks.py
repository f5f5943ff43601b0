"""The code blocks of a Markdown page, as commands and as Python."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w+)\n(?P<body>.*?)^ *```$", re.MULTILINE | re.DOTALL)
_HEREDOC = re.compile(r"<<'?(\w+)'?")

SHELLS = ("console", "bash")
SILENT = ("csv", "text", "mermaid", "yaml")
"""Languages of blocks that are no commands."""


@dataclass(frozen=True)
class Block:
    """A fenced block: its page, language and text."""

    page: Path
    language: str
    text: str

    def commands(self) -> Iterator[str]:
        """The commands of a shell block: lines after `$ `, or every line of a script; continued lines are joined."""
        lines = iter(self.text.replace("\\\n", " ").splitlines())
        for line in lines:
            if self.language == "console" and not line.startswith("$ "):
                continue
            command = line.removeprefix("$ ").strip()
            if match := _HEREDOC.search(command):
                for rest in lines:
                    command += "\n" + rest
                    if rest == match[1]:
                        break
            if command and not command.startswith("#"):
                yield command


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [Block(page, match["language"], textwrap.dedent(match["body"])) for match in _BLOCK.finditer(text)]
