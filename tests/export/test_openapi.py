"""The server's description of itself: valid, of every route and no other, and true to what the routes answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("starlette", reason="serving needs the serve extra")
jsonschema = pytest.importorskip("jsonschema", reason="answers are compared with the document by jsonschema")
spec = pytest.importorskip("openapi_spec_validator", reason="the document is checked by openapi-spec-validator")

from starlette.routing import Route  # noqa: E402
from starlette.testclient import TestClient  # noqa: E402

from recdiff_export import OnnxScorer  # noqa: E402
from recdiff_export.serve import ServeOptions, create_app  # noqa: E402
from recdiff_export.serve.openapi import described  # noqa: E402

DOCUMENT = described(ServeOptions())
INFER = {"inputs": [{"name": name, "datatype": "INT64", "shape": [1], "data": [7]} for name in ("src", "dst")]}
NAMED = {"model": "scorer", "version": "1"}
BODIES: dict[str, list[dict[str, Any]]] = {
    "/score": [{"src": [7, 8], "dst": [10, 10]}, {"src": ["7"], "dst": ["8"], "unknown": "error"}, {"src": [7]}],
    "/recommend": [
        {"users": [13, 8], "k": 3},
        {"history": ["i03", "x"], "friends": [13]},
        {"friends": [13], "k": 2},
        {"history": []},
    ],
    "/v2/models/{model}/infer": [INFER, {**INFER, "id": "a", "outputs": [{"name": "fake_score"}]}, {}],
    "/v2/models/{model}/versions/{version}/infer": [INFER],
    "/v2/repository/models/{model}/load": [{}, {"parameters": {"a": 1}}],
}


@pytest.fixture(scope="module")
def client(onnx_scorer: OnnxScorer) -> Iterator[TestClient]:
    opened = OnnxScorer.open(onnx_scorer.folder, provider="cpu", threads=1)
    with TestClient(create_app(opened)) as asked:
        yield asked


def resolved(schema: dict[str, Any]) -> Any:
    """Return a validator of ``schema``, whose references are those of the document."""
    return jsonschema.Draft202012Validator({**schema, "components": DOCUMENT["components"]})


@pytest.mark.parametrize("options", [ServeOptions(), ServeOptions(token="s3cret", max_rows=7)])
def test_the_document_is_valid(options: ServeOptions) -> None:
    spec.validate(described(options))


def test_every_route_is_in_it_and_nothing_else(onnx_scorer: OnnxScorer) -> None:
    routes = {
        (route.path, method.lower())
        for route in create_app(onnx_scorer).routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    told = {(path, verb) for path, entry in DOCUMENT["paths"].items() for verb in entry if verb != "parameters"}
    assert told == routes


def test_a_token_is_asked_for_everywhere_but_for_health() -> None:
    document = described(ServeOptions(token="s3cret"))
    free = {path for path, entry in document["paths"].items() for each in entry.values() if _security(each) == []}
    assert document["security"] == [{"token": []}]
    assert free == {"/v2/health/live", "/v2/health/ready"}
    assert "security" not in DOCUMENT


def _security(operation: Any) -> Any:
    return operation.get("security") if isinstance(operation, dict) else None


@pytest.mark.parametrize("path", DOCUMENT["paths"])
def test_answers_are_as_it_says(client: TestClient, path: str) -> None:
    (verb,) = DOCUMENT["paths"][path].keys() - {"parameters"}
    operation = DOCUMENT["paths"][path][verb]
    for body in BODIES.get(path, [{}]):
        answer = client.request(verb, path.format(**NAMED), json=body if verb == "post" else None)
        said = operation["responses"][str(answer.status_code)]
        if "$ref" in said:
            said = DOCUMENT["components"]["responses"][said["$ref"].rpartition("/")[2]]
        if "requestBody" in operation and "content" in said:
            asked = resolved(operation["requestBody"]["content"]["application/json"]["schema"])
            assert asked.is_valid(body) or answer.status_code == 400
        if "content" in said:
            (media,) = (each for each in said["content"] if answer.headers["content-type"].startswith(each))
            value = answer.json() if media == "application/json" else answer.text
            resolved(said["content"][media]["schema"]).validate(value)
        else:
            assert answer.content == b""
    assert client.get("/openapi.json").json() == DOCUMENT
