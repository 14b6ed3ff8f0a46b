"""`recdiff-sdk recommend`: top items for all users, named users, or somebody new."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recdiff.errors import DataError, UsageError
from recdiff.machine.memory import Budget
from recdiff_cli.console import note, print_json, print_table, verbatim
from recdiff_cli.handing import hand_on
from recdiff_cli.options import DEFAULT_MODEL, Force, Json, MaxMemory, ModelFolder, Options, Target

if TYPE_CHECKING:
    from recdiff.estimator import RecDiff

SHOWN = 10
LISTS = (".txt", ".csv", ".tsv", ".list")
"""Endings of what is meant to be a file of ids."""
TEXT = 16
"""Bytes that one byte of a list of ids takes in memory."""


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("recommend")(recommend)


def recommend(
    *,
    model: ModelFolder = DEFAULT_MODEL,
    users: Annotated[str | None, typer.Option(metavar="FILE|id,id", help="Whom; default: all users.")] = None,
    k: Annotated[int, typer.Option("--k", min=1, metavar="N", help="How many items each.")] = 20,
    exclude_seen: Annotated[bool, typer.Option("--exclude-seen/--include-seen", help="Leave out known items.")] = True,
    explain: Annotated[bool, typer.Option("--explain", help="Say what led to each: friends, items, member.")] = False,
    history: Annotated[str | None, typer.Option(metavar="item,item", help="Items of somebody new.")] = None,
    friends: Annotated[str | None, typer.Option(metavar="user,user", help="Friends of somebody new.")] = None,
    out: Target = None,
    format_name: Annotated[str, typer.Option("--format", metavar="NAME", help="See docs/adapters.md.")] = "parquet",
    options: Options = None,
    force: Force = False,
    max_memory: MaxMemory = None,
    json: Json = False,
) -> None:
    """Recommend items."""
    from recdiff.estimator import RecDiff
    from recdiff_adapters import RECOMMENDATION_FORMATS

    fitted = RecDiff.load(model)
    if history is not None or friends is not None:
        if users is not None:
            raise UsageError(
                "--users names known users; --history and --friends describe somebody new: give one or the other"
            )
        if out is not None or options or format_name != "parquet":
            raise UsageError(
                "recommendations for somebody new have no user id to hand on: drop --out, --format and --with, and "
                "take them from --json"
            )
        table = fitted.recommend_new(_ids(history), _ids(friends), k, exclude_seen=exclude_seen, explain=explain)
        if json:
            print_json({"recommendations": table.to_pylist()})
        else:
            print_table(table.column_names, (list(row.values()) for row in verbatim(table, "item_id")))
        return
    table = fitted.recommend(None if users is None else _users(users, fitted), k, exclude_seen=exclude_seen)
    if explain:
        table = fitted.explain_recommendations(table)
    # Those for some users do not take the place of those for all.
    stem = "recommendations" if users is None else "recommendations-of-some"
    place = hand_on(table, RECOMMENDATION_FORMATS, name=format_name, out=out, stem=stem, given=options, force=force)
    if json:
        print_json({"out": place, "rows": table.num_rows, "users": len(table["user_id"].unique())})
        return
    print_table(
        table.column_names, (list(row.values()) for row in verbatim(table.slice(0, SHOWN), "user_id", "item_id"))
    )
    note(f"{table.num_rows:,} rows written: {place}")


def _is_file(place: Path) -> bool:
    """Tell whether there is such a file; a list of ids may be longer than the name of a file can be."""
    try:
        return place.is_file()
    except OSError:
        return False


def _ids(text: str | None) -> list[str]:
    return [part for part in (text or "").split(",") if part]


def _users(text: str, model: RecDiff) -> list[str]:
    """Return the ids in a file (one a line) or in a comma-separated list."""
    file = Path(text)
    if not _is_file(file):
        if ("/" in text or file.suffix.lower() in LISTS) and model.fitted_.users.index([text])[0] < 0:
            raise UsageError(f"--users {text}: there is no such file, and no user of that id")
        return _ids(text)
    try:
        budget = Budget(file)
        budget.take(TEXT * file.stat().st_size)
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file}: not UTF-8 at byte {error.start}; accepted is a text file with one user id a line"
        ) from None
    return [line for line in lines if line]
