"""What a supply file says beyond stages: sites, the links between them, how far one looks ahead."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field, model_validator

from gemel.core.errors import did_you_mean
from gemel.core.settings import Misplaced, Settings
from gemel.core.stock.network import Network, Stage
from gemel.core.time import DAY, Duration, duration_text

__all__ = ["WEEKDAYS", "Link", "Site", "Supply", "Weekday"]

Weekday: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_MOST_PERIODS = 400
_MOST_LINKS = 500
_LOOKS, _PLANS = 28, 14


class Link(Settings):
    """A way on which vehicles go from one site to another."""

    origin: str = Field(description="Site it leaves from")
    target: str = Field(description="Site it goes to")
    takes: Duration = Field(0, ge=0, description="From leaving until it is unloaded")
    departs: tuple[Weekday, ...] = Field(
        WEEKDAYS, min_length=1, description="Days on which vehicles may leave"
    )
    capacity: float = Field(gt=0, description="What a vehicle holds, e.g. pallets")
    cost: float = Field(ge=0, description="Of a vehicle that goes once")
    most: int = Field(10, ge=1, le=1_000, description="Most vehicles that leave in a period")


class Site(Settings):
    """A place with docks."""

    most: int | None = Field(
        None, ge=1, description="Most vehicles that it loads and unloads in a period"
    )
    handling: Duration = Field(
        0, ge=0, description="Work of loading or unloading one unit of load, e.g. a pallet"
    )
    crew: Duration | None = Field(
        None, gt=0, description="Work that its people do in a period, all together"
    )


class Supply(Network):
    """A stock network with what moves in it, from today on."""

    horizon: Duration | None = Field(
        None, gt=0, description="How far one looks ahead: what runs out, what to order; without it "
        "28 periods"
    )  # fmt: skip
    moves: Duration | None = Field(
        None, gt=0, description="How far ahead transport is planned, at most `horizon`; without it "
        "14 periods"
    )  # fmt: skip
    links: tuple[Link, ...] = Field(
        (), max_length=_MOST_LINKS, description="Ways between sites, which vehicles go"
    )
    sites: dict[str, Site] = Field({}, description="Sites with limits, by name")
    whole: bool = Field(True, description="Units cannot be split: levels and orders are rounded up")
    late_cost: float | None = Field(
        None, gt=0, description="Of a unit of load that arrives a period late; without it, three "
        "times what its room in a full vehicle costs"
    )  # fmt: skip

    @model_validator(mode="after")
    def _linked(self) -> Supply:
        for what in ("horizon", "moves"):
            value = getattr(self, what)
            if value is not None and not 2 <= value / self.period <= _MOST_PERIODS:
                raise Misplaced(
                    (what,),
                    f"is {duration_text(value)}: {value / self.period:g} periods, must be 2 to "
                    f"{_MOST_PERIODS}; change it, or `period` ({duration_text(self.period)})",
                )
        known = {self.site_of(name) for name in self.stages}
        for number, link in enumerate(self.links):
            for what in ("origin", "target"):
                site = getattr(link, what)
                if site not in known:
                    raise Misplaced(
                        ("links", number, what),
                        f"no stage stands at '{site}'; {did_you_mean(site, known)}",
                    )
            if link.origin == link.target:
                raise Misplaced(("links", number), f"goes from '{link.origin}' to itself")
            if self.period % DAY and link.departs != WEEKDAYS:
                raise Misplaced(
                    ("links", number, "departs"),
                    f"are days, and a period is {duration_text(self.period)}; a day or several are "
                    "needed",
                )
        for name in self.sites:
            if name not in known:
                raise Misplaced(
                    ("sites", name), f"no stage stands at '{name}'; {did_you_mean(name, known)}"
                )
        return self

    @property
    def looks(self) -> int:
        """How far one looks ahead, ns."""
        return _LOOKS * self.period if self.horizon is None else self.horizon

    @property
    def plans(self) -> int:
        """How far ahead transport is planned, ns."""
        return min(_PLANS * self.period if self.moves is None else self.moves, self.looks)

    def site_of(self, stage: str) -> str:
        """Where a stage stands."""
        return self.stages[stage].site or stage

    def link_to(self, supplier: str, stage: str) -> int | None:
        """Number of the link on which what `supplier` gives `stage` goes; None if it needs none, or
        nobody says which."""
        ends = (self.site_of(supplier), self.site_of(stage))
        if ends[0] == ends[1] or self.stages[supplier].load == 0:
            return None
        found = (i for i, link in enumerate(self.links) if (link.origin, link.target) == ends)
        return next(found, None)

    def network(self, stages: dict[str, Stage] | None = None) -> Network:
        """The stock network in it, with these stages if they are given."""
        return self.with_stages(self.stages if stages is None else stages)
