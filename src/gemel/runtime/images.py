"""Images from files and into files: folders of them, and tables that name them."""

from __future__ import annotations

import hashlib
import io
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.image import Gallery, Image, fitted, grey, stretched
from gemel.runtime.tables import read_table

__all__ = [
    "SUFFIXES", "decode_image", "draw_heat", "draw_view", "read_gallery", "read_image",
    "require_library", "write_heat",
]  # fmt: skip

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
        return _decode(pillow, path, str(path))[0]
    except FileNotFoundError:
        raise DataError(f"{path}: no such image") from None


def decode_image(body: bytes, where: str) -> tuple[Image, str]:
    """The grey values in the bytes of such a file, and their media type. Raises as `read_image`."""
    pillow = _library()
    if not body:
        raise DataError(f"{where}: is empty")
    return _decode(pillow, io.BytesIO(body), where)


def _decode(pillow: Any, source: Path | io.BytesIO, where: str) -> tuple[Image, str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own limits: ours are lower
            with pillow.open(source, formats=_FORMATS) as file:
                width, height = file.size
                if width * height > _MOST_PIXELS:
                    raise DataError(
                        f"{where}: {width} x {height} pixels; at most {_MOST_PIXELS:,} are read: "
                        "scale it down, or cut it in pieces"
                    )
                media = str(pillow.MIME[file.format])
                pixels = _pixels(file)
    except (DataError, FileNotFoundError):
        raise
    except Exception as error:  # noqa: BLE001 - decoders raise nearly anything for a broken file
        if isinstance(error, pillow.DecompressionBombError):
            raise DataError(
                f"{where}: claims far more pixels than the {_MOST_PIXELS:,} that are read"
            ) from None
        if isinstance(error, pillow.UnidentifiedImageError):
            raise DataError(
                f"{where}: not an image that can be read; {', '.join(_FORMATS)} are"
            ) from None
        said = str(error).strip().split("\n")[0]
        raise DataError(f"{where}: not an image that can be read: {said}") from None
    return grey(pixels, where), media


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
    share = _hot(stretched(heat, height, width), float(np.median(heat)), limit, 0.4)[:, :, None]
    plain = np.repeat(np.asarray(image, np.float64)[:, :, None] * 255, 3, axis=2)
    both = np.concatenate([plain, plain * (1 - share) + _HOT * share], axis=1)
    try:
        pillow.fromarray(np.clip(both, 0, 255).astype(np.uint8)).save(path, format="PNG")
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror or error}") from None


def draw_view(image: Image, longest: int = 640) -> bytes:
    """What an inspector sees, as a small JPEG in grey."""
    pixels = np.clip(fitted(image, longest) * 255, 0, 255).astype(np.uint8)
    return _bytes(_library().fromarray(pixels), "JPEG", quality=88)


def draw_heat(heat: npt.NDArray[np.float64], limit: float) -> bytes:
    """A PNG to be laid over a picture from edge to edge, a pixel for each cell: red where a cell
    is above the limit, nothing elsewhere."""
    share = _hot(heat, float(np.median(heat)), limit, 2 / 3)
    pixels = np.empty((*heat.shape, 4), np.uint8)
    pixels[:, :, :3] = _HOT
    pixels[:, :, 3] = np.clip(share * 255, 0, 255)
    return _bytes(_library().fromarray(pixels, "RGBA"), "PNG")


def _hot(
    heat: npt.NDArray[np.float64], middle: float, limit: float, least: float
) -> npt.NDArray[np.float64]:
    """How much red each cell gets, 0 to 0.75: none up to `least`, where 2/3 is the limit."""
    low = min(middle, limit - 1e-9)
    share = np.clip((heat - low) / (limit - low), 0, 1.5) / 1.5
    return np.asarray(np.where(share > least, share, 0) * 0.75)


def _bytes(picture: Any, form: str, **more: Any) -> bytes:
    room = io.BytesIO()
    picture.save(room, format=form, **more)
    return room.getvalue()


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


def require_library() -> None:
    """Raises `ConfigurationError` where pictures cannot be read."""
    _library()


def _library() -> Any:
    try:
        import PIL.Image
    except ModuleNotFoundError:
        raise ConfigurationError(
            "reading images needs Pillow: pip install 'gemel[vision]'"
        ) from None
    return PIL.Image
