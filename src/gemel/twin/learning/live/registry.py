"""Models on disk, by the hash of their content.

A model file is written once, under its own hash, and on disk before anything names it. Who was
champion when, and on which evidence, is told by Events of the kind ``model``, which only grow.
"""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any, Final, Literal

from gemel.core.errors import Damaged, Unavailable, Unknown
from gemel.core.event import Event, Payload
from gemel.twin.durable import write_whole
from gemel.twin.learning.tasks import Fitted

__all__ = ["ModelStep", "Registry", "Step", "step_event"]

Step = Literal["fitted", "shadow", "champion", "returned", "dropped"]
_SHORT: Final = 16
_OPEN: Final = 32
"""So many models are kept in memory."""


class ModelStep(Payload):
    """What became of a model. Kind ``model``; the subject is the asset."""

    task: str
    title: str
    model: str
    """Hash of the model file."""
    step: Step
    reason: str
    actor: str = "gemel"
    former: str = ""
    """The champion before."""
    evidence: dict[str, Any] = {}
    window: tuple[int, int] | None = None
    """History that it was fitted on, ns UTC."""
    data: str = ""
    """Hash of the rows that it was fitted on."""
    began: int | None = None
    """When the fit began, ns UTC."""
    columns: tuple[str, ...] = ()
    """Paths of the signals that it was fitted on; of a fit, and so are those below."""
    target: str = ""
    """Path of the signal that it is to tell, where that is measured as well."""
    conditions: tuple[str, ...] = ()
    """Paths of the signals that say which rows count."""
    tells: tuple[str, ...] = ()
    """Paths of the signals that it tells as champion; a value and its interval if empty."""
    finds: bool = False
    """Whether it opens findings: then it tells only what stands in `tells`, perhaps nothing."""


class Registry:
    """The folder of models. Any thread may call; each call may wait for the disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._open: dict[str, Fitted] = {}

    def put(self, fitted: Fitted) -> str:
        """Keep a model; its name: the same model has the same. On disk when it returns."""
        text = fitted.text()
        name = hashlib.sha256(text.encode()).hexdigest()[:_SHORT]
        path = self._path(name)
        with self._lock:
            self._remember(name, fitted)
            if path.exists():
                return name
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                write_whole(path, text.encode())
            except OSError as error:
                raise Unavailable(f"a model cannot be kept in {self.folder}: {error}") from None
        return name

    def get(self, name: str) -> Fitted:
        """A model by its name. Raises `Unknown` if there is none, `Damaged` if it was altered."""
        with self._lock:
            if name in self._open:
                return self._open[name]
        path = self._path(name)
        if not name.isalnum() or not path.is_file():
            raise Unknown(f"no model '{name}' in {self.folder}")
        text = path.read_text(encoding="utf-8", errors="replace")
        if hashlib.sha256(text.encode()).hexdigest()[:_SHORT] != name:
            raise Damaged(f"{path} was altered: its content is not what its name says")
        fitted = Fitted.parse(text, str(path))
        with self._lock:
            self._remember(name, fitted)
        return fitted

    def size(self, name: str) -> int | None:
        """Bytes of a model's file; None if there is none."""
        try:
            return self._path(name).stat().st_size
        except OSError:
            return None

    def names(self) -> list[str]:
        """All models on disk."""
        return sorted(path.stem for path in self.folder.glob("*.json"))

    def _remember(self, name: str, fitted: Fitted) -> None:
        self._open[name] = fitted
        while len(self._open) > _OPEN:
            del self._open[next(iter(self._open))]

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"


def step_event(asset: str, told: ModelStep, now: int, source: str, sequence: int = 0) -> Event:
    """The Event of a step."""
    return Event(
        "model", asset, now, source, now, payload=told.model_dump(mode="json"), sequence=sequence
    )
