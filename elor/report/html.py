"""Pieces of a page: escaped text, tables that a screen reader can follow, players, and templates filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from elor.files import plain
from elor.report.audio import data_uri
from elor.report.text import Block, Notes, Table

TEMPLATES = Path(__file__).parent / "templates"


def section(name: str, heading: str, *parts: str) -> str:
    """A landmark with its heading; `name` is what the contents link to."""
    return f'<section id="{name}" aria-labelledby="{name}-h">\n<h2 id="{name}-h">{escape(heading)}</h2>\n' + "\n".join(
        [*filter(None, parts), "</section>"]
    )


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text."""
    return f"<p{_class(kind)}>{escape(text)}</p>"


def missing(what: str) -> str:
    """The one line that stands where there is nothing to show."""
    return paragraph(what, "notice")


def block(one: Block) -> str:
    """A table or notes of `elor.report.text`."""
    if isinstance(one, Notes):
        items = "".join(f"<li>{escape(item)}</li>" for item in one.items)
        return f'<h3>{escape(one.caption)}</h3>\n<ul class="notes">{items}</ul>'
    return table(one)


def table(one: Table) -> str:
    """A table with a caption and scopes, in a box of its own that scrolls where the screen is narrow."""
    head = "".join(
        f'<th scope="col"{_class("name" if place < one.labels else "")}>{escape(name)}</th>'
        for place, name in enumerate(one.header)
    )
    bodies = "".join(
        "<tbody>" + "".join(f"<tr>{_cells(row, one.labels)}</tr>" for row in group) + "</tbody>" for group in one.groups
    )
    return scrolled(
        f"<table><caption>{escape(one.caption)}</caption><thead><tr>{head}</tr></thead>{bodies}</table>", one.caption
    )


def scrolled(content: str, name: str) -> str:
    """A box that scrolls sideways, also by keyboard."""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(name)}">{content}</div>'


def pairs(values: Mapping[str, Any]) -> str:
    """Names and values as a list of definitions; mappings inside are written with dots."""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in flat(values))
    return f"<dl>{rows}</dl>"


def flat(values: Mapping[str, Any], before: str = "") -> Iterable[tuple[str, str]]:
    """`{"a_c": {"b": 1}}` as `("a c.b", "1")`; what is empty is left out."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{before}{name}.")
        elif value not in (None, [], ()):
            text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
            yield (before + name).replace("_", " "), text


def chart(kind: str, caption: str, legend: str = "", **chosen: str) -> str:
    """A place for one of the script's drawings.

    Args:
        kind: its name among the script's `drawings`.
        caption: below it: what is shown, n, method.
        legend: the kind of marks whose meaning is written above it: networks, heads, controls.
        chosen: further attributes for the drawing, for instance the dimension.
    """
    data = "".join(f' data-{name}="{escape(value)}"' for name, value in chosen.items())
    return (
        f'<figure class="card">{legend}<div class="chart" data-chart="{kind}"{data}></div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def legend(kind: str, used: Iterable[str] = ()) -> str:
    """What the marks of a chart mean, drawn by the script."""
    return f'<div class="key" data-key="{kind}" data-used="{escape(",".join(used))}"></div>'


def select(name: str, label: str, options: Mapping[str, str], redraws: str = "") -> str:
    """A list to choose from, and which charts its choice redraws."""
    inner = "".join(f'<option value="{escape(value)}">{escape(text)}</option>' for value, text in options.items())
    draws = f' data-redraws="{redraws}"' if redraws else ""
    return f'<label for="{name}">{escape(label)} <select id="{name}"{draws}>{inner}</select></label>'


def choices(*parts: str) -> str:
    """Controls in a row that breaks where the screen is narrow."""
    return f'<div class="choices">{"".join(parts)}</div>'


def folded(summary: str, content: str) -> str:
    """Content that a click unfolds; in print it is open."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def player(caption: str, signal: ArrayLike, **chosen: str | int) -> str:
    """An audio player with the sound inside, made equally loud as all others."""
    data = "".join(f' data-{name}="{escape(str(value))}"' for name, value in chosen.items())
    return (
        f"<figure{data}><figcaption>{escape(caption)}</figcaption>"
        f'<audio controls preload="metadata" aria-label="{escape(caption)}" src="{data_uri(signal)}"></audio></figure>'
    )


def fill(
    title: str, sections: Mapping[str, str], contents: Mapping[str, str], footer: str, data: Mapping[str, Any]
) -> str:
    """The whole page.

    Args:
        title: of the page.
        sections: by name, each a `section`.
        contents: by name how the section is called in the contents.
        footer: what stands at the end, as HTML.
        data: what the script draws from; NaN becomes null.
    """
    scripts = ("charts.js", "explorer.js", "script.js")
    parts = {
        "title": escape(title),
        "style": _read("style.css"),
        "contents": "".join(f'<a href="#{name}">{escape(contents[name])}</a>' for name in sections),
        "sections": "\n\n".join(sections.values()),
        "footer": footer,
        "data": json.dumps(plain(dict(data)), separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"),
        "script": "\n".join(map(_read, scripts)),
    }
    return re.sub(r"<!-- (\w+) -->", lambda found: parts[found[1]], _read("page.html"))


def _cells(row: Iterable[str], labels: int) -> str:
    return "".join(
        f'<th scope="row">{escape(cell)}</th>' if place < labels else f"<td>{escape(cell)}</td>"
        for place, cell in enumerate(row)
    )


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""


def _read(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")
