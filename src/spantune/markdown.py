"""In: names, settings and numbers from outside. Out: Markdown that shows them and does nothing else. Does not know: cards."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

LONGEST_VALUE = 200  # characters; a longer name or setting says no more and makes the page unreadable
MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|~$>])")


def one_line(value: str) -> str:
    r"""`value` on one line, without control characters and halves of surrogate pairs, and not endless.

    >>> one_line("a\n---\nb\x00\t c")
    'a --- b c'
    """
    kept = "".join(
        character if unicodedata.category(character) not in {"Cc", "Cs"} else " " for character in value[: 10 * LONGEST_VALUE]
    )
    line = " ".join(kept.split())
    return line if len(line) <= LONGEST_VALUE else line[: LONGEST_VALUE - 1] + "…"


def as_text(value: str) -> str:
    r"""`value` as Markdown text that shows it and does nothing else: no emphasis, link, table cell or HTML.

    >>> print(as_text("my_model | <b>[x](y)</b>"))
    my\_model \| &lt;b\>\[x\]\(y\)&lt;/b\>
    """
    return escaped(one_line(value))


def escaped(line: str) -> str:
    r"""A line as Markdown text, however long it is.

    >>> print(escaped("a_b < c"))
    a\_b &lt; c
    """
    return MARKDOWN.sub(r"\\\1", line.replace("&", "&amp;").replace("<", "&lt;"))


def as_code(value: str) -> str:
    r"""`value` as a Markdown code span that is safe in a table.

    >>> print(as_code("a`b|c"), as_code("windows.length"))
    `a'b\|c` `windows.length`
    """
    line = one_line(value).replace("`", "'").replace("|", r"\|")
    return f"`{line}`" if line else ""


def as_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the cells must be safe already.

    >>> print(as_table(["score", "value"], [["F1", "71.25"]]))
    | score | value |
    |---|---|
    | F1 | 71.25 |
    """
    rule = "|" + "---|" * len(head)
    return "\n".join([f"| {' | '.join(head)} |", rule, *(f"| {' | '.join(row)} |" for row in rows)])
