"""Settings of the OPC UA connector: what cannot work, and how fast it goes."""

from __future__ import annotations

import pytest

from gemel.core.errors import ConfigurationError
from gemel.core.time import MILLISECOND, SECOND
from gemel.parts.connectors import CONNECTORS
from gemel.parts.connectors.opcua.pace import interval_of, sample_for, usual_sample


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"url": "http://x"}, "opc.tcp://"),
        ({"url": "opc.tcp://u:p@x:1"}, "password_env"),
        ({"url": "opc.tcp://10.0.0.1:4840", "security": "None", "user": "u"}, "readable"),
        ({"url": "opc.tcp://x:1", "silence": "1 s"}, "twice keep_alive"),
        ({"url": "opc.tcp://x:1", "password": "p"}, "password"),
        ({"url": "opc.tcp://x:1", "security": "Basic256"}, "Basic256Sha256"),
    ],
)
def test_settings_that_cannot_work_say_what_would(settings, words):
    with pytest.raises(ConfigurationError, match=words):
        CONNECTORS.build({"kind": "opcua", **settings})


@pytest.mark.parametrize("factor", [0.9, 0.97, 1.0, 1.03, 1.1])
@pytest.mark.parametrize("milliseconds", [1, 2, 10, 20, 50, 100, 1000])
def test_sampling_is_at_most_half_of_what_changes_take_and_repeatable(milliseconds, factor):
    interval = round(milliseconds * MILLISECOND * factor)
    assert sample_for(interval) == milliseconds * MILLISECOND // 4


def test_sampling_of_any_interval_is_at_most_half_of_it():
    intervals = [tenths * MILLISECOND // 10 for tenths in range(10, 50_000, 7)]
    assert all(sample_for(interval) <= interval / 2 for interval in intervals)


def test_a_look_that_came_late_does_not_slow_the_sampling():
    assert interval_of([0, 100, 200, 400, 500, 700, 800]) == 100
    assert interval_of([5, 5, 5, 5, 5, 5]) is None, "a source clock that stands still says nothing"


def test_the_queue_holds_twice_what_changes_between_two_messages():
    connector = CONNECTORS.build({"kind": "opcua", "url": "opc.tcp://x:1"})
    pace = connector._pace()
    assert pace.sample == usual_sample(pace.publishing) == 50 * MILLISECOND
    assert pace.queue(pace.sample, 100.0) >= 2 * 2
    assert pace.queue(25 * MILLISECOND, 1000.0) >= 2 * 40
    assert pace.queue(0, 100.0) >= 2 * 100, "no interval: each change is reported"
    fast = CONNECTORS.build({"kind": "opcua", "url": "opc.tcp://x:1", "publishing": "10 ms"})
    assert fast._pace().sample == 5 * MILLISECOND
    slow = CONNECTORS.build({"kind": "opcua", "url": "opc.tcp://x:1", "publishing": "10 s"})
    assert slow._pace().sample == 50 * MILLISECOND
    assert slow._pace().queue(SECOND, 10_000.0) >= 20
