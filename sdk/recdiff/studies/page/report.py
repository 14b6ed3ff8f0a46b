"""One self-contained HTML file from all studies of a folder: no script, no font, no picture from elsewhere."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recdiff.errors import UsageError
from recdiff.storage.whole import write_whole
from recdiff.studies.page.findings import Summary, Written, read_all
from recdiff.studies.page.style import STYLE

NAME = "report.html"
TITLE = "<title>recdiff-sdk studies</title>"
HEAD = 4096
"""Characters within which the title of a report of ours lies."""


def write_report(folder: Path, order: Sequence[str]) -> Path:
    """Assemble the studies in ``folder`` into its report.html and return that file.

    Raises:
        UsageError: the folder holds no study, or a report.html that is none of ours.
        ArtifactError: a study's files are damaged.
    """
    studies = read_all(folder, order) if folder.is_dir() else []
    if not studies:
        raise UsageError(f"{folder}: holds no study; run one first, e.g. recdiff-sdk study overall DATA --out {folder}")
    tables = {each.csv: (folder / each.csv).read_bytes() for each in studies}
    file = folder / NAME
    if file.exists() and TITLE not in file.read_text(encoding="utf-8", errors="replace")[:HEAD]:
        raise UsageError(f"{file} is there and no report of ours, so it is not replaced; move it away")
    write_whole(file, render(studies, tables))
    return file


def render(studies: Sequence[Written], tables: Mapping[str, bytes]) -> str:
    """Return the page; ``tables`` holds the CSV of each study, offered for download from within the page."""
    groups = {data: [each for each in studies if each.data == data] for data in dict.fromkeys(s.data for s in studies)}
    contents = "".join(_contents(data, group) for data, group in groups.items())
    body = "".join(_group(data, group, tables) for data, group in groups.items())
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"{TITLE}<style>{STYLE}</style></head><body>"
        "<header><h1>recdiff-sdk studies</h1><p>Settings and epochs are chosen on the validation split; the test split "
        "is read once per final fit. Every sentence under “What the numbers say” is computed from the table "
        f'beside it.</p><nav aria-label="Contents">{contents}</nav></header><main>{body}</main>'
        f"<footer>{_origins(studies)}</footer></body></html>\n"
    )


def _anchor(study: Written) -> str:
    """Return the id of a study's part of the page, whatever its data are called."""
    return re.sub(r"[^\w-]", lambda found: f".{ord(found[0]):x}.", f"{study.study}-{study.data}")


def _contents(data: str, group: Sequence[Written]) -> str:
    links = "".join(f'<li><a href="#{_anchor(each)}">{html.escape(each.title)}</a></li>' for each in group)
    return f"<div><b>{html.escape(data)}</b><ul>{links}</ul></div>"


def _group(data: str, group: Sequence[Written], tables: Mapping[str, bytes]) -> str:
    facts = group[-1].provenance["data"]
    counts = " · ".join(
        f"{facts[name]:,} {label}"
        for name, label in (
            ("users", "users"),
            ("items", "items"),
            ("train", "training interactions"),
            ("validation", "validation"),
            ("test", "test"),
            ("ties", "directed ties" if facts["directed"] else "ties"),
        )
    )
    sections = "".join(_section(each, tables[each.csv]) for each in group)
    return f'<h2 class="data">{html.escape(data)}</h2><p class="facts">{counts}</p>{sections}'


def _section(study: Written, csv: bytes) -> str:
    says = "".join(f"<p>{html.escape(text)}</p>" for text in study.says)
    figures = "".join(
        f'<figure><div class="picture" tabindex="0" role="img" aria-label="{html.escape(each.caption, quote=True)}">'
        f"{_inline(each.svg, f'{_anchor(study)}-{html.escape(each.name, quote=True)}')}</div>"
        f"<figcaption>{html.escape(each.caption)}</figcaption></figure>"
        for each in study.figures
    )
    tables = "".join(map(_table, study.summaries))
    link = f"data:text/csv;base64,{base64.b64encode(csv).decode()}"
    name = html.escape(study.csv, quote=True)
    budget = html.escape(str(study.provenance["budget"]))
    return (
        f'<section id="{_anchor(study)}"><h3>{html.escape(study.title)}</h3><p class="question">'
        f'{html.escape(study.question)}</p><div class="says"><h4>What the numbers say</h4>{says}</div>{figures}{tables}'
        f'<p class="facts">{budget} <a download="{name}" href="{link}">All rows as CSV</a></p></section>'
    )


def _table(summary: Summary) -> str:
    # The first column heads the rows, whatever it holds.
    numeric = [
        place > 0 and all(_is_number(row[place]) for row in summary.rows) for place in range(len(summary.columns))
    ]
    head = "".join(
        f'<th scope="col"{_aligned(number)}>{html.escape(name)}</th>'
        for name, number in zip(summary.columns, numeric, strict=True)
    )
    rows = "".join(
        "<tr>"
        + "".join(
            f'<th scope="row">{html.escape(cell)}</th>'
            if not place
            else f"<td{_aligned(number)}>{html.escape(cell)}</td>"
            for place, (cell, number) in enumerate(zip(row, numeric, strict=True))
        )
        + "</tr>"
        for row in summary.rows
    )
    note = f'<p class="facts">{html.escape(summary.note)}</p>' if summary.note else ""
    return (
        f'<div class="table" tabindex="0"><table><caption>{html.escape(summary.title)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>{note}"
    )


def _aligned(number: bool) -> str:
    return ' class="n"' if number else ""


def _is_number(text: str) -> bool:
    return bool(re.match(r"^[-+<\[]?[\s]?[\d.,]|^[-–]?$", text))


def _inline(svg: str, prefix: str) -> str:
    """Return ``svg`` with ids of its own on a page of many, and without a fixed size."""
    svg = re.sub(r"\sid=\"([^\"]+)\"", rf' id="{prefix}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", svg)
    svg = re.sub(r"href=\"#([^\"]+)\"", rf'href="#{prefix}-\1"', svg)
    root, rest = svg.split(">", 1)
    width = re.search(r"\swidth=\"([\d.]+)pt\"", root)
    # Between the drawn size and three quarters of it: smaller, letters are hard to read, and the picture scrolls.
    full = float(width[1]) * 4 / 3 if width else 0.0
    bare = re.sub(r"\s(?:width|height)=\"[^\"]*\"", "", root)
    return f'{bare} style="max-width:{full:.0f}px;min-width:{0.75 * full:.0f}px">{rest}'


def _origins(studies: Sequence[Written]) -> str:
    rows = "".join(_origin(each) for each in studies)
    return f"<h2>Where the numbers come from</h2>{rows}"


def _origin(study: Written) -> str:
    facts: dict[str, Any] = dict(study.provenance)
    machine, versions, data = facts["machine"], facts["versions"], facts["data"]
    lines = (
        ("Command", facts["command"]),
        ("Seeds", ", ".join(map(str, facts["seeds"]))),
        ("Finished", facts["finished"]),
        ("Computing time", f"{facts['cell_seconds']:.0f} s in {facts['cells']} cells"),
        ("Machine", f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, GPU: "
                    f"{machine['cuda_device']}, {machine['system']}"),
        ("Versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
        ("Data", f"{data['name']}, fingerprint {data['fingerprint']}"),
    )  # fmt: skip
    items = "".join(f"<dt>{name}</dt><dd>{html.escape(str(value))}</dd>" for name, value in lines)
    return (
        f"<details><summary>{html.escape(study.title)}, {html.escape(study.data)}</summary><dl>{items}</dl></details>"
    )
