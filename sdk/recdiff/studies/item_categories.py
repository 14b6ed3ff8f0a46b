"""What items are about, where the data folder says so: item_categories.{tsv,csv} with item_id and category_id."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv

from recdiff.data.ids import Ids
from recdiff.errors import DataError

NAMES = {"item_categories.tsv": "\t", "item_categories.csv": ","}
ITEM, CATEGORY = "item_id", "category_id"


def read_categories(folder: Path, items: Ids) -> Mapping[int, tuple[str, ...]] | None:
    """Return the categories of each item position, None where the folder has no such file.

    Raises:
        DataError: the file lacks a column, or is no table.
    """
    if not folder.is_dir():
        return None
    for name, delimiter in NAMES.items():
        file = folder / name
        if file.is_file():
            return _read(file, delimiter, items)
    return None


def _read(file: Path, delimiter: str, items: Ids) -> Mapping[int, tuple[str, ...]]:
    kind = items.values.type
    try:
        table = pacsv.read_csv(
            file,
            parse_options=pacsv.ParseOptions(delimiter=delimiter),
            convert_options=pacsv.ConvertOptions(
                include_columns=[ITEM, CATEGORY], column_types={ITEM: kind, CATEGORY: pa.string()}
            ),
        )
    except (pa.ArrowInvalid, KeyError) as error:
        raise DataError(f"{file}: needs the columns {ITEM} and {CATEGORY} ({error})") from error
    found: dict[int, tuple[str, ...]] = {}
    for position, category in zip(items.index(table[ITEM]), table[CATEGORY].to_pylist(), strict=True):
        if position >= 0:
            found[int(position)] = (*found.get(int(position), ()), category)
    return found
