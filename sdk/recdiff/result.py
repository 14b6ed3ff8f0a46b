"""A table that a model gives: Arrow inside, as a pandas or Polars frame on request."""

from __future__ import annotations

from functools import wraps
from html import escape
from typing import Any

import pyarrow as pa

from recdiff.errors import UsageError
from recdiff.extras import install_with

SHOWN = 5


class ResultTable:
    """An Arrow table with ``to_pandas`` and ``to_polars``.

    What else an Arrow table has, this has too (``column_names``, ``num_rows``, ``table["src"]``), and what is made of
    it by ``filter``, ``slice``, ``select`` and the like is such a table again. What takes Arrow by its C stream takes
    this: ``polars.DataFrame``, ``pyarrow.table``, ``SocialDataset.from_frames``.
    """

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def to_arrow(self) -> pa.Table:
        """Return the Arrow table, for what accepts nothing else, such as ``pyarrow.parquet.write_table``."""
        return self._table

    def to_pandas(self, **options: Any) -> Any:
        """Return a pandas DataFrame; ``options`` are those of ``pyarrow.Table.to_pandas``.

        Raises:
            UsageError: pandas is not installed.
        """
        try:
            import pandas  # noqa: F401
        except ModuleNotFoundError:
            raise UsageError(f"to_pandas needs pandas; run: {install_with('pandas')}") from None
        return self._table.to_pandas(**options)

    def to_polars(self) -> Any:
        """Return a Polars DataFrame; columns without missing values are not copied.

        Raises:
            UsageError: Polars is not installed.
        """
        try:
            import polars
        except ModuleNotFoundError:
            raise UsageError(f"to_polars needs Polars; run: {install_with('polars')}") from None
        return polars.DataFrame(self._table)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)

    def __getattr__(self, name: str) -> Any:
        # Underscored names are asked for before there is a table, by copy and pickle.
        if name.startswith("_"):
            raise AttributeError(name)
        found = getattr(self._table, name)
        if not callable(found):
            return found

        @wraps(found)
        def asked(*given: Any, **named: Any) -> Any:
            told = found(*given, **named)
            return ResultTable(told) if isinstance(told, pa.Table) else told

        return asked

    def __getitem__(self, key: Any) -> Any:
        return self._table[key]

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def equals(self, other: ResultTable | pa.Table) -> bool:
        """Return whether both hold the same columns with the same values."""
        return bool(self._table.equals(pa.table(other)))

    def __repr__(self) -> str:
        return f"ResultTable({len(self):,} rows: {', '.join(self._table.column_names)})"

    def _repr_html_(self) -> str:
        head = self._table.slice(0, SHOWN)
        names = "".join(f"<th>{escape(name)}</th>" for name in head.column_names)
        rows = "".join(
            f"<tr>{''.join(f'<td>{escape(_shown(value))}</td>' for value in row.values())}</tr>"
            for row in head.to_pylist()
        )
        caption = f"<caption>the first {len(head)} of {len(self):,} rows</caption>"
        return f"<table>{caption}<thead><tr>{names}</tr></thead><tbody>{rows}</tbody></table>"


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)
