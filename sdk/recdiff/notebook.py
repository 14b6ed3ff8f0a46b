"""What a notebook shows of an object: its numbers as a small table."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape


def html_table(title: str, facts: Mapping[str, object]) -> str:
    """Return ``facts`` (name -> value, whole numbers with separators) under ``title`` as HTML; all of it is text."""
    row = "<tr><th style='text-align:left'>{}</th><td style='text-align:right'>{}</td></tr>"
    rows = "".join(row.format(escape(name), escape(_shown(value))) for name, value in facts.items())
    return f"<table><caption>{escape(title)}</caption><tbody>{rows}</tbody></table>"


def sentence(facts: Mapping[str, object]) -> str:
    """Return ``facts`` in one line: values, then names."""
    return ", ".join(f"{_shown(value)} {name}" for name, value in facts.items())


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
