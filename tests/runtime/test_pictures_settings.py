"""What a plant file may say of pictures, and what it is told where it says something else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.camera import plant, set_up, trained

from gemel.core.errors import ConfigurationError
from gemel.runtime.configuration import check, load


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: path.unlink(), "there is no file plates.model in"),
        (lambda path: path.write_text("{}"), "not a model that `gemel train` wrote"),
        (lambda path: path.write_bytes(b"\xff\xfe\x00"), "not a model that `gemel train` wrote"),
        (lambda path: path.write_text(trained()[:-40]), "was altered or is not whole"),
        (lambda path: path.write_text(older(trained())), "template version 0, must be template "
         "version 1; fit it again"),
        (lambda path: path.write_text(trained().replace('"gemel model": 1', '"gemel model": 0')),
         "a model of format 0, this Gemel reads 1"),
    ],
)  # fmt: skip
def test_a_model_that_cannot_be_used_is_told_at_its_line(
    tmp_path: Path, change: Callable[[Path], None], said: str
) -> None:
    path = set_up(tmp_path)
    assert [a for a in check(path) if a.severity == "error"] == []
    change(tmp_path / "plates.model")
    (advice,) = [a for a in check(path) if a.severity == "error"]
    assert said in advice.sentence
    assert advice.where == "plant.yaml:11"
    with pytest.raises(ConfigurationError):
        load(path)


def older(text: str) -> str:
    from gemel.twin.learning.tasks import Fitted

    fitted = Fitted.parse(text, "")
    return Fitted(
        fitted.task, {**fitted.model, "version": 0}, fitted.evidence, fitted.protocol
    ).text()  # fmt: skip


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"model": "{kind: texture}"}, "the kind of model is chosen when it is fitted"),
        ({"mask": "m"}, "answers to findings say what was right; leave it out"),
        ({"renewal": "{}"}, "is not renewed here"),
        ({"folders": "x"}, "folders"),
        ({"backlog": 0}, "backlog"),
    ],
)
def test_what_is_not_meant_so_is_told(tmp_path: Path, more: dict[str, Any], said: str) -> None:
    path = set_up(tmp_path)
    text = plant(**more)
    if "model" in more:
        text = text.replace(" model: plates.model,", "")
    path.write_text(text)
    (advice,) = [a for a in check(path) if a.severity == "error"]
    assert said in advice.sentence
    assert advice.where == "plant.yaml:11"
