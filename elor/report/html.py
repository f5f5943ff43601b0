"""Pages by Jinja2: every value is escaped, and a name that a template misspells is an error.

`templates/parts.html` has the pieces that sections share; a section of the report is the template of its name.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from elor.files import plain
from elor.report.audio import data_uri
from elor.report.text import Block, Notes

TEMPLATES, CHARTS = Path(__file__).parent / "templates", Path(__file__).parent / "vega"


def blocks(*some: Block) -> str:
    """Tables and notes alone, for a notebook."""
    return render("blocks.html", some=some)


def render(template: str, **values: Any) -> str:
    """Fill in a template.

    Args:
        template: its file in `templates`.
        values: what it names. `data`, which the page's scripts read, becomes JSON; NaN becomes null.
    """
    return ENVIRONMENT.get_template(template).render(**values)


def charts(names: Iterable[str]) -> dict[str, Any]:
    """Descriptions of charts in Vega-Lite, by name, without the address of their schema."""
    found = {name: json.loads((CHARTS / f"{name}.json").read_text(encoding="utf-8")) for name in names}
    return {name: {key: value for key, value in chart.items() if key != "$schema"} for name, chart in found.items()}


def cards(values: Mapping[str, Any], first: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Nested values as names and texts, a card per mapping; `first` is the name of what lies in none."""
    own = [(name.replace("_", " "), _written(value)) for name, value in values.items() if _worth_writing(value)]
    inner = ((name, value) for name, value in values.items() if isinstance(value, Mapping))
    deeper = [
        (f"{name}, {below}" if below else name, texts) for name, value in inner for below, texts in cards(value, "")
    ]
    return [(first, own), *deeper] if own else deeper


def _worth_writing(value: Any) -> bool:
    return not isinstance(value, Mapping) and value not in (None, [], ())


def _written(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _source(name: str) -> Markup:
    """A file of `templates` as it stands."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))


def _libraries() -> Markup:
    """The drawing libraries, out of the page that `dvc plots` draws with: they lie in the repository once."""
    page = (CHARTS / "page.html").read_text(encoding="utf-8")
    return Markup("\n".join(re.findall(r"<script data-library=.*?\n</script>", page, re.DOTALL)))


def _json(data: Any) -> Markup:
    """JSON that cannot end the element which it stands in."""
    return Markup(json.dumps(plain(data), separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"))


ENVIRONMENT = Environment(
    loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
ENVIRONMENT.tests["notes"] = lambda block: isinstance(block, Notes)
ENVIRONMENT.filters |= {"embedded": _json, "named": lambda keys, words: {key: words(key) for key in keys}}
ENVIRONMENT.globals |= {
    "cards": cards,
    "data_uri": data_uri,
    "libraries": _libraries,
    "licences": lambda: (CHARTS / "licences.txt").read_text(encoding="utf-8"),
    "source": _source,
}
