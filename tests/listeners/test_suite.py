"""The public suite finds listeners that break their promises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gemel.core.sound import Sound
from gemel.parts.listeners.base import Clips, Heard, Listener
from gemel.testing.listeners import ListenerSuite, clips_of


class Deaf(Listener):
    """Hears nothing, refuses nothing, and remembers how often it was asked."""

    asked: list[int] = [0]

    def fit(self, normal: Clips) -> Any:
        return self

    def load(self, saved: dict[str, Any]) -> Any:
        return self

    def hear(self, sound: Sound) -> Heard:
        self.asked[0] += 1
        map_ = np.zeros((3, 2))
        bands = np.array([[50.0, 900.0], [500.0, 4000.0]])
        return Heard(float(self.asked[0]), 1e9, bands, np.ones(2), np.arange(3.0), map_, np.ones(2))

    def save(self) -> dict[str, Any]:
        return {"limit": 0}

    def evidence(self) -> dict[str, Any]:
        return {"limit": "none"}


def test_a_deaf_listener_is_found() -> None:
    suite, listener, normal = ListenerSuite(), Deaf(), clips_of(4)
    with pytest.raises(AssertionError):
        suite.test_saved_and_loaded_it_is_the_same(listener, listener)
    with pytest.raises(pytest.fail.Exception):
        suite.test_another_saved_value_is_refused(listener, listener)
    with pytest.raises(AssertionError, match="holds the squeal"):
        suite.test_it_says_at_which_frequency_and_when(listener)
    with pytest.raises(AssertionError):
        suite.test_what_is_told_fits_together(listener)
    with pytest.raises(pytest.fail.Exception):
        suite.test_too_few_are_refused(listener, normal)
    with pytest.raises(AssertionError):
        suite.test_a_promise_that_cannot_be_kept_is_told(listener, normal)
    with pytest.raises(pytest.fail.Exception):
        suite.test_what_cannot_be_listened_to_is_refused(listener)
