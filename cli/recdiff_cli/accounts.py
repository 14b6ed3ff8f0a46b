"""`recdiff-sdk accounts`: who is fake, and which accounts act together."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from recdiff.errors import UsageError
from recdiff_cli.console import note, print_json, print_table, said_share, verbatim
from recdiff_cli.handing import hand_on
from recdiff_cli.options import DEFAULT_MODEL, Force, Json, ModelFolder, Options, Target

SHOWN = 20
LISTS = ("targets", "members")
"""Columns of groups that are too long for a terminal."""
FIRST = ("user_id", "account_score", "group", "group_score", "size", "reasons")
"""Columns that matter most on a screen, in this order."""


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("accounts")(accounts)


def accounts(
    model: ModelFolder = DEFAULT_MODEL,
    *,
    groups: Annotated[bool, typer.Option("--groups", help="One line per group of accounts that act together.")] = False,
    top: Annotated[int | None, typer.Option("--top", min=1, metavar="N", help="Only the N most suspicious.")] = None,
    out: Target = None,
    format_name: Annotated[
        str | None, typer.Option("--format", metavar="NAME", help="Default: parquet; see docs/adapters.md.")
    ] = None,
    options: Options = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Rank accounts by the probability that they are fake, each with its edges, group and reasons."""
    if out is None and format_name is None and (options or force):
        raise UsageError("--with and --force are for a file; give --out FILE or --format NAME too")
    from recdiff.accounts.scores import most_fake
    from recdiff.estimator import RecDiff

    fitted = RecDiff.load(model)
    judged, evidence = fitted.fitted_.accounts, fitted.fitted_.account_evidence
    most = most_fake(judged, evidence, fitted.fitted_.calibration["fake_share"]["high"])
    expected = {"estimate": float(judged.score.mean()), "most": most, "audited": False}
    share = fitted.fitted_.calibration.get("account_share", expected)
    table = fitted.groups_ if groups else fitted.accounts_
    rows = table if top is None else table.slice(0, top)
    stem, place = "groups" if groups else "accounts", None
    if out is not None or format_name is not None:
        from recdiff_adapters import ACCOUNT_FORMATS

        name = format_name or "parquet"
        place = hand_on(rows, ACCOUNT_FORMATS, name=name, out=out, stem=stem, given=options, force=force)
    if json:
        shown = rows.slice(0, top or SHOWN).to_pylist()
        facts = {"rows": table.num_rows, stem: shown} if place is None else {"out": place, "rows": rows.num_rows}
        print_json({**facts, "account_share": share})
        return
    shown = verbatim(rows.slice(0, top or SHOWN), "group" if groups else "user_id")
    names = [name for name in FIRST if name in table.column_names]
    names += [name for name in table.column_names if name not in (*LISTS, *FIRST)]
    names = [name for name in names if not shown or any(row[name] is not None for row in shown)]
    print_table(names, ([_shown(row[name]) for name in names] for row in shown))
    if groups and not table.num_rows:
        note("no group of accounts that act together was found")
    note(f"share of fake accounts: {said_share(share) if share['audited'] else _said_expected(share)}")
    note(f"{rows.num_rows:,} rows written: {place}" if place else f"{table.num_rows:,} in all; --out FILE writes them")


def _said_expected(share: dict[str, Any]) -> str:
    most = f"up to {share['most']:.3f} where fake accounts made every fake edge"
    return f"{share['estimate']:.3f} (expected, not audited),\n  {most}"


def _shown(value: object) -> object:
    return "" if value is None else value
