"""Whatever bytes arrive, the decoder answers with tensors of the promised shape or with a RequestError."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recdiff_export.serve.protocol import InferRequest, RequestError, TensorSpec, decode_infer, encode_infer

SPECS = (TensorSpec("src", ("INT64", "BYTES"), (-1,)), TensorSpec("embedding", ("FP32", "FP64"), (-1, 2)))

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
numbers = st.lists(st.integers(-(2**70), 2**70) | st.floats(), max_size=4)
tensors = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["src", "embedding"]) | anything,
        "datatype": st.sampled_from(["INT64", "BYTES", "FP32", "FP64"]) | anything,
        "shape": st.lists(st.integers(-1, 3), max_size=2) | anything,
    },
    optional={
        "data": numbers | st.lists(numbers, max_size=3) | st.lists(st.text(max_size=3), max_size=3) | anything,
        "parameters": st.fixed_dictionaries({"binary_data_size": st.integers(-2, 40) | anything}) | anything,
    },
)
requests = st.fixed_dictionaries(
    {"inputs": st.lists(tensors, max_size=3) | anything}, optional={"outputs": anything, "id": anything}
)


def decode(body: bytes, length: str | None, refused: list[RequestError]) -> InferRequest | None:
    try:
        return decode_infer(body, length, SPECS, max_rows=50)
    except RequestError as error:
        refused.append(error)
        return None


@settings(max_examples=400, deadline=None)
@given(requests, st.binary(max_size=40), st.booleans())
def test_any_request_is_decoded_or_refused(request: object, blob: bytes, binary: bool) -> None:
    head = json.dumps(request).encode()
    refused: list[RequestError] = []
    found = decode(head + blob * binary, str(len(head)) if binary else None, refused)
    assert all(error.status in (400, 413) and str(error) for error in refused)
    if found is not None:
        assert found.tensors["src"].ndim == 1
        assert found.tensors["embedding"].shape[1] == 2


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.text(max_size=6) | st.none())
def test_any_bytes_are_refused(body: bytes, length: str | None) -> None:
    refused: list[RequestError] = []
    assert decode(body, length, refused) is None
    assert [error.status for error in refused] == [400]


def test_a_response_carries_binary_and_plain_results() -> None:
    results = {"a": np.array([1.5, 2.5], np.float32), "b": np.array([[1], [2]], np.int64), "c": np.zeros(1, np.float32)}
    body, headers = encode_infer("m", InferRequest("x", {}, {"a": True, "b": False}, False), results)
    length = int(headers["inference-header-content-length"])
    head = json.loads(body[:length])
    assert head["id"] == "x"
    assert [entry["name"] for entry in head["outputs"]] == ["a", "b"]
    assert head["outputs"][1] == {"name": "b", "datatype": "INT64", "shape": [2, 1], "data": [1, 2]}
    assert np.frombuffer(body[length:], np.float32).tolist() == [1.5, 2.5]
