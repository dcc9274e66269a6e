"""What every listener promises, as a suite for pytest.

A stranger runs it on a part of his own::

    class TestMyListener(ListenerSuite):
        @pytest.fixture
        def listener(self):
            return MyListener()
"""

from __future__ import annotations

import json
from typing import ClassVar, Literal, TypeAlias

import numpy as np
import pytest

from gemel.core.errors import DataError
from gemel.core.sound import Sound
from gemel.parts.listeners.base import Clips, Listener, Model

__all__ = ["Fault", "ListenerSuite", "clips_of", "fan"]

Fault: TypeAlias = Literal["squeal", "knock", "blade"]

RATE = 8000
SQUEAL = 2600.0
"""Hz of the squeal of a dry bearing."""
KNOCK = 1.1
"""Seconds until something knocks."""


def fan(number: int, fault: Fault | None = None) -> Sound:
    """Two seconds of a fan with five blades: the hum of blades and motor, and the rush of air, of
    another speed and loudness each time. A dry bearing squeals, something loose knocks, or one
    blade is missing and the others are heard unevenly."""
    random = np.random.default_rng([11, number])
    time = np.arange(2 * RATE) / RATE
    shaft = 24 * (1 + random.normal(0, 0.004))
    uneven = 1 + (0.6 if fault == "blade" else 0.02) * np.cos(2 * np.pi * shaft * time)
    hum = np.zeros(len(time))
    for k in range(1, 9):
        phase = random.uniform(0, 2 * np.pi)
        hum += uneven * np.sin(2 * np.pi * 5 * shaft * k * time + phase) / k
    hum += 0.5 * np.sin(2 * np.pi * 100 * time + random.uniform(0, 2 * np.pi))
    air = np.fft.rfft(random.normal(0, 1, len(time)))
    air /= 1 + np.fft.rfftfreq(len(time), 1 / RATE) / 800
    value = hum + 0.8 * uneven * np.fft.irfft(air, len(time))
    if fault == "squeal":
        value += 0.15 * np.sin(2 * np.pi * SQUEAL * time + 3 * np.sin(2 * np.pi * 5 * time))
    if fault == "knock":
        since = time - KNOCK
        ring = np.exp(-60 * np.maximum(since, 0)) * np.sin(2 * np.pi * 1700 * since)
        value += np.where(since >= 0, 2 * ring, 0)
    return Sound(value * 0.1 * random.uniform(0.9, 1.1), float(RATE), f"fan {number}")


def clips_of(count: int) -> Clips:
    """So many normal sounds, two of each session."""
    return Clips([fan(number) for number in range(count)], np.arange(count) // 2)


class ListenerSuite:
    """Override `listener` with a fixture that gives settings.

    Promises: sounds are told one by one, always the same; save and load give the same model; the
    same sounds give the same model; model and evidence are JSON; the input is untouched; faults
    score higher than normal sounds, and it is said at which frequency and when; what each band adds
    makes up the score; about as many normal sounds alarm as was promised; too few sounds are
    refused with how many are needed, and what cannot be listened to with the reason.
    """

    @pytest.fixture
    def listener(self) -> Listener:
        pytest.fail("give the settings to test in a fixture named `listener`")

    @pytest.fixture
    def normal(self) -> Clips:
        return clips_of(40)

    fitted: ClassVar[dict[str, Model]] = {}
    """By settings: models are immutable."""

    @pytest.fixture
    def model(self, listener: Listener, normal: Clips) -> Model:
        key = f"{type(listener).__name__} {listener!r}"
        if key not in self.fitted:
            self.fitted[key] = listener.fit(normal)
        return self.fitted[key]

    def test_saved_and_loaded_it_is_the_same(self, listener: Listener, model: Model) -> None:
        again = listener.load(json.loads(json.dumps(model.save(), allow_nan=False)))
        for sound in (fan(900), fan(900, "squeal")):
            found, expected = again.hear(sound), model.hear(sound)
            assert found.score == pytest.approx(expected.score, rel=1e-9)
            assert found.limit == expected.limit
            assert np.allclose(found.map, expected.map)
        assert again.evidence() == model.evidence()

    def test_another_saved_value_is_refused(self, listener: Listener, model: Model) -> None:
        saved = model.save()
        for wrong in (
            {},
            {**saved, "version": 10**6},
            dict.fromkeys(saved),
            {**saved, "limit": "x"},
        ):
            with pytest.raises(DataError):
                listener.load(wrong)

    def test_the_same_sounds_give_the_same_model(
        self, listener: Listener, normal: Clips, model: Model
    ) -> None:
        assert listener.fit(Clips(normal.sounds, normal.session)).save() == model.save()

    def test_the_input_is_untouched(self, model: Model) -> None:
        sound = fan(901)
        model.hear(sound)
        assert np.array_equal(sound.value, fan(901).value)

    @pytest.mark.parametrize("fault", ["squeal", "knock", "blade"])
    def test_a_fault_is_heard(self, model: Model, fault: Fault) -> None:
        normal = np.array([model.hear(fan(1000 + i)).score for i in range(20)])
        faulty = np.array([model.hear(fan(2000 + i, fault)).score for i in range(20)])
        assert np.mean(faulty[:, None] > normal) > 0.9

    def test_it_says_at_which_frequency_and_when(self, model: Model) -> None:
        bands, times = 0, 0
        for number in range(20):
            squeal = model.hear(fan(3000 + number, "squeal"))
            low, high = squeal.bands[int(squeal.share.argmax())]
            bands += low <= SQUEAL <= high
            knock = model.hear(fan(3000 + number, "knock"))
            frame = int((knock.map / knock.spread).sum(axis=1).argmax())
            times += abs(knock.time[frame] - KNOCK) < 0.1
        assert bands >= 18, "the band that adds most holds the squeal"
        assert times >= 18, "the frame that is farthest from usual is that of the knock"

    def test_what_is_told_fits_together(self, model: Model) -> None:
        told = model.hear(fan(902, "knock"))
        frames, bands = told.map.shape
        assert told.share.sum() == pytest.approx(told.score)
        assert told.share.shape == told.spread.shape == (bands,)
        assert told.bands.shape == (bands, 2)
        assert told.time.shape == (frames,)
        assert (np.diff(told.time) > 0).all()
        assert 0 < told.time[0] < told.time[-1] < 2
        assert told.abnormal == (told.score > told.limit)

    def test_about_as_many_normal_sounds_alarm_as_promised(
        self, listener: Listener, model: Model
    ) -> None:
        """Five standard deviations of the binomial distribution, of the limit as of the test."""
        alarms = np.mean([model.hear(fan(4000 + i)).abnormal for i in range(60)])
        share = listener.false_alarms
        assert alarms <= share + 5 * np.sqrt(share * (1 - share) * (1 / 60 + 1 / 40))

    def test_too_few_are_refused(self, listener: Listener, normal: Clips) -> None:
        for count in (0, 1, 6):
            with pytest.raises(DataError, match="at least 10 of at least 2 sessions are needed"):
                listener.fit(normal.take(np.arange(count)))
        with pytest.raises(DataError, match="normal sounds of 1 sessions"):
            listener.fit(Clips(normal.sounds, np.zeros(len(normal), np.int64)))

    def test_a_promise_that_cannot_be_kept_is_told(self, listener: Listener, normal: Clips) -> None:
        told = listener.model_copy(update={"false_alarms": 0.001}).fit(normal).evidence()
        assert "999 are needed" in told["limit"]

    def test_what_cannot_be_listened_to_is_refused(self, model: Model) -> None:
        for value, rate, why in (
            (np.zeros(16_000), 8000.0, "silent"),
            (np.zeros(0), 8000.0, "silent|too short"),
            (fan(0).value[:100], 8000.0, "too short"),
            (fan(0).value[::2], 4000.0, "4000 samples per second reach to 2000 Hz"),
        ):
            with pytest.raises(DataError, match=f"odd: .*({why})"):
                model.hear(Sound(value, rate, "odd"))

    def test_at_a_higher_rate_the_same_sound_is_the_same(self, model: Model) -> None:
        for number in range(5):
            sound = fan(5000 + number)
            twice = 2 * np.fft.irfft(np.fft.rfft(sound.value), 2 * len(sound.value))
            again = model.hear(Sound(twice, 2 * sound.rate))
            assert again.score == pytest.approx(model.hear(sound).score, rel=0.02)
