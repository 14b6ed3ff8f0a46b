"""Figures that others have published, as a block of its own beside what was measured here."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from recdiff.studies.page.findings import Summary
from recdiff.studies.page.wording import digits

FILE = Path(__file__).resolve().parent.parent / "published.toml"
TITLE = "Published elsewhere, other splits: not comparable cell by cell"
HEADINGS = {"recall": "Recall", "ndcg": "NDCG", "precision": "Prec", "hit_rate": "Hit"}
MOST_READ = "@20"


@dataclass(frozen=True)
class Published:
    """One figure of somebody else's.

    Attributes:
        system, data: as they are called there.
        metric: such as "recall@20".
        value: as printed.
        source, link: where it stands.
        split: how the data were divided, and what was ranked.
        chosen_on_test: whether the epoch was chosen on the test split; None where that is not known.
    """

    system: str
    data: str
    metric: str
    value: float
    source: str
    link: str
    split: str
    chosen_on_test: bool | None


@cache
def figures() -> tuple[Published, ...]:
    """Return all figures of published.toml, in its order."""
    stored = tomllib.loads(FILE.read_text(encoding="utf-8"))
    found = []
    for each in stored["figures"]:
        source = stored["sources"][each["source"]]
        found.append(
            Published(
                system=each["system"],
                data=each["data"],
                metric=each["metric"],
                value=float(each["value"]),
                source=source["title"],
                link=source["link"],
                split=source["split"],
                chosen_on_test=source.get("chosen_on_test"),
            )
        )
    return tuple(found)


def published(data: str) -> Summary:
    """Return what others print of the data set called ``data``; where nobody does, of all data sets what is read most.

    A row is a system in a source, a column a metric.
    """
    own = [each for each in figures() if each.data == data.lower()]
    shown = own or [each for each in figures() if each.metric.endswith(MOST_READ)]
    columns = list(dict.fromkeys((each.data, each.metric) for each in shown))
    rows = list(dict.fromkeys((each.system, each.source) for each in shown))
    sources = dict.fromkeys(f"{each.source}: {each.split}; {each.link}" for each in shown)
    return Summary(
        TITLE,
        ("system", *(_heading(name, metric, own) for name, metric in columns), "epoch chosen on", "source"),
        tuple(_row(shown, system, source, columns) for system, source in rows),
        f"As printed there; nothing in this table was measured by this study. {'. '.join(sources)}.",
    )


def _heading(data: str, metric: str, own: Sequence[Published]) -> str:
    name, k = metric.split("@")
    return f"{HEADINGS[name]}@{k}" if own else f"{data} {HEADINGS[name]}@{k}"


def _row(shown: Sequence[Published], system: str, source: str, columns: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    found = [each for each in shown if (each.system, each.source) == (system, source)]
    values = {(each.data, each.metric): digits(each.value) for each in found}
    first = found[0]
    chosen = {True: "test", False: "validation", None: "not known"}[first.chosen_on_test]
    return (system, *(values.get(each, "–") for each in columns), chosen, source)
