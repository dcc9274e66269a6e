"""Networks that a user brings: wrong ones are told, whatever is in the file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.inspectors.onnx_files import network

from gemel.core.errors import ConfigurationError, DataError
from gemel.parts.inspectors import INSPECTORS
from gemel.testing.inspectors import album_of, plate

WEIGHT = np.random.default_rng(0).normal(size=(4, 1, 5, 5)).astype(np.float32)


def test_without_onnxruntime_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    file = tmp_path / "n.onnx"
    file.write_bytes(network(WEIGHT * np.float32(3)))
    part = INSPECTORS.build({"kind": "backbone", "file": str(file)})
    with pytest.raises(ConfigurationError, match=r"pip install 'gemel\[onnx\]'"):
        part.fit(album_of(12))


def built(file: Path, **settings: object) -> object:
    words = {"kind": "backbone", "mean": [0.5], "scale": [0.25], "file": str(file), **settings}
    return INSPECTORS.build(words)


def fit(file: Path, **settings: object):
    return built(file, **settings).fit(album_of(12))


def test_a_convolution_is_that_of_numpy(tmp_path: Path) -> None:
    file = tmp_path / "n.onnx"
    file.write_bytes(network(WEIGHT, side=96, stride=1))
    told = fit(file, keep=20).network.describe(plate(1)[:96, :96])
    pixels = (plate(1)[:96, :96] - np.float32(0.5)) / np.float32(0.25)
    assert told.shape == (92, 92, 4)
    assert told[10, 20, 2] == pytest.approx((pixels[10:15, 20:25] * WEIGHT[2, 0]).sum(), rel=1e-3)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a network"),
        (b"not a network at all", "not a network"),
        (network(WEIGHT)[:-40], "not a network"),
        (network(WEIGHT)[:200], "not a network"),
        (network(WEIGHT, kind="NoSuchThing"), "not a network"),
        (network(WEIGHT, side=8), "32 to 4096 pixels"),
        (network(WEIGHT, side=10**6), "32 to 4096 pixels"),
        (network(np.zeros((4, 2, 5, 5), np.float32)), "3 or 1"),
        (network(WEIGHT * np.float32(np.inf)), "not finite"),
    ],
)
def test_wrong_files_are_told(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "wrong.onnx"
    file.write_bytes(content)
    with pytest.raises((ConfigurationError, DataError), match=said) as caught:
        fit(file)
    assert "wrong.onnx" in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        fit(tmp_path / "none.onnx")


def test_another_network_than_the_fitted_one_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "n.onnx"
    file.write_bytes(network(WEIGHT, side="open"))
    part = built(file, side=64)
    saved = json.loads(json.dumps(part.fit(album_of(12)).save()))
    file.write_bytes(network(WEIGHT * np.float32(2), side="open"))
    with pytest.raises(DataError, match="another network than the model was fitted with"):
        part.load(saved)
