"""Scenarios: what happens on the line and when, as data. Times are seconds after the start."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlannedFault:
    at_s: float
    kind: str
    asset: str
    severity: float = 1.0
    for_s: float | None = None


@dataclass(frozen=True, slots=True)
class PlannedCut:
    """The server is unreachable from `at_s` for `for_s` seconds; the line runs on."""

    at_s: float
    for_s: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """`stops_per_hour` is per machine, `faults_per_hour` for the whole line (both random)."""

    name: str
    faults: tuple[PlannedFault, ...] = ()
    cuts: tuple[PlannedCut, ...] = ()
    stops_per_hour: float = 0.0
    faults_per_hour: float = 0.0


QUIET = Scenario("quiet")

STORY = Scenario(
    "story",
    faults=(
        PlannedFault(35.0, "filler_valve", "Filler"),
        PlannedFault(80.0, "capper_bearing", "Capper"),
    ),
    cuts=(PlannedCut(200.0, 20.0),),
)

BRIEF = Scenario(
    "brief",
    faults=(
        PlannedFault(15.0, "filler_valve", "Filler"),
        PlannedFault(20.0, "capper_bearing", "Capper"),
    ),
    cuts=(PlannedCut(150.0, 8.0),),
)
"""The same story in two minutes, for those who have seen it."""

LEARNING = Scenario(
    "learning",
    faults=(
        PlannedFault(20.0, "capper_bearing", "Capper", severity=0.6, for_s=270.0),
        PlannedFault(60.0, "thicker_product", "Filler"),
    ),
)
"""A bearing wears and is changed in the end, another batch flows differently: models follow."""

PLANNING = Scenario(
    "planning", faults=(PlannedFault(75.0, "capper_bearing", "Capper", severity=6.0),)
)
"""The capper trips while orders are planned."""

RANDOM = Scenario("random", stops_per_hour=4.0, faults_per_hour=6.0)

SCENARIOS: dict[str, Scenario] = {
    each.name: each for each in (QUIET, STORY, BRIEF, LEARNING, PLANNING, RANDOM)
}
