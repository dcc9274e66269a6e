"""Files as streams of lines: found, decompressed, decoded and cut into blocks of whole rows.

A block ends where a row ends, and every byte of it knows its place in the file, so that reading can
go on from any row after a restart. Memory is bounded by the block's size.
"""

from __future__ import annotations

import bz2
import codecs
import glob
import gzip
import hashlib
import io
import lzma
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import pyarrow as pa

from gemel.core.errors import ConfigurationError, DataError, did_you_mean
from gemel.parts.connectors.files.rows import Rows, Text, rows_of

__all__ = [
    "BLOCK",
    "Block",
    "blocks",
    "find_files",
    "fingerprint",
    "kind_of",
    "natural_key",
    "open_text",
]

BLOCK: Final = 4 << 20
"""Bytes of a block; also the most that one row may have."""
_HASHED: Final = 64 << 10

_COMPRESSIONS: Final = {
    b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz",
}  # fmt: skip
_FOREIGN: Final = {
    b"\x89PNG": "a PNG image", b"\xff\xd8\xff": "a JPEG image", b"GIF8": "a GIF image",
    b"%PDF": "a PDF document", b"\x89HDF": "an HDF5 file", b"MATLAB 5.0": "a MATLAB file",
    b"SQLite format 3": "an SQLite database", b"\x7fELF": "a program", b"MZ\x90": "a program",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word document", b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7z archive", b"TDSm": "a LabVIEW TDMS file", b"\x93NUMPY": "a NumPy file",
    b"ARROW1": "an Arrow file", b"FEA1": "a Feather file", b"RIFF": "a sound or video",
    b"MDF     ": "an ASAM MDF measurement", b"Obj\x01": "an Avro file", b"ORC": "an ORC file",
}  # fmt: skip
_ENDINGS: Final = (".csv", ".txt", ".dat", ".tsv", ".tab", ".log", ".asc", ".parquet", ".pq")


def natural_key(path: Path) -> list[tuple[int, int, str]]:
    """Order in which a person would put file names: ``run2`` before ``run10``."""
    parts = re.split(r"(\d+)", path.as_posix())
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p.casefold()) for p in parts]


def find_files(patterns: Sequence[str]) -> list[Path]:
    """The files that paths and globs name, each once, in natural order.

    Raises `ConfigurationError` for what leads nowhere, with the nearest names of the folder.
    """
    if not patterns:
        raise ConfigurationError("paths: none given; write e.g. paths: ['data/*.csv']")
    found: dict[Path, None] = {}
    for pattern in patterns:
        path = Path(pattern).expanduser()
        if path.is_dir():
            inside = sorted((p for p in path.iterdir() if p.is_file()), key=natural_key)
            names = [p.name for p in inside if _is_table(p)] or [p.name for p in inside]
            shown = f"; it has {', '.join(names[:5])}" if names else " and is empty"
            ending = "".join(Path(names[0]).suffixes[-2:]) if names else ".csv"
            raise ConfigurationError(
                f"is a folder{shown}; name a file, or write '{pattern.rstrip('/')}/*{ending}'",
                pattern,
            )
        if path.is_file():
            found[path] = None
            continue
        matches = []
        if glob.has_magic(pattern):
            matches = [Path(p) for p in glob.glob(str(path), recursive=True)]  # noqa: PTH207 - absolute
            matches = sorted((p for p in matches if p.is_file()), key=natural_key)
        if not matches:
            raise ConfigurationError(_missing(path, pattern), pattern)
        found.update(dict.fromkeys(matches))
    return sorted(found, key=natural_key)


def _is_table(path: Path) -> bool:
    return any(suffix.lower() in _ENDINGS for suffix in path.suffixes)


def _missing(path: Path, pattern: str) -> str:
    what = "no file matches" if glob.has_magic(pattern) else "no such file"
    folder = path.parent
    if not folder.is_dir():
        while not folder.is_dir():
            folder = folder.parent
        return f"{what}; there is no folder '{path.parent}', the nearest is '{folder}'"
    names = [p.name for p in folder.iterdir()]
    return f"{what} in '{folder}'; {did_you_mean(path.name, names)}"


def kind_of(path: Path) -> tuple[str, str]:
    """(``text`` or ``parquet``, compression) of a file, by its first bytes and not its name.

    Raises `ConfigurationError` if it is neither, with what it seems to be.
    """
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise ConfigurationError(f"cannot be read: {error.strerror}", str(path)) from None
    if not head:
        raise ConfigurationError("is empty; a table with a line per row is expected", str(path))
    if head.startswith(b"PAR1"):
        return "parquet", ""
    for magic, compression in _COMPRESSIONS.items():
        if head.startswith(magic):
            return "text", compression
    _refuse_foreign(path, head)
    return "text", ""


def _refuse_foreign(path: Path, head: bytes) -> None:
    what = next((name for magic, name in _FOREIGN.items() if head.startswith(magic)), "")
    hint = "a CSV or Parquet file is expected"
    if head.startswith(b"PK\x03\x04"):
        what = "an Excel workbook or ZIP archive"
        hint = "save the sheet as CSV, or unpack the archive"
    elif head[:8].lstrip(b"\xef\xbb\xbf \r\n").lower().startswith((b"<?xml", b"<html", b"<!doct")):
        what = "an XML or HTML document"
    if what:
        raise ConfigurationError(f"is {what}; {hint}", str(path))


def fingerprint(path: Path, size: int | None = None) -> tuple[str, int]:
    """Hash of the first bytes of a file, at most 64 KiB or `size`, and how many were hashed."""
    with path.open("rb") as file:
        head = file.read(_HASHED if size is None else size)
    return hashlib.blake2b(head, digest_size=16).hexdigest(), len(head)


def open_text(path: Path, compression: str, encoding: str, offset: int = 0) -> BinaryIO:
    """The decompressed bytes from `offset` on; UTF-16 and UTF-32 come out as UTF-8, so that a line
    break is one byte in every encoding."""
    raw = path.open("rb")
    stream: Any = raw
    if compression == "gzip":
        stream = gzip.GzipFile(fileobj=raw)
    elif compression == "bz2":
        stream = bz2.BZ2File(raw)
    elif compression == "xz":
        stream = lzma.LZMAFile(raw)  # noqa: SIM115 - the caller closes it
    elif compression == "zstd":
        stream = io.BufferedReader(_Zstd(raw))
    if encoding.startswith(("utf-16", "utf-32")):
        stream = io.BufferedReader(_Recoded(stream, encoding))
    elif not compression:
        raw.seek(offset)
        return raw
    while offset > 0:
        skipped = stream.read(min(offset, BLOCK))
        if not skipped:
            break
        offset -= len(skipped)
    return cast(BinaryIO, stream)


class _Zstd(io.RawIOBase):
    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._stream = pa.CompressedInputStream(pa.PythonFile(raw, "r"), "zstd")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Recoded(io.RawIOBase):
    def __init__(self, stream: Any, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            data = self._stream.read(1 << 16)
            text = self._decoder.decode(data, final=not data)
            self._left = text.replace("\ufeff", "").encode()
            if not data:
                break
        n = min(len(buffer), len(self._left))
        buffer[:n], self._left = self._left[:n], self._left[n:]
        return n

    def close(self) -> None:
        self._stream.close()
        super().close()


@dataclass(slots=True)
class Block:
    """Whole rows of a file."""

    data: bytes
    rows: Rows
    offset: int
    """Place of the block in the decompressed file."""
    line: int
    """Lines of the file before the block."""


def _read(stream: Any, size: int) -> tuple[bytes, str]:
    """Up to `size` bytes, and what is wrong with the compressed data that follow."""
    pieces: list[bytes] = []
    missing = size
    try:
        while missing > 0:
            piece = stream.read1(missing)
            if not piece:
                break
            pieces.append(piece)
            missing -= len(piece)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        return b"".join(pieces), str(error) or "damaged"
    return b"".join(pieces), ""


def blocks(
    path: Path, text: Text, offset: int = 0, line: int = 0, size: int = BLOCK
) -> Iterator[Block]:
    """The rows of a file from `offset` on, block by block.

    Raises `DataError` after the last readable row if the compressed data are damaged.
    """
    damage = ""
    with open_text(path, text.compression, text.encoding, offset) as stream:
        rest = b""
        while True:
            data, damage = _read(stream, size)
            whole = rest + data if rest else data
            is_last = not data or bool(damage)
            if damage:  # the last line is cut in the middle of a cell
                whole = whole[: whole.rfind(text.newline) + 1]
            if not whole:
                break
            if not is_last and text.newline not in data and len(whole) <= BLOCK:
                rest = whole
                continue
            if len(whole) > 2 * BLOCK + size and text.newline not in whole:
                raise DataError(f"{path}:{line + 1}: a line of more than {BLOCK >> 20} MiB")
            rows = rows_of(whole, text, is_last)
            if rows.used:
                taken = whole[: rows.used]
                yield Block(taken, rows, offset, line)
                line += taken.count(text.newline)
                offset += rows.used
            rest = whole[rows.used :]
            if is_last:
                break
    if damage:
        raise DataError(f"{path}: the compressed data end or are damaged after line {line}")
