"""Names of a package load on first use, and one that is not there is an AttributeError."""

from __future__ import annotations

import pytest

from recdiff.lazy import lazily


def test_a_name_is_taken_out_of_its_module() -> None:
    load = lazily("json", {"JSONDecoder": "decoder"})
    assert load("JSONDecoder").__module__ == "json.decoder"


def test_another_name_is_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'json' has no attribute 'dumps'"):
        lazily("json", {"JSONDecoder": "decoder"})("dumps")
