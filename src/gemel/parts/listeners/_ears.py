"""What listeners share: a sound in numbers, scores of held-out sounds, the limit that follows."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from math import ceil
from typing import Any, ClassVar, Final, Protocol

import numpy as np
from pydantic import Field

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.packed import packed, unpacked
from gemel.core.settings import Settings
from gemel.core.signal.mel import Mel, Scale, decibels, mel_frames
from gemel.core.sound import Sound
from gemel.core.time import SECOND, Duration, duration_text
from gemel.parts.listeners.base import Clips, Heard, Listener

__all__ = ["Judge", "MelListener", "MelModel"]

_FOLDS: Final = 5
_LEAST: Final = 10
_VERSION: Final = 1
_FRAMES: Final = 8
_LOUDEST: Final = 0.98
_FLOOR: Final = 1e-10
"""Energy that counts as none, relative to full scale: what 16 bits can write."""
_SAME: Final = 0.1
"""dB by which what is measured twice differs, whatever a few sounds may say."""


class Ears(Settings):
    """How a sound is described: what a model needs of the settings."""

    mel: Mel
    frame: int

    def frames(self, sound: Sound) -> Values:
        """float64[frames, bands], dB. Raises `DataError` for what cannot be listened to."""
        if sound.rate < 2 * self.mel.high:
            raise DataError(
                f"{sound.name}: {sound.rate:g} samples per second reach to {sound.rate / 2:g} Hz, "
                f"and the model listens up to {self.mel.high:g} Hz"
            )
        length = round(sound.rate * self.frame / SECOND)
        needed = (_FRAMES + 1) * length // 2
        if len(sound.value) < needed:
            raise DataError(
                f"{sound.name}: too short, {sound.seconds:.3g} s; at least "
                f"{needed / sound.rate:.3g} s are needed"
            )
        if not np.ptp(sound.value) > 0:
            raise DataError(
                f"{sound.name}: silent, all of its {len(sound.value):,} samples are the same"
            )
        return decibels(mel_frames(sound.value, sound.rate, self.mel, length), _FLOOR)

    def times(self, count: int) -> Values:
        """Seconds of the middle of each frame."""
        return np.asarray((np.arange(count) + 1) * self.frame / SECOND / 2)

    def describe(self, sound: Sound) -> Values:
        """float64[4 * bands], dB: mean of each band, how much it varies, how far its loudest frames
        stand out (what knocks now and then hardly moves a mean), and how fast it changes."""
        return described(self.frames(sound))


def described(frames: Values) -> Values:
    """See `Ears.describe`."""
    mean = frames.mean(axis=0)
    loudest = np.quantile(frames, _LOUDEST, axis=0) - mean
    change = np.abs(np.diff(frames, axis=0)).mean(axis=0)
    return np.concatenate([mean, frames.std(axis=0), loudest, change])


class Judge(Protocol):
    """What a listener learned from descriptions in standard deviations from the middle."""

    def parts(self, z: Values) -> Values:
        """What each number of a description float64[4 * bands] adds to its score, the same."""
        ...

    def save(self) -> dict[str, Any]:
        """JSON-able."""
        ...


@dataclass(frozen=True, slots=True)
class MelModel:
    """A machine as it usually sounds.

    middle, scale  float64[4 * bands], dB: mean and standard deviation of descriptions
    """

    kind: str
    ears: Ears
    middle: Values
    scale: Values
    judge: Judge
    limit: float
    made: dict[str, Any]

    def hear(self, sound: Sound) -> Heard:
        """See `Model.hear`."""
        frames = self.ears.frames(sound)
        parts = self.judge.parts((described(frames) - self.middle) / self.scale)
        bands, edges = self.ears.mel.bands, self.ears.mel.edges
        mean, within = self.middle[:bands], self.middle[bands : 2 * bands]
        return Heard(
            float(parts.sum()), self.limit, np.stack([edges[:-2], edges[2:]], axis=1),
            parts.reshape(4, bands).sum(axis=0), self.ears.times(len(frames)), frames - mean,
            np.sqrt(within**2 + self.scale[:bands] ** 2),
        )  # fmt: skip

    def save(self) -> dict[str, Any]:
        """See `Model.save`."""
        return {
            "listener": self.kind,
            "version": _VERSION,
            "ears": self.ears.model_dump(mode="json"),
            "middle": packed(self.middle, np.float64),
            "scale": packed(self.scale, np.float64),
            "judge": self.judge.save(),
            "limit": self.limit,
            "evidence": self.made,
        }

    def evidence(self) -> dict[str, Any]:
        """See `Model.evidence`."""
        return dict(self.made)


class MelListener(Listener):
    """Listeners that look at the log-mel energies of a sound."""

    bands: int = Field(40, ge=4, le=256, description="Mel bands")
    low: float = Field(50.0, ge=0, description="Hz from which on it listens")
    high: float | None = Field(
        None, gt=0, description="Hz up to which it listens; half of the lowest rate if not given"
    )
    scale: Scale = Field("slaney", description="Formula of mel: Auditory Toolbox, or HTK")
    frame: Duration = Field(
        64 * SECOND // 1000, ge=SECOND // 1000, le=SECOND, description="Length of a frame"
    )

    kind: ClassVar[str]

    @abstractmethod
    def learn(self, z: Values) -> Judge:
        """From descriptions float64[n, 4 * bands], n at least 2."""

    @abstractmethod
    def read_judge(self, saved: Any, size: int) -> Judge:
        """What `Judge.save` gave, for descriptions of `size` numbers. Raises `ValueError`,
        `KeyError` or `TypeError` for anything else."""

    def fit(self, normal: Clips) -> MelModel:
        """See `Listener.fit`."""
        sessions = np.unique(normal.session)
        if len(normal) < _LEAST or len(sessions) < 2:
            raise DataError(
                f"{len(normal)} normal sounds of {len(sessions)} sessions; at least {_LEAST} of at "
                "least 2 sessions are needed, and some 20 for each false alarm among them to set a "
                "limit"
            )
        ears = self._ears(normal)
        value = np.stack([normal.made(ears, i, ears.describe) for i in range(len(normal))])
        folds = min(_FOLDS, len(sessions))
        dealt = np.random.default_rng(0).permutation(len(sessions)) % folds
        fold = dealt[np.searchsorted(sessions, normal.session)]
        score = np.zeros(len(normal))
        for number in range(folds):
            if (fold != number).sum() < 2:
                raise DataError(
                    "all normal sounds but one are of one session: none can be held out"
                )
            middle, scale, judge = self._learned(value[fold != number])
            for place in np.flatnonzero(fold == number):
                score[place] = judge.parts((value[place] - middle) / scale).sum()
        limit, made = limited(score, len(sessions), self.false_alarms)
        made["listens to"] = (
            f"{self.bands} mel bands from {ears.mel.low:g} to {ears.mel.high:g} Hz, frames of "
            f"{duration_text(self.frame)}"
        )
        return MelModel(self.kind, ears, *self._learned(value), limit, made)

    def load(self, saved: dict[str, Any]) -> MelModel:
        """See `Listener.load`."""
        if not isinstance(saved, dict):
            raise DataError("not a saved listener")
        if (found := (saved.get("listener"), saved.get("version"))) != (self.kind, _VERSION):
            raise DataError(
                f"saved model is {found[0]} version {found[1]}, must be {self.kind} version "
                f"{_VERSION}"
            )
        try:
            ears = Ears.model_validate(saved["ears"])
            size = 4 * ears.mel.bands
            middle, scale = (
                unpacked(saved["middle"], np.float64, size),
                unpacked(saved["scale"], np.float64, size),
            )
            judge = self.read_judge(saved["judge"], size)
            limit, made = float(saved["limit"]), dict(saved["evidence"])
            if not (np.isfinite(limit) and (scale > 0).all()):
                raise ValueError("its limit or its scale is no number above 0")
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"not a saved model: {type(error).__name__}: {error}") from None
        return MelModel(self.kind, ears, middle, scale, judge, limit, made)

    def _learned(self, value: Values) -> tuple[Values, Values, Judge]:
        middle = value.mean(axis=0)
        scale = np.maximum(value.std(axis=0, ddof=1), _SAME)
        return middle, scale, self.learn((value - middle) / scale)

    def _ears(self, normal: Clips) -> Ears:
        rate = [normal.made("rate", i, _rate).item() for i in range(len(normal))]
        high = self.high or min(rate) / 2
        if not self.low < high:
            raise DataError(f"low is {self.low:g} Hz, and the sounds reach to {high:g} Hz")
        return Ears(
            mel=Mel(bands=self.bands, low=self.low, high=high, scale=self.scale), frame=self.frame
        )


def limited(score: Values, sessions: int, share: float) -> tuple[float, dict[str, Any]]:
    """The limit that a new normal sound exceeds with probability `share` at most, if it is like the
    held-out ones (split conformal prediction; Vovk, Gammerman and Shafer, Algorithmic Learning in a
    Random World, 2005), and the evidence of it."""
    place = ceil((len(score) + 1) * (1 - share))
    made: dict[str, Any] = {
        "sounds": len(score),
        "sessions": sessions,
        "limit": f"exceeded by {share:.3g} of normal sounds, set on held-out sessions",
    }
    if place > len(score):
        place = len(score)
        made["limit"] = (
            f"the largest score of {len(score)} held-out normal sounds; to promise that at most "
            f"{share:.3g} alarm, at least {ceil(1 / share) - 1} are needed"
        )
    limit = float(np.sort(score)[place - 1])
    made["held-out sounds above it"] = float(np.mean(score > limit))
    return limit, made


def _rate(sound: Sound) -> Values:
    return np.array([sound.rate])
