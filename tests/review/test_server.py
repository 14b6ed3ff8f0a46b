"""The server of the page: it says what stands in its way before it says that it listens."""

from __future__ import annotations

import socket

import pytest

from recdiff.errors import UsageError
from recdiff_export.review.server import serve_review
from tests.review.conftest import Place


def test_a_taken_port_is_refused_before_anything_is_said(place: Place) -> None:
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UsageError, match="port"):
        serve_review(place.desk(), taken.getsockname()[1], said.append)
    assert not said
