"""What stands on a page: elements, the data that it embeds, rows of its charts' tables, words of its sections."""

from __future__ import annotations

import json
import re
from html import unescape
from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "link", "input", "br", "img"}


class Page(HTMLParser):
    """What a page holds: addresses, ids, texts of table cells; and that every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.cells: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        known = dict(attributes)
        self.addresses += [value for name in ("src", "href", "action", "poster") if (value := known.get(name))]
        self.ids += [value for name, value in attributes if name == "id" and value]
        if tag == "td":
            self.cells.append("")
        if tag in ("th", "table"):
            assert known.get("scope") or tag == "table", attributes

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "td" in self.open:
            self.cells[-1] += f" {data}"


def embedded(text: str) -> dict[str, Any]:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])


def table(text: str, name: str, **wanted: Any) -> list[dict[str, Any]]:
    """The rows of a chart's table that have the wanted values."""
    found = embedded(text)["tables"][name]
    rows = [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]
    return [row for row in rows if wanted.items() <= {key: str(value) for key, value in row.items()}.items()]


def part(text: str, name: str) -> str:
    """One section, without its tags."""
    found = re.search(rf'<section id="{name}"(.*?)</section>', text, re.S)
    return unescape(re.sub(r"<[^>]+>", " ", found[1]))
