"""What a plant file says of a supply network."""

from __future__ import annotations

from pydantic import Field

from gemel.core.settings import Settings

__all__ = ["SupplySettings"]


class SupplySettings(Settings):
    """What is kept where: stages and costs stand in a file of `gemel supply`."""

    title: str = Field("", description="Name for people; the key where it is empty")
    file: str = Field(description="The file, from the folder of the plant file")
    stock: dict[str, str] = Field(
        {}, description="Signals that tell how much of a stage is at hand now, by stage"
    )
