"""Facets of our own: what OpenLineage has no words for.

A facet that was told once is kept by others for years. A change of its fields is a new `VERSION`.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

from pydantic import Field

from gemel.core.settings import Settings

__all__ = ["FACETS", "VERSION", "Decision", "Fit", "Signal", "Window", "key_of", "schema_url"]

VERSION: Final = "1-0-0"

Part: TypeAlias = Literal["column", "target", "condition"]
"""What a signal is to a fit: it is learned from, it is what is to be told, or it says which rows
count."""


class Fit(Settings):
    """What was fitted, on which rows, and what was found about it. Of a run."""

    task: str = Field(description="Name of the task in the plant file, or its kind")
    title: str = Field("", description="Its name for people")
    model: str = Field(description="Hash of the model file")
    data: str = Field(description="SHA-256 of the rows that it was fitted on")
    start: str | None = Field(None, description="First row, ISO 8601; null where rows have no time")
    end: str | None = Field(None, description="Last row, ISO 8601")
    reason: str = Field("", description="Why it was fitted")
    evidence: dict[str, Any] = Field({}, description="Figures on rows that it was not fitted on")
    settings: dict[str, Any] = Field({}, description="The task as it was written, of a file")


class Decision(Settings):
    """Which model is champion, since when, by whom and on which evidence. Of a run."""

    step: Literal["champion", "returned", "dropped"] = Field(
        description="It became champion, took its place again, or was not wanted"
    )
    task: str = Field(description="Name of the task in the plant file")
    title: str = Field("", description="Its name for people")
    model: str = Field(description="Hash of the model that it is about")
    other: str = Field("", description="The champion before, or that stays; empty if there is none")
    actor: str = Field(description="Who decided; gemel where the plant file lets it")
    reason: str = Field("", description="Why")
    evidence: dict[str, Any] = Field({}, description="Comparison on the same rows; empty if none")


class Window(Settings):
    """What was read of a signal, and what for. Of an input."""

    part: Part = Field(description="Learned from, to be told, or it says which rows count")
    start: str | None = Field(None, description="From when on, ISO 8601")
    end: str | None = Field(None, description="Until when, ISO 8601")


class Signal(Settings):
    """What a signal is. Of a dataset."""

    path: str = Field(description="Path in the plant")
    asset: str = Field(description="The machine, cell or line that it belongs to")
    unit: str = Field("", description="Unit of the value")
    type: str = Field(description="number, boolean, enumeration or text")
    told_by: str = Field("", description="The task that tells it; empty for what is measured")


FACETS: Final[dict[str, type[Settings]]] = {
    "gemel_fit": Fit, "gemel_decision": Decision, "gemel_window": Window, "gemel_signal": Signal,
}  # fmt: skip
"""By the key under which events have them: with a prefix, as the specification asks."""


def key_of(facet: Settings) -> str:
    """The key under which an event has a facet."""
    return next(key for key, kind in FACETS.items() if kind is type(facet))


def schema_url(facet: Settings) -> str:
    """Which schema a facet follows. It is a name and no address: a plant may have no internet; the
    schema stands in the documentation, in `lineage-facets.json`."""
    return f"urn:gemel:openlineage:{VERSION}#/$defs/{type(facet).__name__}"
