"""Everything that is printed of a run's scores, in its order: tables, and what one must know to trust them."""

from elor.report import details, table_notes
from elor.report.results import Results
from elor.report.score_tables import comparisons, further, headline, selected, spread
from elor.report.text import Block


def as_html(found: Results) -> str:
    """All of it, for a notebook."""
    from elor.report import html  # late: a terminal needs no page

    return html.blocks(*results(found))


def results(found: Results, detailed: bool = False) -> list[Block]:
    """The headline, further scores, the spread of raters, comparisons, selected values, notes; those that apply.

    Args:
        found: the metrics.
        detailed: with the tables of `elor.report.details` before the notes.
    """
    blocks = [headline(found), table_notes.few_speakers(found), further(found), spread(found)]
    if found.comparisons["comparisons"]:
        blocks += [comparisons(found), table_notes.contradictions(found)]
    blocks.append(selected(found))
    if detailed:
        blocks += details.tables(found)
    notes = [table_notes.reading(found), table_notes.setting(found)]
    return [block for block in (*blocks, *notes) if block is not None]
