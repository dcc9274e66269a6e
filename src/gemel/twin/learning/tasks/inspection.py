"""Whether a part is as it should be, from a picture of it; learned from pictures of good ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from gemel.core.errors import ConfigurationError, DataError, Refused
from gemel.core.frame import Values
from gemel.core.image import Gallery, Image, stretched
from gemel.core.table import Table
from gemel.parts.inspectors import INSPECTORS, Inspector
from gemel.parts.inspectors.base import Album, Inspection
from gemel.twin.learning.evaluation import Groups, Protocol, Rows, Shuffled, scores
from gemel.twin.learning.evaluation.protocol import digest
from gemel.twin.learning.evaluation.region_scores import per_region_overlap
from gemel.twin.learning.tasks.base import Explained, Figure, Fitted, Progress, Report, Task

__all__ = ["InspectionTask", "places"]

_SIZES: Final = 5
_MAP: Final = 128
"""Most cells on a side of a map that is laid over its mask: enough for the figure, and a thousand
pictures fit in memory."""


class InspectionTask(Task):
    """A folder of pictures, or a table that names them: which are not like the good ones?

    Learned from pictures whose `label` is `good`; others are only judged. Pictures of one `unit`
    (the same part, photographed twice) are learned from or judged, never both.
    """

    images: ClassVar[bool] = True

    task: Literal["inspection"]
    image: str | None = Field(None, description="Column with the names of the pictures")
    label: str = Field("label", description="Column that says good, or what is wrong")
    good: tuple[str, ...] = Field(("good",), description="Labels of good parts")
    mask: str | None = Field(
        None, description="Column with names of masks: pictures that are white on a defect"
    )

    def fit(self, table: Table, progress: Progress) -> Fitted:
        gallery = _gallery(table)
        good, _ = self._labels(gallery)
        progress(f"fitting on {good.sum()} pictures of good parts")
        pictures = _Pictures(gallery)
        album = self._album(gallery, pictures).take(np.flatnonzero(good))
        model = self.inspector().fit(album)
        protocol = self._protocol(gallery, "fitted on all pictures of good parts")
        evidence = model.evidence() | _sizes(pictures.sizes)
        return Fitted(self.record(), model.save(), evidence, protocol.record())

    def backtest(self, table: Table, progress: Progress) -> Report:
        gallery = _gallery(table)
        good, label = self._labels(gallery)
        split = self.split or (Groups() if self.unit else Shuffled())
        if not isinstance(split, Groups | Shuffled):
            raise Refused("pictures are split by unit or, where each is of another part, by row")
        album = self._album(gallery)
        rows = Rows(gallery.rows, album.unit if self.unit else None, label=good.astype(np.int64))
        folds, part = split.cut(rows), self.inspector()
        score, limit = np.full((2, gallery.rows), np.nan)
        fold_of = np.zeros(gallery.rows, np.int64)
        maps: list[Values] = [np.zeros((1, 1))] * gallery.rows
        for number, fold in enumerate(folds, 1):
            progress(f"fold {number} of {len(folds)}: fitting")
            model = part.fit(album.take(fold.train[good[fold.train]]))
            for row in fold.test.tolist():
                progress(f"fold {number} of {len(folds)}: picture {row + 1}")
                told = model.inspect(album.image(row))
                score[row], limit[row], maps[row] = told.score, told.limit, told.map
                fold_of[row] = number
        found = _Judged(good, label, score, limit, fold_of, album.unit, part.rejects)
        figures = found.figures()
        if self.mask is not None and not good.all():
            figures.append(self._overlap(gallery, self.mask, good, maps, fold_of))
        return Report(
            tuple(figures),
            self._protocol(gallery, str(split)),
            {"by label": tuple(found.by_label())},
        )

    def score(self, fitted: Fitted, table: Table) -> Table:
        gallery = _gallery(table)
        model = self.inspector().load(fitted.model)
        told = [model.inspect(gallery.picture(row)) for row in range(gallery.rows)]
        columns: dict[str, npt.NDArray[Any]] = {
            gallery.image: gallery[gallery.image],
            "answer": np.array(["rejected" if t.rejected else "good" for t in told]),
            "score": np.array([t.score for t in told]),
            "limit": np.array([t.limit for t in told]),
        }
        return Table(columns, table.digest, table.where)

    def explain(self, fitted: Fitted, table: Table, row: int) -> Explained:
        gallery = _gallery(table)
        image = gallery.picture(row)
        told = self.inspector().load(fitted.model).inspect(image)
        name = gallery[gallery.image][row]
        word = "rejected" if told.rejected else "good"
        answer = f"{name}: {word} (score {told.score:.3g}, limit {told.limit:.3g})"
        return Explained(
            answer, float(np.median(told.map)), tuple(places(told, image)), "of score",
            "the middle of this picture",
            image, told.map, told.limit,
        )  # fmt: skip

    def inspector(self) -> Inspector:
        """The inspector that the description names."""
        return INSPECTORS.build({"kind": "texture", **self.model}, "model")

    def _labels(self, gallery: Gallery) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.str_]]:
        codes, names = gallery.codes(self.label)
        label = np.array(names)[codes]
        good = np.isin(label, self.good)
        if not good.any():
            found = ", ".join(f"'{name}'" for name in names[:10])
            raise ConfigurationError(
                f"{gallery.where}: no picture is labelled {' or '.join(self.good)} in column "
                f"'{self.label}', which has {found}; say which labels are good under `good`"
            )
        return good, label

    def _album(self, gallery: Gallery, pictures: _Pictures | None = None) -> Album:
        alone = np.arange(gallery.rows)
        unit = gallery.codes(self.unit)[0].astype(np.int64) if self.unit else alone
        return Album(pictures or _Pictures(gallery), unit)

    def _overlap(
        self,
        gallery: Gallery,
        column: str,
        good: npt.NDArray[np.bool_],
        maps: list[Values],
        fold_of: npt.NDArray[np.int64],
    ) -> Figure:
        """AU-PRO over all folds; maps of a fold are in units of its own limit and spread."""
        laid, masks = [], []
        shift, scale = _units(good, fold_of, maps)
        for row in np.flatnonzero(fold_of > 0).tolist():
            name = str(gallery[column][row])
            image = gallery.picture(row)
            height, width = (min(side, _MAP) for side in image.shape)
            mask = np.zeros((height, width), np.bool_)
            if name and not good[row]:
                white = gallery.picture_of(name)
                if white.shape != image.shape:
                    raise DataError(f"mask '{name}' is not of the size of its picture")
                mask = stretched(white, height, width) > 0.5
            masks.append(mask)
            fold = fold_of[row]
            laid.append(stretched((maps[row] - shift[fold]) / scale[fold], height, width))
        value = per_region_overlap(laid, masks)
        return Figure("AU-PRO", value, note="of heat maps, up to 30 % false pixels; by chance 0.15")

    def _protocol(self, gallery: Gallery, split: str) -> Protocol:
        settings = {**self.inspector().model_dump(mode="json"), "kind": self.model.get("kind")}
        units = len(np.unique(gallery[self.unit])) if self.unit else 0
        name = self.model.get("kind", "texture")
        return Protocol(
            "inspection", gallery.digest, gallery.rows, units, f"{split}; learned from good only",
            f"{name} {digest(settings)}",
            threshold=f"held-out good parts, {self.inspector().rejects:g} of them rejected",
        )  # fmt: skip


class _Pictures(Sequence[Image]):
    """The pictures of a gallery, read when asked for."""

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self.sizes: set[tuple[int, int]] = set()
        """Width and height of those that were read, in pixels."""

    def __len__(self) -> int:
        return self._gallery.rows

    def __getitem__(self, row: Any) -> Any:
        image = self._gallery.picture(row)
        self.sizes.add((image.shape[1], image.shape[0]))
        return image


@dataclass(frozen=True, slots=True)
class _Judged:
    good: npt.NDArray[np.bool_]
    label: npt.NDArray[np.str_]
    score: Values
    limit: Values
    fold: npt.NDArray[np.int64]
    unit: npt.NDArray[np.int64]
    rejects: float

    @property
    def relative(self) -> Values:
        """Scores above the limit of their fold: other folds have other models."""
        return np.asarray(self.score - self.limit)

    def figures(self) -> list[Figure]:
        bad, over = ~self.good, self.score > self.limit

        def figure(name: str, chosen: Any, of: Any, note: str = "") -> Figure:
            rows = np.flatnonzero(chosen)
            ends = scores.interval(lambda i: of(rows[i]), self.unit[rows], repeats=200)
            return Figure(name, of(rows), *ends, note=note)

        every = np.ones(len(bad), np.bool_)
        told = [
            figure(
                "false rejects", self.good, lambda i: float(over[i].mean()),
                f"of good ones; {self.rejects:g} promised",
            )
        ]  # fmt: skip
        if bad.any():
            chance = f"by chance {bad.mean():.3f}"
            told = [
                figure("ROC area", every, lambda i: scores.roc_area(bad[i], self.relative[i])),
                figure(
                    "average precision", every,
                    lambda i: scores.average_precision(bad[i], self.relative[i]), chance,
                ),
                *told,
                figure("misses", bad, lambda i: float((~over[i]).mean()), "of defective ones"),
            ]  # fmt: skip
        return told

    def by_label(self) -> list[dict[str, Any]]:
        rows = []
        for name in np.unique(self.label):
            mine = self.label == name
            area: float | None = None
            if not self.good[mine].any() and self.good.any():
                both = mine | self.good
                area = scores.roc_area(mine[both], self.relative[both])
            share = float((self.score > self.limit)[mine].mean())
            rows.append(
                {
                    "label": str(name), "pictures": int(mine.sum()), "rejected": share,
                    "ROC area": area,
                }
            )  # fmt: skip
        return rows


def _sizes(seen: set[tuple[int, int]]) -> dict[str, Any]:
    """JSON-able: each width and height in pixels; of many the smallest and the largest."""
    if len(seen) <= _SIZES:
        return {"sizes": [list(size) for size in sorted(seen)]}
    ends = [[end(side) for side in zip(*seen, strict=True)] for end in (min, max)]
    return {"sizes": ends, "sizes vary": True}


def _units(
    good: npt.NDArray[np.bool_], fold_of: npt.NDArray[np.int64], maps: list[Values]
) -> tuple[dict[int, float], dict[int, float]]:
    """Median and spread of the cells of good pictures, for each fold."""
    shift, scale = {}, {}
    for fold in np.unique(fold_of[fold_of > 0]).tolist():
        mine = np.flatnonzero((fold_of == fold) & good)
        if not len(mine):
            mine = np.flatnonzero(fold_of == fold)
        cells = np.concatenate([maps[row].ravel() for row in mine])
        low, middle, high = np.quantile(cells, [0.25, 0.5, 0.75])
        shift[fold], scale[fold] = float(middle), max(float(high - low), 1e-12)
    return shift, scale


def places(told: Inspection, image: Image) -> list[tuple[str, float, str]]:
    """The cells that differ most, none beside another: where they lie, and by how much."""
    left = told.map.copy()
    rows, columns = left.shape
    height, width = image.shape
    middle = float(np.median(left))
    found = []
    for _ in range(5):
        row, column = divmod(int(left.argmax()), columns)
        value = float(left[row, column])
        if not np.isfinite(value):
            break
        y, x = int((row + 0.5) * height / rows), int((column + 0.5) * width / columns)
        found.append((f"at {x} across, {y} down", value - middle, f"{value:.3g}"))
        left[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3] = -np.inf
    return found


def _gallery(table: Table) -> Gallery:
    if not isinstance(table, Gallery):
        raise ConfigurationError(f"{table.where}: this task needs pictures, found a plain table")
    return table
