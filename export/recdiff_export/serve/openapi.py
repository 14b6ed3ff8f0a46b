"""The server's own description, OpenAPI 3.1: every path, what it takes and what it answers."""

from __future__ import annotations

from typing import Any

from recdiff.version import VERSION
from recdiff_export.serve.answers import MOST_TOLD
from recdiff_export.serve.options import ServeOptions

Schema = dict[str, Any]
_NAMES = ("scorer", "denoiser")
_TYPES = ("INT64", "BYTES", "FP32", "FP64")


def described(options: ServeOptions) -> dict[str, Any]:
    """Return the document for a server with these ``options``."""
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "recdiff-sdk",
            "version": VERSION,
            "description": "Fake scores of ties, and recommendations, by raw ids or by the Open Inference Protocol.",
        },
        "paths": {**_own_paths(), **_protocol_paths()},
        "components": {"schemas": _schemas(options), "responses": _failures()},
    }
    if options.token is not None:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"token": []}]
        for path in ("/v2/health/live", "/v2/health/ready"):
            document["paths"][path]["get"]["security"] = []
    return document


def _own_paths() -> dict[str, Any]:
    ranked = "The best unseen items of users, or of somebody new by their history and friends."
    return {
        "/score": {"post": _operation("Fake scores of ties.", _ref("Scores"), _ref("Ties"), bad=(400, 413, 422, 503))},
        "/recommend": {
            "post": _operation(ranked, _ref("Recommendations"), _ref("Users"), bad=(400, 413, 422, 503)),
        },
        "/metrics": {"get": _operation("Figures for Prometheus.", {"type": "string"}, media="text/plain")},
        "/openapi.json": {"get": _operation("This document.", {"type": "object"})},
    }


def _protocol_paths() -> dict[str, Any]:
    paths: dict[str, Any] = {
        "/v2": {"get": _operation("What the server is.", _ref("Server"))},
        "/v2/health/live": {"get": _operation("The process answers.", None)},
        "/v2/health/ready": {"get": _operation("Requests are answered.", None)},
        "/v2/models": {"get": _operation("The models of the bundle that serves.", _ref("Models"))},
    }
    model = _path_parameter("model", list(_NAMES))
    for prefix, parameters in (
        ("/v2/models/{model}", [model]),
        ("/v2/models/{model}/versions/{version}", [model, _path_parameter("version", ["1"])]),
    ):
        inference = _operation("Run a model.", _ref("Inferred"), _ref("Inference"), bad=(400, 404, 413, 422, 503))
        for content in (inference["requestBody"]["content"], inference["responses"]["200"]["content"]):
            content["application/octet-stream"] = {"schema": {"type": "string", "format": "binary"}}
        inference["parameters"] = [_HEADER]
        paths |= {
            prefix: {"parameters": parameters, "get": _operation("Metadata.", _ref("Model"), bad=(404,))},
            f"{prefix}/ready": {"parameters": parameters, "get": _operation("It is served.", None, bad=(404,))},
            f"{prefix}/infer": {"parameters": parameters, "post": inference},
        }
    load = _operation("Load the bundle anew.", {"type": "object"}, {"type": "object"}, bad=(400, 404, 413, 503))
    load["requestBody"]["required"] = False
    paths["/v2/repository/models/{model}/load"] = {"parameters": [model], "post": load}
    return paths


def _operation(
    summary: str,
    answer: Schema | None,
    asked: Schema | None = None,
    *,
    bad: tuple[int, ...] = (),
    media: str = "application/json",
) -> dict[str, Any]:
    said: dict[str, Any] = {"description": summary}
    if answer is not None:
        said["content"] = {media: {"schema": answer}}
    failures = {str(status): {"$ref": f"#/components/responses/{status}"} for status in (*bad, 401, 500)}
    found: dict[str, Any] = {"summary": summary, "responses": {"200": said, **failures}}
    if asked is not None:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": asked}}}
    return found


def _path_parameter(name: str, values: list[str]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "enum": values}}


_HEADER: dict[str, Any] = {
    "name": "Inference-Header-Content-Length",
    "in": "header",
    "description": "Bytes of the JSON before binary tensors.",
    "schema": {"type": "integer", "minimum": 0},
}


def _failures() -> dict[str, Any]:
    said = {
        400: "The request is malformed.",
        401: "The bearer token is missing or wrong.",
        404: "There is no such model.",
        413: "The request is beyond the server's limits.",
        422: "An id is not in the model, or the model cannot do this.",
        500: "A fault of the server.",
        503: "Too much waits; Retry-After says when to ask again.",
    }
    content = {"application/json": {"schema": _ref("Failure")}}
    return {str(status): {"description": text, "content": content} for status, text in said.items()}


def _schemas(options: ServeOptions) -> dict[str, Schema]:
    identity: Schema = {"type": ["integer", "string"], "description": "A raw id, as in the data."}
    ids = _list(_ref("Id"), most=options.max_rows)
    count: Schema = {"type": "integer", "minimum": 1, "maximum": options.max_k, "default": 10}
    unknown: Schema = {
        "type": "string",
        "enum": ["null", "error"],
        "default": "null",
        "description": "null: rows with an unknown id are told of in errors, the others answered; error: 422.",
    }
    further = "Rows with an error beyond those that errors tells of."
    told = {
        "errors": _list(_ref("RowError"), most=MOST_TOLD),
        "further_errors": {"type": "integer", "minimum": 0, "description": further},
    }
    entry = _object(
        {"user": {"type": ["integer", "string", "null"]}, "items": _list(_ref("Id")), "scores": _list(_NUMBER)}
    )
    known = _object({"users": ids, "k": count, "unknown": unknown}, needed=("users",))
    new = _object({"history": ids, "friends": ids, "k": count, "unknown": unknown}, needed=())
    new["anyOf"] = [{"required": ["history"]}, {"required": ["friends"]}]
    fields: Schema = {"row": {"type": "integer", "minimum": 0}, "error": {"type": "string"}}
    fields["field"] = {"type": "string", "enum": ["history", "friends"]}
    return {
        "Id": identity,
        "RowError": _object(fields, needed=("row", "error")),
        "Failure": _object({"error": {"type": "string"}}),
        "Ties": _object({"src": ids, "dst": ids, "unknown": unknown}, needed=("src", "dst")),
        "Scores": _object({"fake_score": _list({"type": ["number", "null"]}), **told}),
        "Users": {"oneOf": [known, new]},
        "Recommendations": _object({"recommendations": _list(entry), **told}),
        **_protocol_schemas(),
    }


def _protocol_schemas() -> dict[str, Schema]:
    text: Schema = {"type": "string"}
    shape = _list({"type": "integer"})
    parameters: Schema = {"type": "object"}
    described: Schema = {"name": text, "datatype": {"type": "string", "enum": list(_TYPES)}, "shape": shape}
    tensor = {**described, "data": {"type": "array"}, "parameters": parameters}
    given = _list(_open(tensor, ("name", "datatype", "shape")))
    listed = {"name": text, "version": text, "state": {"const": "READY"}, "bundle": text}
    chosen = _list(_open({"name": text, "parameters": parameters}, ("name",)))
    asked = {"id": text, "inputs": given, "outputs": chosen, "parameters": parameters}
    inferred = {"id": text, "model_name": text, "model_version": text, "outputs": given}
    model = {"name": text, "versions": _list(text), "platform": text, "properties": {"type": "object"}}
    model |= {side: _list(_object(described)) for side in ("inputs", "outputs")}
    return {
        "Server": _object({"name": text, "version": text, "extensions": _list(text)}),
        "Models": _object({"models": _list(_object(listed))}),
        "Model": _object(model),
        "Inference": _open(asked, ("inputs",)),
        "Inferred": _object(inferred, needed=("model_name", "model_version", "outputs")),
    }


_NUMBER: Schema = {"type": "number"}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(of: Schema, most: int | None = None) -> Schema:
    return {"type": "array", "items": of} | ({} if most is None else {"maxItems": most})


def _object(properties: Schema, needed: tuple[str, ...] | None = None) -> Schema:
    """Return an object of these properties and no others."""
    return {**_open(properties, tuple(properties) if needed is None else needed), "additionalProperties": False}


def _open(properties: Schema, needed: tuple[str, ...]) -> Schema:
    return {"type": "object", "properties": properties, "required": list(needed)}
