"""Tables in HTML, which notebooks show in place of a `repr`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def html_table(caption: str, header: Sequence[str], rows: Iterable[Sequence[str]], notes: Iterable[str] = ()) -> str:
    """Writes a table in HTML. All that it is given is text, and stays text: a `<` in a name is shown, not obeyed.

    Args:
        caption: What is above it.
        header: Names of the columns. All but the first hold what is aligned to the right.
        rows: Texts of the cells, row by row.
        notes: Lines below it.

    >>> "&lt;c&gt;" in html_table("a", ["b"], [["<c>"]])
    True
    """
    from html import escape  # brings a table of two thousand entities

    def row(cells: Sequence[str], tag: str) -> str:
        sides = ["left", *["right"] * (len(cells) - 1)]
        return "".join(
            f'<{tag} style="text-align:{side}">{escape(cell)}</{tag}>' for cell, side in zip(cells, sides, strict=True)
        )

    lines = [row(header, "th"), *(row(cells, "td") for cells in rows)]
    table = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<div><b>{escape(caption)}</b><table>{table}</table>{'<br>'.join(map(escape, notes))}</div>"
