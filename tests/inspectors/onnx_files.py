"""Small networks in ONNX form, written byte by byte: no package that makes them is needed.

Fields after onnx.proto3 (github.com/onnx/onnx, IR version 8): a message is pairs of a key, number
times 8 plus wire type, and a value.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def linear(weight: npt.NDArray[np.float32], rows: int | str | None = None) -> bytes:
    """x (series, n) -> x times `weight` (n, …) -> y (series, …)."""
    node = _text(1, "x") + _text(1, "w") + _text(2, "y") + _text(4, "Einsum")
    rest = "abc"[: weight.ndim - 1]
    node += _bytes(5, _text(1, "equation") + _text(4, f"sn,n{rest}->s{rest}") + _number(20, 3))
    graph = _bytes(1, node) + _text(2, "g") + _bytes(5, _tensor(weight))
    graph += _bytes(11, _value("x", ["series", weight.shape[0] if rows is None else rows]))
    graph += _bytes(12, _value("y", ["series", *rest]))
    return _model(graph)


def network(
    weight: npt.NDArray[np.float32], side: int | str = 64, stride: int = 4, kind: str = "Conv"
) -> bytes:
    """x (1, c, side, side) -> convolution with `weight` (k, c, h, w) -> y."""
    channels = weight.shape[1]
    node = _text(1, "x") + _text(1, "w") + _text(2, "y") + _text(4, kind)
    strides = _text(1, "strides") + _number(8, stride) + _number(8, stride) + _number(20, 7)
    if kind == "Conv":
        node += _bytes(5, strides)
    graph = _bytes(1, node) + _text(2, "g") + _bytes(5, _tensor(weight))
    graph += _bytes(11, _value("x", [1, channels, side, side]))
    graph += _bytes(12, _value("y", [1, weight.shape[0], "a", "b"]))
    return _model(graph)


def _model(graph: bytes) -> bytes:
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _text(1, "") + _number(2, 13))


def _tensor(weight: npt.NDArray[np.float32]) -> bytes:
    told = b"".join(_number(1, d) for d in weight.shape)
    return told + _number(2, 1) + _text(8, "w") + _bytes(9, weight.astype("<f4").tobytes())


def _value(name: str, shape: list[int | str]) -> bytes:
    sides = b"".join(
        _bytes(1, _text(2, side) if isinstance(side, str) else _number(1, side)) for side in shape
    )
    return _text(1, name) + _bytes(2, _bytes(1, _number(1, 1) + _bytes(2, sides)))


def _varint(value: int) -> bytes:
    told = bytearray()
    while value > 127:
        told.append(value & 127 | 128)
        value >>= 7
    return bytes([*told, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field * 8) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field * 8 + 2) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())
