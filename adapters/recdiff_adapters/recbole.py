r"""RecBole atomic files: ``NAME/NAME.net`` for edges, ``NAME/NAME.inter`` for recommendations.

A header of ``field:type``, tabs between columns, no quoting. RecBole reads them with pandas, which takes some
words for missing values and a leading quote for a quoted field; ids it would change are refused.
"""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa

from recdiff_adapters.error import OptionError
from recdiff_adapters.index import both_ways
from recdiff_adapters.lines import write_lines
from recdiff_adapters.output import FilePath, unproven, whole_file
from recdiff_adapters.table import EDGES, Pairs, read_pairs
from recdiff_adapters.text import EMPTY, LINE_BREAK, NUL, refuse_ids
from recdiff_adapters.weight import row_weights

# Field texts that pandas.read_csv takes for a missing value unless told otherwise; RecBole does not tell.
_MISSING = (
    "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>",
    "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
_PADDING = r"\A\[PAD\]\z"


def to_recbole(
    table: pa.Table, folder: FilePath, *, weight: str = "one", directed: bool | None = None, force: bool = False
) -> Path:
    """Write the kept edges, or the recommendations, as a RecBole atomic file and return its path.

    The folder's name is RecBole's ``dataset`` and its parent ``data_path``. ``weight`` "trust" or
    "fake_score" adds the column ``score:float``; recommendations always have it. Undirected edges are
    written in both directions. A file that is there already is replaced with ``force`` only: nothing in it says who
    wrote it. Raises AdapterError for a bad table and for ids that RecBole would read as others.
    """
    pairs = both_ways(read_pairs(table).kept(), directed=directed)
    place = Path(folder)
    name = place.name or place.resolve().name
    if name in ("", ".."):
        raise OptionError(f"{str(folder)!r} has no last name, which RecBole takes as the name of the data set")
    _refuse_unreadable(pairs)
    columns = [pairs.column(id_name) for id_name in pairs.id_names]
    weights = row_weights(pairs, weight)
    edges = pairs.kind == EDGES
    fields = ["source_id:token", "target_id:token"] if edges else ["user_id:token", "item_id:token"]
    if not (edges and weight == "one"):
        fields.append("score:float")
        columns.append(weights)
    path = place / f"{name}.{'net' if edges else 'inter'}"
    with whole_file(path, unproven, force=force) as temporary:
        write_lines(temporary, columns, "\t", "\t".join(fields) + "\n")
    return path


def _refuse_unreadable(pairs: Pairs) -> None:
    missing = r"\A(?:" + "|".join(re.escape(word).replace("/", r"\/") for word in _MISSING) + r")\z"
    refuse_ids(pairs, EMPTY, "RecBole reads an empty id as a missing one")
    refuse_ids(pairs, missing, "RecBole reads this id as a missing value")
    refuse_ids(pairs, _PADDING, "RecBole keeps this word for padding")
    refuse_ids(pairs, r"\t", "RecBole separates columns with tabs and knows no quoting")
    refuse_ids(pairs, LINE_BREAK, "RecBole's files cannot hold a line break in an id")
    refuse_ids(pairs, NUL, "RecBole's files cannot hold a NUL character")
    refuse_ids(pairs, r'\A"', "RecBole takes a leading double quote for the start of a quoted field")
