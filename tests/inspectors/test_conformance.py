"""Every inspector of the folder passes the suite; a new file is tested the moment it exists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from tests.inspectors.onnx_files import network

from gemel.parts.inspectors import INSPECTORS, Inspector
from gemel.testing.inspectors import InspectorSuite

FEW = {"iterations": 25, "rate": 0.3, "leaves": 12, "columns": 0.5}
EXAMPLES: Mapping[str, list[dict[str, Any]]] = {
    "backbone": [{"mean": [0.5], "scale": [0.25], "keep": 200}],
    "patches": [{}, {"compare": "nearest", "keep": 300, "top": 3}],
    "template": [{}],
    "texture": [{"boosting": FEW, "rows": 3000, "bank": {"widths": [1.0, 2.0]}}],
}


def _examples() -> list[Any]:
    return [
        pytest.param((name, number), id=f"{name}-{number}")
        for name in INSPECTORS.files()
        for number in range(len(EXAMPLES.get(name, [None])))
    ]


@pytest.mark.conformance
class TestEveryInspector(InspectorSuite):
    @pytest.fixture(params=_examples())
    def inspector(
        self, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
    ) -> Inspector:
        name, number = request.param
        if name not in EXAMPLES:
            pytest.fail(f"inspector '{name}' has no example settings in {__file__}")
        settings = dict(EXAMPLES[name][number])
        if name == "backbone":
            weight = np.random.default_rng(0).normal(size=(12, 1, 7, 7)).astype(np.float32)
            weight -= weight.mean(axis=(2, 3), keepdims=True)
            file = tmp_path_factory.getbasetemp() / "network.onnx"
            file.write_bytes(network(weight, side=112))
            settings["file"] = str(file)
        return INSPECTORS.build({"kind": name, **settings})
