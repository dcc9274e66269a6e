"""A camera for tests: plates as pictures, and a model that was trained on good ones."""

from __future__ import annotations

import functools
import io
from pathlib import Path

import numpy as np
from PIL import Image

from gemel.testing.inspectors import plate, scratched
from gemel.twin.learning.tasks import read_task

PLANT = """\
format: 1
plant: {{site: Test, time_zone: Europe/Berlin}}
connectors:
  push: {{kind: http}}
assets:
  line/press:
    connector: push
    signals: {{lot: {{type: text, role: lot}}}}
tasks:
  surface: {{task: inspection, title: Surface of plates, asset: line/press,
    model: plates.model{more}}}
"""


def plant(**more: object) -> str:
    return PLANT.format(more="".join(f", {name}: {value}" for name, value in more.items()))


def png(image: np.ndarray, form: str = "PNG") -> bytes:
    room = io.BytesIO()
    Image.fromarray((image * 255).astype(np.uint8)).save(room, format=form)
    return room.getvalue()


def good(number: int) -> bytes:
    return png(plate(number))


def bad(number: int) -> bytes:
    return png(scratched(number)[0])


def trained(kind: str = "template") -> str:
    """The text of a model file, fitted on 40 good plates."""
    return _trained(kind)


@functools.cache
def _trained(kind: str) -> str:
    from gemel.core.image import Gallery

    names = np.array([f"{number}.png" for number in range(40)])
    gallery = Gallery(
        {"image": names, "label": np.array(["good"] * 40)}, "0", "plates", "image",
        lambda name: plate(int(name.removesuffix(".png"))),
    )  # fmt: skip
    task = read_task({"task": "inspection", "model": {"kind": kind, "rejects": 0.025}})
    return task.fit(gallery, lambda _: None).text()


def set_up(where: Path, **more: object) -> Path:
    """A plant file with its model."""
    (where / "plates.model").write_text(trained())
    path = where / "plant.yaml"
    path.write_text(plant(**more))
    return path
