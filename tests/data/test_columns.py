"""Columns are found by their names, other spellings, or the mapping."""

from __future__ import annotations

import pytest

from recdiff.data.columns import INTERACTIONS, SOCIAL, Schema, check_mapping, names_columns, resolve, unused


@pytest.mark.parametrize(
    ("schema", "header", "names"),
    [
        (SOCIAL, ["src", "dst"], {"src": "src", "dst": "dst"}),
        (SOCIAL, ["Source", "TARGET", "score"], {"src": "Source", "dst": "TARGET", "weight": "score"}),
        (SOCIAL, ["source_id:token", "target_id:token"], {"src": "source_id:token", "dst": "target_id:token"}),
        (SOCIAL, ["userID", "friendID"], {"src": "userID", "dst": "friendID"}),
        (SOCIAL, [" from ", "to-id"], {"src": " from ", "dst": "to-id"}),
        (SOCIAL, ["dst", "source", "src"], {"src": "src", "dst": "dst"}),
        (INTERACTIONS, ["User ID", "artistID"], {"user_id": "User ID", "item_id": "artistID"}),
        (
            INTERACTIONS,
            ["timestamp:float", "item_id:token", "user_id:token", "rating:float"],
            {
                "user_id": "user_id:token",
                "item_id": "item_id:token",
                "rating": "rating:float",
                "timestamp": "timestamp:float",
            },
        ),
    ],
)
def test_names_that_are_recognised(schema: Schema, header: list[str], names: dict[str, str]) -> None:
    assert resolve(header, schema, {}) == (names, [])


def test_lines_of_comment_above_the_header_are_named() -> None:
    names, problems = resolve(["# Directed graph: x.txt"], SOCIAL, {})
    assert names == {}
    assert str(problems[0]) == (
        "column src is missing: the first line, '# Directed graph: x.txt', is taken for the header; remove lines of "
        "comment above the one that names the columns"
    )


def test_a_line_that_names_a_column_is_told_from_a_row() -> None:
    assert names_columns(["# FromNodeId", "x"])
    assert names_columns(["5", "Rating"])
    assert not names_columns(["5", "# Nodes: 7"])


def test_every_spelling_is_recognised_and_means_one_column() -> None:
    for schema in (INTERACTIONS, SOCIAL):
        every = [spelling for name in schema.required + schema.optional for spelling in schema.spellings(name)]
        assert len(every) == len(set(every))
        for name in schema.required + schema.optional:
            others = [other for other in schema.required if other != name]
            for spelling in schema.spellings(name):
                assert resolve([spelling, *others], schema, {})[0][name] == spelling


def test_unused_columns_in_order() -> None:
    assert unused(["b", "src", "a", "dst"], {"src": "src", "dst": "dst"}) == ("b", "a")


def test_no_mapping_is_an_empty_one() -> None:
    assert check_mapping(None) == {}
    assert check_mapping({"src": "a"}) == {"src": "a"}
