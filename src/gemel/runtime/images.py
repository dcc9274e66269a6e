"""Images from files and into files: folders of them, and tables that name them."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.image import Gallery, Image, grey, stretched
from gemel.runtime.tables import read_table

__all__ = ["SUFFIXES", "read_gallery", "read_image", "write_heat"]

SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
_FORMATS: Final = ("PNG", "JPEG", "BMP", "TIFF")
_MOST_PIXELS: Final = 50_000_000
_MOST_BYTES: Final = 200_000_000
_HOT: Final = np.array([255, 40, 0], np.float64)


def read_image(path: Path) -> Image:
    """The grey values in a file (PNG, JPEG, BMP, TIFF).

    Raises `ConfigurationError` without Pillow, `DataError` for what is no image, is not whole, or
    would be larger than 50 million pixels: a small file can claim to be a huge image. The size is
    looked at before anything is unpacked.
    """
    pillow = _library()
    try:
        size = path.stat().st_size
        if size > _MOST_BYTES:
            raise DataError(f"{path}: {size:,} bytes; at most {_MOST_BYTES:,} are read")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own limits: ours are lower
            with pillow.open(path, formats=_FORMATS) as file:
                width, height = file.size
                if width * height > _MOST_PIXELS:
                    raise DataError(
                        f"{path}: {width} x {height} pixels; at most {_MOST_PIXELS:,} are read: "
                        "scale it down, or cut it in pieces"
                    )
                pixels = _pixels(file)
    except FileNotFoundError:
        raise DataError(f"{path}: no such image") from None
    except DataError:
        raise
    except Exception as error:  # noqa: BLE001 - decoders raise nearly anything for a broken file
        if isinstance(error, pillow.DecompressionBombError):
            raise DataError(
                f"{path}: claims far more pixels than the {_MOST_PIXELS:,} that are read"
            ) from None
        said = str(error).strip().split("\n")[0]
        raise DataError(f"{path}: not an image that can be read: {said}") from None
    return grey(pixels, str(path))


def read_gallery(path: Path, image: str | None = None) -> Gallery:
    """The images in a folder, or those that a table names, as rows.

    Of a folder the columns are `image`, the path within it, and `label`, the name of its sub-folder
    ('' for images that lie in none). In a table names are relative to it; `image` says which column
    holds them, the first one that ends like an image if it is not given.
    """
    if path.is_dir():
        found = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        if not found:
            raise DataError(f"{path}: no images in this folder ({', '.join(SUFFIXES)})")
        names = [p.relative_to(path) for p in found]
        columns: dict[str, Any] = {
            "image": np.array([n.as_posix() for n in names]),
            "label": np.array([n.parts[0] if len(n.parts) > 1 else "" for n in names]),
        }
        return _gallery(columns, path, str(path), "image", b"")
    table = read_table(path)
    column = image or _image_column(table.columns, str(path))
    if table[column].dtype.kind == "f":
        raise ConfigurationError(f"{path}: column '{column}' holds numbers, not names of images")
    return _gallery(
        dict(table.columns), path.resolve().parent, str(path), column, table.digest.encode()
    )


def write_heat(path: Path, image: Image, heat: npt.NDArray[np.float64], limit: float) -> None:
    """The image with what is above the limit in red, as a PNG file beside the image itself."""
    pillow = _library()
    height, width = image.shape
    over = stretched(heat, height, width)
    low = min(float(np.median(heat)), limit - 1e-9)
    share = np.clip((over - low) / (limit - low), 0, 1.5) / 1.5
    share = np.where(share > 0.4, share, 0)[:, :, None] * 0.75
    plain = np.repeat(np.asarray(image, np.float64)[:, :, None] * 255, 3, axis=2)
    both = np.concatenate([plain, plain * (1 - share) + _HOT * share], axis=1)
    try:
        pillow.fromarray(np.clip(both, 0, 255).astype(np.uint8)).save(path, format="PNG")
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror or error}") from None


def _gallery(
    columns: dict[str, Any], folder: Path, where: str, column: str, seed: bytes
) -> Gallery:
    root = folder.resolve()

    def located(name: str) -> Path:
        path = (root / name).resolve()
        if not path.is_relative_to(root):
            raise DataError(f"{where}: image '{name}' lies outside of {folder}")
        return path

    digest = hashlib.sha256(seed)
    for name in columns[column].tolist():
        path = located(str(name))
        if not path.is_file():
            raise DataError(f"{where}: there is no image '{name}' in {folder}")
        digest.update(str(name).encode() + b"\0")
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return Gallery(
        columns, digest.hexdigest(), where, column, lambda name: read_image(located(name))
    )


def _image_column(columns: Any, where: str) -> str:
    for name, column in columns.items():
        if column.dtype.kind != "f" and str(column[0]).lower().endswith(SUFFIXES):
            return str(name)
    raise ConfigurationError(
        f"{where}: no column names images; name it under `image` ({', '.join(SUFFIXES)})"
    )


def _pixels(file: Any) -> npt.NDArray[Any]:
    if file.mode in ("I;16", "I;16L", "I;16B", "I"):
        deep = np.asarray(file)
        if deep.min() < 0 or deep.max() > 65_535:
            raise DataError("pixels of more than 16 bits")
        return deep.astype(np.uint16)
    told = np.asarray(file.convert("L" if file.mode in ("1", "L", "LA") else "RGB"))
    return told.astype(np.uint8)


def _library() -> Any:
    try:
        import PIL.Image
    except ModuleNotFoundError:
        raise ConfigurationError(
            "reading images needs Pillow: pip install 'gemel[vision]'"
        ) from None
    return PIL.Image
