"""Whatever people and the process do in whatever order: a model-based test of `Alarms`."""

from __future__ import annotations

import json

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.alarms.plants import Plant

from gemel.core import quality as q
from gemel.core.errors import Refused
from gemel.core.time import SECOND

ASIDE = {"shelved", "suppressed by design", "out of service"}


class Anything(RuleBasedStateMachine):
    """A model of three facts (what holds, what was taken on, what is put aside) predicts the word
    of an alarm without delays; restarts happen in between and must not be noticed."""

    def __init__(self) -> None:
        super().__init__()
        self.plant = Plant(
            {
                "plain": {
                    "asset": "line/filler",
                    "when": "level > 502.5",
                    "suppress_when": "not running",
                },
                "latched": {"asset": "line/filler", "when": "level > 502.5", "latch": True},
            }
        )
        self.second = 0
        self.active = False
        self.called = {"plain": False, "latched": False}
        self.latched = False
        self.until: dict[str, int | None] = {"plain": None, "latched": None}
        self.out = {"plain": False, "latched": False}
        self.designed = False
        self.feed(level=500.0, running=1.0)

    def feed(self, quality: int = 0, **values: float) -> None:
        self.second += 1
        self.plant.feed(self.second, quality=quality, **values)
        self.expire()

    def expire(self) -> None:
        self.plant.tick(self.second)
        for name, until in self.until.items():
            if until is not None and self.second >= until:
                self.until[name] = None
                self.comes_back(name)

    def aside(self, name: str) -> bool:
        designed = self.designed and name == "plain"
        return self.out[name] or self.until[name] is not None or designed

    def comes_back(self, name: str) -> None:
        if not self.aside(name):
            latched = self.latched and name == "latched"
            self.called[name] = self.active or latched
            if name == "latched" and self.active:
                self.latched = True

    @rule(level=st.sampled_from([500.0, 503.0, 510.0]))
    def process(self, level: float) -> None:
        active = level > 502.5
        if active and not self.active:
            for name in self.called:
                if not self.aside(name):
                    self.called[name] = True
                    self.latched |= name == "latched"
        self.active = active
        self.feed(level=level)

    @rule()
    def blind(self) -> None:
        self.feed(quality=q.BAD, level=510.0 if not self.active else 400.0)

    @rule(running=st.booleans())
    def logic(self, running: bool) -> None:
        if running and self.designed:
            self.designed = False
            self.comes_back("plain")
        elif not running and not self.designed:
            self.designed = True
            self.called["plain"] = False
        self.feed(running=float(running))

    @rule(name=st.sampled_from(["plain", "latched"]))
    def acknowledge(self, name: str) -> None:
        possible = self.called[name] and not self.aside(name)
        try:
            self.plant.alarms.acknowledge(name, "anna")
        except Refused:
            assert not possible
        else:
            assert possible
            self.called[name] = False

    @rule()
    def reset(self) -> None:
        possible = self.plant.word("latched") == "latched acknowledged"
        try:
            self.plant.alarms.reset("latched", "anna")
        except Refused:
            assert not possible
        else:
            assert possible
            self.latched = False

    @rule(name=st.sampled_from(["plain", "latched"]), seconds=st.integers(1, 5))
    def shelve(self, name: str, seconds: int) -> None:
        self.plant.alarms.shelve(
            name, "anna", self.plant.now + seconds * SECOND, "for a good reason"
        )
        self.until[name] = self.second + seconds
        self.called[name] = False

    @rule(name=st.sampled_from(["plain", "latched"]))
    def unshelve(self, name: str) -> None:
        try:
            self.plant.alarms.unshelve(name, "anna")
        except Refused:
            assert self.until[name] is None
        else:
            self.until[name] = None
            self.comes_back(name)

    @rule(name=st.sampled_from(["plain", "latched"]), out=st.booleans())
    def service(self, name: str, out: bool) -> None:
        if out:
            self.plant.alarms.take_out(name, "ben", "maintenance")
            self.out[name], self.called[name] = True, False
        elif self.out[name]:
            self.plant.alarms.put_back(name, "ben")
            self.out[name] = False
            self.comes_back(name)

    @rule(crash=st.booleans())
    def restart(self, crash: bool) -> None:
        """After a crash an old state and the recorded Events must be enough."""
        self.plant.tick(self.second)
        events = list(self.plant.events) if crash else []
        state = {} if crash else json.loads(json.dumps(self.plant.alarms.state()))
        self.plant.restart(state, events)

    def expected(self, name: str) -> str:
        if self.out[name]:
            return "out of service"
        if self.designed and name == "plain":
            return "suppressed by design"
        if self.until[name] is not None:
            return "shelved"
        if self.active:
            return "unacknowledged" if self.called[name] else "acknowledged"
        if name == "latched" and self.latched:
            return f"latched {'un' if self.called[name] else ''}acknowledged"
        return "returned unacknowledged" if self.called[name] else "normal"

    @invariant()
    def words_agree(self) -> None:
        for name in self.called:
            assert self.plant.word(name) == self.expected(name)

    @invariant()
    def the_list_holds_what_calls_for_an_operator(self) -> None:
        listed = {v.name for v in self.plant.alarms.active()}
        assert listed == {n for n in self.called if self.expected(n) not in {"normal", *ASIDE}}

    @invariant()
    def every_change_is_told(self) -> None:
        self.plant.tick(self.second)
        last: dict[str, str] = {}
        for event in self.plant.events:
            if event.kind == "alarm":
                name = event.payload["alarm"]
                assert event.payload["before"] == last.get(name, "normal")
                last[name] = event.payload["state"]
        for name in self.called:
            assert last.get(name, "normal") == self.plant.word(name)


Anything.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestAnything = Anything.TestCase
