"""`recdiff-sdk sample`, `validate` and `corrupt`: data folders made, looked at and spoiled on purpose."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from recdiff.errors import UsageError
from recdiff.fakes.kinds import injected
from recdiff_cli.console import note, print_json, print_table
from recdiff_cli.options import (
    Data,
    Directed,
    Json,
    Mapping,
    MaxMemory,
    SaveMap,
    SkipBad,
    SkipLimit,
    Split,
    names_of,
)

if TYPE_CHECKING:
    from recdiff.data.dataset import SocialDataset

    Injected = str
else:
    Injected = Literal[injected()]

SHOWN = 10
"""Rows left out that ``validate`` names."""


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    for command in (sample, validate, corrupt):
        app.command(command.__name__)(command)


def read(
    folder: Path,
    directed: bool | None,
    mapping: list[str] | None,
    seed: int,
    split: Literal["ratio", "time"],
    *,
    skip_bad: tuple[bool, float | None],
    save_map: bool = False,
) -> SocialDataset:
    """Read a data folder with the options every command has, and print its notices to stderr.

    Args:
        skip_bad: what ``--skip-bad`` and ``--skip-bad-limit`` say.
    """
    from recdiff.data.dataset import SocialDataset

    names, share = names_of(mapping), share_of(*skip_bad)
    if save_map and not names:
        raise UsageError("--save-map keeps what --map says; give --map COLUMN=NAME too")
    dataset = SocialDataset.read(folder, directed=directed, mapping=names, seed=seed, split=split, skip_bad=share)
    if save_map:
        from recdiff.data.columns import save_map as save

        note(f"names of columns are kept: {save(folder, names)}")
    for each in dataset.notices:
        note(f"note: {each}")
    return dataset


def share_of(skip_bad: bool, limit: float | None) -> float | None:
    """Return the share of rows that ``--skip-bad`` and ``--skip-bad-limit`` let be left out, None without the former.

    Raises:
        UsageError: a limit of what is not asked for.
    """
    from recdiff.data.rows.left_out import MOST

    if limit is not None and not skip_bad:
        raise UsageError("--skip-bad-limit goes with --skip-bad")
    return (MOST if limit is None else limit) if skip_bad else None


def sample(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write the sample.")],
    users: Annotated[int, typer.Option(help="Number of users, up to 10,000,000.")] = 3_000,
    seed: Annotated[int, typer.Option(help="The same seed writes the same bytes.")] = 0,
    json: Json = False,
) -> None:
    """Write a realistic sample with planted fake edges and the truth about them."""
    from recdiff.sample.folder import write_sample

    made = write_sample(folder, users, seed)
    kinds = {str(row["values"]): int(row["counts"]) for row in made.truth["kind"].value_counts().to_pylist()}
    facts: dict[str, Any] = {
        "folder": str(folder),
        "users": made.users,
        "items": made.items,
        "interactions": made.interactions.num_rows,
        "edge_rows": made.social.num_rows,
        "edge_rows_by_kind": dict(sorted(kinds.items())),
    }
    if json:
        print_json(facts)
        return
    counts = [("users", made.users), ("items", made.items), ("interactions", made.interactions.num_rows)]
    rows = [(f"edge rows: {kind}", count) for kind, count in sorted(kinds.items(), key=lambda each: -each[1])]
    print_table((str(folder), "count"), counts + rows)
    note(f"next: recdiff-sdk fit {folder}")


def validate(
    folder: Data,
    *,
    directed: Directed = None,
    mapping: Mapping = None,
    save_map: SaveMap = False,
    skip_bad: SkipBad = False,
    skip_bad_limit: SkipLimit = None,
    split: Split = "ratio",
    seed: Annotated[int, typer.Option(help="Of the split, where the data bring none.")] = 0,
    max_memory: MaxMemory = None,
    json: Json = False,
) -> None:
    """Show what is in a data folder and what is wrong with it."""
    from recdiff.data.summary import describe

    lenient = skip_bad, skip_bad_limit
    dataset = read(folder, directed, mapping, seed, split, skip_bad=lenient, save_map=save_map)
    for each in dataset.left_out[:SHOWN]:
        note(f"left out: {each.file}, row {each.row}: {each.reason}")
    facts = describe(dataset)
    if json:
        print_json(facts)
        return
    flat = [(name, value) for name, value in facts.items() if not isinstance(value, dict | list)]
    nested = [
        (f"{name}: {key}", value)
        for name, part in facts.items()
        if isinstance(part, dict)
        for key, value in part.items()
    ]
    print_table((str(folder), ""), flat + nested)


def corrupt(
    folder: Data,
    *,
    kind: Annotated[Injected, typer.Option(help="What kind of fakes.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to write the spoiled data folder.")],
    share: Annotated[float, typer.Option(help="Fakes as a share of the edges there are.")] = 0.2,
    mode: Annotated[
        Literal["replace", "add"], typer.Option(help="Put fakes in the place of edges, or beside them.")
    ] = "replace",
    seed: Annotated[int, typer.Option(help="Of every random draw.")] = 0,
    directed: Directed = None,
    mapping: Mapping = None,
    skip_bad: SkipBad = False,
    skip_bad_limit: SkipLimit = None,
    max_memory: MaxMemory = None,
    json: Json = False,
) -> None:
    """Write a copy of a data folder with injected fake edges, their truth and a manifest."""
    from recdiff.fakes.corrupted_folder import corrupt_folder

    dataset = read(folder, directed, mapping, seed, "ratio", skip_bad=(skip_bad, skip_bad_limit))
    facts = corrupt_folder(dataset, out, kind=kind, share=share, mode=mode, seed=seed)
    if json:
        print_json(facts)
        return
    print_table((str(out), ""), list(facts.items()))
