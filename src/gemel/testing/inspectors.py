"""What every inspector promises, as a suite for pytest.

A stranger runs it on a part of his own::

    class TestMyInspector(InspectorSuite):
        @pytest.fixture
        def inspector(self):
            return MyInspector()
"""

from __future__ import annotations

import json
from typing import ClassVar

import numpy as np
import pytest

from gemel.core.errors import DataError
from gemel.core.image import Image
from gemel.parts.inspectors.base import Album, Inspector, Model

__all__ = ["InspectorSuite", "album_of", "plate", "scratched"]

HEIGHT, WIDTH = 96, 112


def plate(number: int) -> Image:
    """A ground plate with a grain from top to bottom, a hole and a mark, under other light each
    time; of one geometry, within two pixels."""
    random = np.random.default_rng([7, number])
    grain = random.normal(0, 0.03, (1, WIDTH)) + random.normal(0, 0.015, (HEIGHT, WIDTH))
    up, left = np.mgrid[:HEIGHT, :WIDTH] + random.integers(-2, 3, (2, 1, 1))
    told = 0.55 + grain + 0.1 * (left / WIDTH - 0.5) * random.uniform(-1, 1)
    told = np.where((up - 30) ** 2 + (left - 35) ** 2 < 90, 0.15, told)
    told = np.where((np.abs(up - 70) < 5) & (np.abs(left - 75) < 14), 0.85, told)
    return np.clip(told * random.uniform(0.75, 1.1), 0, 1).astype(np.float32)


def scratched(number: int) -> tuple[Image, tuple[int, int]]:
    """A plate with a dark scratch across the grain, and where its middle is: down, across."""
    image = plate(number).copy()
    random = np.random.default_rng([8, number])
    y, x = int(random.integers(42, 58)), int(random.integers(30, 80))
    image[y - 1 : y + 2, x - 14 : x + 15] *= 0.35
    return image, (y, x)


def album_of(count: int) -> Album:
    """So many plates, two pictures of each lot."""
    return Album([plate(number) for number in range(count)], np.arange(count) // 2)


class InspectorSuite:
    """Override `inspector` with a fixture that gives settings.

    Promises: pictures are told one by one, always the same; save and load give the same model; the
    same pictures give the same model; model and evidence are JSON; the input is untouched; what is
    wrong scores higher than what is good, and the heat map is hottest there; about as many good
    ones are rejected as was promised; too few pictures are refused with how many are needed.
    """

    @pytest.fixture
    def inspector(self) -> Inspector:
        pytest.fail("give the settings to test in a fixture named `inspector`")

    @pytest.fixture
    def good(self) -> Album:
        return album_of(40)

    fitted: ClassVar[dict[str, Model]] = {}
    """By settings: models are immutable, and fitting one takes a while."""

    @pytest.fixture
    def model(self, inspector: Inspector, good: Album) -> Model:
        key = f"{type(inspector).__name__} {inspector!r}"
        if key not in self.fitted:
            self.fitted[key] = inspector.fit(good)
        return self.fitted[key]

    def test_saved_and_loaded_it_is_the_same(self, inspector: Inspector, model: Model) -> None:
        again = inspector.load(json.loads(json.dumps(model.save(), allow_nan=False)))
        for image in (plate(900), scratched(900)[0]):
            found, expected = again.inspect(image), model.inspect(image)
            assert found.score == pytest.approx(expected.score, rel=1e-6)
            assert np.allclose(found.map, expected.map, rtol=1e-5)
        assert again.evidence() == model.evidence()

    def test_another_saved_value_is_refused(self, inspector: Inspector, model: Model) -> None:
        saved = model.save()
        for wrong in (
            {},
            {**saved, "version": 10**6},
            dict.fromkeys(saved),
            {**saved, "limit": "x"},
        ):
            with pytest.raises(DataError):
                inspector.load(wrong)

    def test_the_same_pictures_give_the_same_model(
        self, inspector: Inspector, good: Album, model: Model
    ) -> None:
        assert inspector.fit(Album(good.images, good.unit)).save() == model.save()

    def test_the_input_is_untouched(self, model: Model, good: Album) -> None:
        assert all(np.array_equal(image, plate(i)) for i, image in enumerate(good.images))
        image = plate(901)
        model.inspect(image)
        assert np.array_equal(image, plate(901))

    def test_what_is_wrong_is_seen_and_shown(self, model: Model) -> None:
        good = np.array([model.inspect(plate(1000 + i)).score for i in range(20)])
        hits, scores = 0, []
        for number in range(20):
            image, (y, x) = scratched(2000 + number)
            told = model.inspect(image)
            scores.append(told.score)
            row, column = np.unravel_index(int(told.map.argmax()), told.map.shape)
            up = (row + 0.5) * HEIGHT / told.map.shape[0] - y
            left = (column + 0.5) * WIDTH / told.map.shape[1] - x
            hits += abs(up) <= 14 and abs(left) <= 26
        above = np.mean(np.array(scores)[:, None] > good)
        assert above > 0.9, "a scratched plate scores higher than a good one"
        assert hits >= 15, "the hottest cell of the map is on the scratch"

    def test_it_rejects_about_as_many_good_ones_as_promised(
        self, inspector: Inspector, model: Model
    ) -> None:
        """Five standard deviations of the binomial distribution, of the limit as of the test."""
        rejected = np.mean([model.inspect(plate(3000 + i)).rejected for i in range(60)])
        spread = np.sqrt(inspector.rejects * (1 - inspector.rejects) * (1 / 60 + 1 / 40))
        assert rejected <= inspector.rejects + 5 * spread

    def test_too_few_are_refused(self, inspector: Inspector, good: Album) -> None:
        for count in (0, 1, 6):
            with pytest.raises(DataError, match="at least 10 of at least 2 parts are needed"):
                inspector.fit(good.take(np.arange(count)))
        with pytest.raises(DataError, match="pictures of 1 good parts"):
            inspector.fit(Album(good.images, np.zeros(len(good), np.int64)))

    def test_a_promise_that_cannot_be_kept_is_told(self, inspector: Inspector, good: Album) -> None:
        told = inspector.model_copy(update={"rejects": 0.001}).fit(good).evidence()
        assert "999 are needed" in told["limit"]
