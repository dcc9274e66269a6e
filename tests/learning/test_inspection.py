"""Pictures from files: what is read, what is refused, and the way from a folder to a heat map."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.public import public_data
from typer.testing import CliRunner

from gemel.core.errors import ConfigurationError, DataError, GemelError
from gemel.doors.cli.main import app
from gemel.runtime.images import read_gallery, read_image
from gemel.testing.inspectors import plate, scratched
from gemel.twin.learning.evaluation.region_scores import per_region_overlap, regions
from gemel.twin.learning.tasks import read_task


def run(*words: str) -> str:
    result = CliRunner().invoke(app, words, catch_exceptions=True)
    if isinstance(result.exception, GemelError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def save(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((image * 255).astype(np.uint8)).save(path)


@pytest.fixture
def plates(tmp_path: Path) -> Path:
    """Two pictures of each of 20 good plates, one of each of 10 scratched ones with its mask."""
    folder = tmp_path / "plates"
    lines = ["picture,lot,label,mask"]
    for number in range(40):
        save(folder / f"good/{number}.png", plate(number))
        lines.append(f"good/{number}.png,lot {number // 2},good,")
    for number in range(10):
        image, (y, x) = scratched(100 + number)
        save(folder / f"scratch/{number}.png", image)
        mask = np.zeros(image.shape)
        mask[y - 1 : y + 2, x - 14 : x + 15] = 1
        save(folder / f"masks/{number}.png", mask)
        lines.append(f"scratch/{number}.png,lot {100 + number},scratch,masks/{number}.png")
    (folder / "plates.csv").write_text("\n".join(lines) + "\n")
    return folder


def task_file(folder: Path, **more: object) -> Path:
    path = folder / "task.json"
    words = {"task": "inspection", "unit": "lot", "model": {"kind": "patches", "top": 3}, **more}
    path.write_text(json.dumps(words))
    return path


def test_from_a_table_to_a_heat_map(plates: Path, tmp_path: Path) -> None:
    table, task, model = plates / "plates.csv", task_file(plates, mask="mask"), tmp_path / "m"
    found = json.loads(run("backtest", str(table), "--task", str(task), "--json"))
    figures = {figure["name"]: figure for figure in found["figures"]}
    assert figures["ROC area"]["value"] > 0.95
    assert figures["AU-PRO"]["value"] > 0.5
    assert figures["false rejects"]["value"] <= 0.25
    assert figures["false rejects"]["low"] <= figures["false rejects"]["high"]
    assert {row["label"] for row in found["tables"]["by label"]} == {"good", "scratch"}
    assert "whole units; learned from good only" in found["protocol"]["split"]

    said = run("train", str(table), "--task", str(task), "-o", str(model))
    assert "exceeded by 0.05 of good pictures" in said
    told = json.loads(run("score", str(model), str(table), "--format", "json"))
    rejected = [row["answer"] == "rejected" for row in told]
    assert np.mean(rejected[40:]) > 0.6
    assert np.mean(rejected[:40]) < 0.2

    heat = tmp_path / "heat.png"
    words = ("explain", str(model), str(table), "--row", "41", "--out", str(heat))
    why = json.loads(run(*words, "--json"))
    assert why["answer"].startswith("scratch/0.png: ")
    assert why["shares"][0]["column"].startswith("at ")
    with Image.open(heat) as shown:
        assert shown.size == (2 * 112, 96)
        pixels = np.asarray(shown).astype(int)
    _, (y, x) = scratched(100)
    red = pixels[:, 112:, 0] - pixels[:, 112:, 2]
    assert red[y - 6 : y + 7, x - 14 : x + 15].max() > 60
    assert np.abs(pixels[:, :112, 0] - pixels[:, :112, 2]).max() == 0
    assert "the middle of this picture" in run(*words)


def test_a_folder_of_good_pictures_alone(plates: Path) -> None:
    task = read_task({"task": "inspection", "model": {"kind": "patches"}})
    report = task.backtest(_only(plates, "good"), lambda _: None)
    assert [figure.name for figure in report.figures] == ["false rejects"]
    assert report.figures[0].note == "of good ones; 0.05 promised"


def _only(plates: Path, label: str):
    gallery = read_gallery(plates)
    assert set(gallery["label"]) == {"good", "scratch", "masks"}
    return gallery.take(np.flatnonzero(gallery["label"] == label))


def test_what_cannot_be_learned_is_told(plates: Path) -> None:
    gallery = read_gallery(plates / "plates.csv")
    task = read_task({"task": "inspection", "unit": "lot"})
    with pytest.raises(ConfigurationError, match=r"no picture is labelled ok .* 'good', 'scratch'"):
        task.model_copy(update={"good": ("ok",)}).fit(gallery, lambda _: None)
    with pytest.raises(DataError, match="at least 10 of at least 2 parts"):
        task.fit(gallery.take(np.arange(6)), lambda _: None)
    ten = read_task({"task": "inspection", "model": {"kind": "patches"}})
    evidence = ten.fit(gallery.take(np.arange(10)), lambda _: None).evidence
    assert "at least 19 are needed" in evidence["limit"]
    with pytest.raises(ConfigurationError, match="needs pictures"):
        task.fit(_plain(gallery), lambda _: None)


def _plain(gallery):
    from gemel.core.table import Table

    return Table(gallery.columns)


def test_a_template_refuses_another_size(plates: Path) -> None:
    save(plates / "good/other.png", np.full((64, 64), 0.5))
    task = read_task({"task": "inspection", "model": {"kind": "template"}})
    with pytest.raises(DataError, match="Use `texture` or `patches` for other sizes"):
        task.fit(_only(plates, "good"), lambda _: None)


def test_the_quality_task_learns_from_pictures(plates: Path) -> None:
    few = {"boosting": {"iterations": 20, "rate": 0.3, "leaves": 4, "least": 3}, "seeds": 1}
    task = read_task(
        {"task": "quality", "image": "picture", "target": "label", "unit": "lot", "seeds": 1,
         "ignore": ["mask"], "split": {"by": "unit", "folds": 3}, "model": few}
    )  # fmt: skip
    gallery = read_gallery(plates / "plates.csv", "picture")
    figures = {f.name: f.value for f in task.backtest(gallery, lambda _: None).figures}
    assert figures["accuracy"] > 0.85
    fitted = task.fit(gallery, lambda _: None)
    why = task.explain(fitted, gallery, 45)
    assert why.answer.startswith("row 46: label ")
    assert any(name.startswith(("curve", "slope", "darker")) for name, _, _ in why.shares[:5])


# Files that lie


def png(width: int, height: int, data: bytes = b"") -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (png(60_000, 60_000), "claims far more pixels than the 50,000,000"),
        (png(8_000, 7_000), "at most 50,000,000"),
        (png(64, 64, bytes(100)), "not an image that can be read"),
        (b"", "not an image"),
        (b"\xff\xd8\xff\xe0 nothing more", "not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n", "not an image"),
        (png(4, 4, bytes(20)), "at least 32 x 32"),
    ],
    ids=["bomb", "large", "cut", "empty", "head", "postscript", "tiny"],
)
def test_a_file_that_is_no_image_is_told(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "wrong.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        read_image(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_images_of_every_depth_are_read(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.png"
    if mode == "I;16":
        Image.fromarray(np.full((40, 50), 32_768, np.uint16)).save(path)
    else:
        Image.new("L", (50, 40), 128).convert(mode).save(path)
    image = read_image(path)
    assert image.shape == (40, 50)
    assert image.dtype == np.float32
    assert image.mean() == pytest.approx(0.5, abs=0.02)


def test_a_table_cannot_name_files_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    save(folder / "a.png", plate(0))
    save(tmp_path / "secret.png", plate(1))
    table = folder / "t.csv"
    for name, said in (("../secret.png", "lies outside"), ("b.png", "there is no image 'b.png'")):
        table.write_text(f"image,label\na.png,good\n{name},good\n")
        with pytest.raises(DataError, match=said):
            read_gallery(table)
    table.write_text("number,label\n1,good\n")
    with pytest.raises(ConfigurationError, match="no column names images"):
        read_gallery(table)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no images in this folder"):
        read_gallery(tmp_path / "empty")


# Overlap of regions, by hand


def test_regions_hold_together_over_corners() -> None:
    mask = np.array([[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 0, 0], [1, 0, 0, 0]], bool)
    assert regions(mask).tolist() == [[1, 0, 0, 2], [0, 1, 0, 2], [0, 0, 0, 0], [3, 0, 0, 0]]


def test_overlap_counts_regions_alike() -> None:
    mask = np.zeros((10, 10), bool)
    mask[0, :8], mask[5, 5] = True, True
    assert per_region_overlap([mask.astype(float)], [mask]) == pytest.approx(1)
    assert per_region_overlap([np.zeros((10, 10))], [mask]) == pytest.approx(0.15)
    small = np.zeros((10, 10))
    small[5, 5] = 2  # the small region first: half of the regions, though a ninth of the pixels
    told = per_region_overlap([small], [mask])
    assert told == pytest.approx(0.5 + 0.5 * 0.15)
    assert np.isnan(per_region_overlap([small], [np.zeros((10, 10), bool)]))


# Public data


@pytest.mark.data
def test_blowholes_of_magnetic_tiles_are_found() -> None:
    """Learned from a fifth of the good tiles, judged on other tiles; fast settings."""
    gallery = read_gallery(public_data("magnetic_tile", "manifest.csv"), "file")
    label, group = gallery["label"], gallery.numbers("group").astype(int)
    chosen = np.flatnonzero((group % 5 == 0) & np.isin(label, ["free", "blowhole"]))
    fast = {"boosting": {"iterations": 40, "rate": 0.25, "leaves": 16}, "rows": 8_000}
    task = read_task(
        {"task": "inspection", "image": "file", "unit": "group", "good": ["free"],
         "split": {"by": "unit", "folds": 2}, "model": fast}
    )  # fmt: skip
    report = task.backtest(gallery.take(chosen), lambda _: None)
    figures = {f.name: f.value for f in report.figures}
    assert figures["ROC area"] > 0.6
