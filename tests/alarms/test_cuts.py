"""The cut of the stream, alarms side by side and people at the same time change nothing."""

from __future__ import annotations

import threading

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.alarms.plants import HIGH, T0, Plant, moves, plant, signal

from gemel.core import quality as q
from gemel.core.errors import Refused
from gemel.core.frame import Frame
from gemel.core.time import MINUTE, SECOND

WAYS = {
    "limit": "level > 502.5",
    "worded": "level > 502.5 for 3 s",
    "two": "level > 502.5 and not running",
    "memory": "avg(level, 4 s) > 502.5",
    "text": "state == 'Execute' or level > 505",
}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_cutting_the_stream_into_other_frames_changes_nothing(data: st.DataObject) -> None:
    rows = data.draw(
        st.lists(
            st.tuples(
                st.integers(0, 3),
                st.sampled_from(["level", "running", "state"]),
                st.sampled_from([500.0, 503.0, 506.0]),
                st.sampled_from([0, 0, 0, q.BAD]),
            ),
            min_size=1,
            max_size=40,
        )
    )
    cuts = data.draw(st.sets(st.integers(1, len(rows))))
    alarms = {name: HIGH | {"when": when, "off_delay": "2 s"} for name, when in WAYS.items()}
    states = {500.0: 2, 503.0: 6, 506.0: 11}
    results = []
    for edges in (set(range(1, len(rows) + 1)), cuts):
        p = Plant(alarms)
        time, begin = T0, 0
        columns: tuple[list[int], list[int], list[float], list[int]] = ([], [], [], [])
        for gap, name, value, quality in rows:
            # No two samples of one instant in different frames: they would be two rows.
            time += (gap + 1) * SECOND
            for column, item in zip(
                columns,
                (
                    p.numbers[f"line/filler/{name}"],
                    time,
                    value if name == "level" else states[value] if name == "state" else value > 503,
                    quality,
                ),
                strict=True,
            ):
                column.append(item)
        for edge in sorted({*edges, len(rows)}):
            p.frame(Frame.of(*(column[begin:edge] for column in columns)))
            begin = edge
        results.append(
            {
                name: [
                    (e.payload["transition"], e.time)
                    for e in p.events
                    if e.kind == "alarm" and e.payload["alarm"] == name
                ]
                for name in alarms
            }
        )
    assert results[0] == results[1]


def test_conditions_that_run_together_say_what_each_would_alone() -> None:
    rng = np.random.default_rng(5)
    many = [signal(f"m{i}/x") for i in range(30)]
    together = {f"a{i}": {"asset": f"m{i}", "when": f"x > {i / 10}"} for i in range(30)}
    # A window of one instant has memory, and so keeps each of these on its own.
    alone = {
        name: s | {"when": f"{s['when']} or count_true(x > 1e9, 1 s) > 0"}
        for name, s in together.items()
    }
    frames = [
        Frame.of(
            np.arange(30),
            np.full(30, T0 + k * SECOND),
            rng.normal(1.5, 1.0, 30),
            np.where(rng.random(30) < 0.1, q.BAD, 0),
        )
        for k in range(40)
    ]
    seen = []
    for alarms in (together, alone):
        p = Plant(alarms, many)
        for frame in frames:
            p.frame(frame)
        seen.append(
            sorted(
                (e.payload["alarm"], e.time, e.payload["transition"])
                for e in p.events
                if e.kind == "alarm"
            )
        )
    assert seen[0] == seen[1]
    assert len(seen[0]) > 100


def test_people_and_samples_at_the_same_time_lose_no_event() -> None:
    p = plant()
    stop = threading.Event()
    done = []

    def people() -> None:
        while not stop.is_set():
            try:
                p.alarms.acknowledge("high", "anna")
                done.append(1)
            except Refused:
                pass
            p.alarms.active()
            p.alarms.kpis(T0, p.now + MINUTE)

    thread = threading.Thread(target=people)
    thread.start()
    for second in range(400):
        p.feed(second, level=503 if second % 2 else 500)
    stop.set()
    thread.join()
    p.tick(500)
    transitions = [t for t, _ in moves(p.events)]
    assert transitions.count("acknowledge") == len(done)
    assert transitions.count("raise") == 200
    assert sorted(e.sequence for e in p.events if e.kind == "alarm") == list(
        range(1, len(transitions) + 1)
    )
