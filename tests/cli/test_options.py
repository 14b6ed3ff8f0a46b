"""Options of the form NAME=VALUE and SRC,DST are read as they are meant, and others are refused by name."""

from __future__ import annotations

import pytest

from recdiff.errors import UsageError
from recdiff_cli.options import names_of, pair_of, values_of


def test_columns_and_values_by_name() -> None:
    assert names_of(["user_id=uid", "src=a=b"]) == {"user_id": "uid", "src": "a=b"}
    assert values_of(["weight=trust", "prefix="]) == {"weight": "trust", "prefix": ""}
    assert names_of(None) == values_of(None) == {}


@pytest.mark.parametrize("text", ["uid", "=uid", "user_id="])
def test_a_column_without_a_name_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        names_of([text])
    assert str(caught.value) == f"--map {text}: expected COLUMN=NAME, e.g. --map user_id=uid"


@pytest.mark.parametrize("text", ["trust", "=trust"])
def test_a_value_without_a_name_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        values_of([text])
    assert str(caught.value) == f"--with {text}: expected NAME=VALUE, e.g. --with weight=trust"


def test_two_ends() -> None:
    assert pair_of("7,9") == ("7", "9")
    for text in ("7", "7,", ",9", "7,9,11"):
        with pytest.raises(UsageError, match="expected SRC,DST"):
            pair_of(text)
