"""Append-only files of checksummed records: what must survive a crash before it is anywhere else.

A file is `CBSPOOL1`, then frames: length (u32), CRC-32 of the payload (u32), payload; little-endian. The first frame is
a JSON object, the header. A closing frame (the length's highest bit is set) says that nothing will follow; its payload
is a JSON object, too. What follows the last whole frame was torn off by a crash, and is not read.
"""

import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from domain.errors import ConfigError

MAGIC = b"CBSPOOL1"
LARGEST = 64 * 1024 * 1024
"""Longest payload in bytes; a longer one in a file is damage."""
_FRAME = struct.Struct("<II")
_CLOSING = 0x8000_0000


class Spool:
    """A file that is being written, by one process and one thread at a time.

    An appended record survives the end of this process at once, and the end of the machine once `sync` has returned.
    """

    def __init__(self, path: Path, descriptor: int, size: int) -> None:
        self.path = path
        self.size = size
        """Bytes of whole frames."""
        self._descriptor = descriptor

    @classmethod
    def create(cls, path: Path, header: Mapping[str, Any]) -> "Spool":
        """Make a file that is not there yet, durable with its header; the folder must be there.

        Raises:
            OSError: it is there, or cannot be written; nothing is left behind then.
        """
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        spool = cls(path, descriptor, 0)
        try:
            spool._write(MAGIC + _framed(_json(header)))
            os.fsync(descriptor)
            _sync_folder(path.parent)
        except BaseException:
            os.close(descriptor)
            path.unlink()
            raise
        return spool

    @classmethod
    def resume(cls, path: Path) -> "tuple[Spool, Contents]":
        """Open a file that was not closed, to go on after its last whole record; what was torn off is cut away.

        Raises:
            ConfigError: it is no spool file, or is closed.
            OSError: it cannot be read or written.
        """
        contents = examine(path)
        if contents.closing is not None:
            raise ConfigError(f"The spool file {path} is closed.")
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.ftruncate(descriptor, contents.whole_bytes)
            os.fsync(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(path, descriptor, contents.whole_bytes), contents

    def append(self, payload: bytes) -> None:
        """Write one record.

        Raises:
            OSError: it cannot be written (a full disk); the file is as it was before.
        """
        self._write(_framed(payload))

    def sync(self) -> None:
        """Wait until all that was appended is on the disk.

        Raises:
            OSError: it is not; what was appended since the last `sync` has to be written to another file.
        """
        os.fdatasync(self._descriptor)

    def rewind(self, size: int) -> None:
        """Give up what was written after the first `size` bytes (a size that `size` once had), after a failed `sync`.

        Raises:
            OSError: the file cannot be cut.
        """
        os.ftruncate(self._descriptor, size)
        self.size = size

    def finish(self, note: Mapping[str, Any]) -> None:
        """Write the closing frame, durable, and release the file.

        Raises:
            OSError: it cannot be written; the file stays open, without it.
        """
        before = self.size
        self._write(_framed(_json(note), _CLOSING))
        try:
            self.sync()
        except OSError:
            self.rewind(before)
            raise
        self.release()

    def release(self) -> None:
        """Close the descriptor; without `finish`, the file counts as interrupted."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, data: bytes) -> None:
        written = 0
        try:
            # At its place, so that a write that failed half-way is overwritten, not followed.
            while written < len(data):
                written += os.pwrite(self._descriptor, data[written:] if written else data, self.size + written)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self.size)
            raise
        self.size += len(data)


class Contents(NamedTuple):
    """What a file holds: `closing` is None where it was not closed; `torn_bytes` follow the last whole frame."""

    header: dict[str, Any]
    records: int
    last: bytes | None
    closing: dict[str, Any] | None
    whole_bytes: int
    torn_bytes: int


def examine(path: Path) -> Contents:
    """Read a file once, keeping only what is said about it.

    Raises:
        ConfigError: it is no spool file.
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        header, whole = _header(stream, path)
        count, last, closing = 0, None, None
        for payload, closes, end in _frames(stream, whole):
            whole = end
            if closes:
                closing = _object(payload, path)
            else:
                count, last = count + 1, payload
        return Contents(header, count, last, closing, whole, os.fstat(stream.fileno()).st_size - whole)


def read_header(path: Path) -> dict[str, Any]:
    """Read only the header.

    Raises:
        ConfigError: it is no spool file.
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        return _header(stream, path)[0]


def records(path: Path) -> Iterator[bytes]:
    """Read the records one by one, up to the last whole one.

    Raises:
        ConfigError: it is no spool file.
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        _, whole = _header(stream, path)
        for payload, closes, _ in _frames(stream, whole):
            if not closes:
                yield payload


def _header(stream: BinaryIO, path: Path) -> tuple[dict[str, Any], int]:
    """Read the header and where it ends."""
    if stream.read(len(MAGIC)) == MAGIC:
        for payload, _, end in _frames(stream, len(MAGIC)):
            return _object(payload, path), end
    raise ConfigError(f"{path} is no spool file.", hint="It was made by something else, or is damaged: move it away.")


def _frames(stream: BinaryIO, start: int) -> Iterator[tuple[bytes, bool, int]]:
    """Read frames up to the last whole one: payload, whether it closes the file, and where it ends."""
    end = start
    while len(head := stream.read(_FRAME.size)) == _FRAME.size:
        length, checksum = _FRAME.unpack(head)
        closes, length = bool(length & _CLOSING), length & ~_CLOSING
        if length > LARGEST:
            return
        payload = stream.read(length)
        if len(payload) < length or zlib.crc32(payload) != checksum:
            return
        end += _FRAME.size + length
        yield payload, closes, end
        if closes:
            return


def _framed(payload: bytes, flag: int = 0) -> bytes:
    if len(payload) > LARGEST:
        raise ValueError(f"a record of {len(payload)} bytes")
    return _FRAME.pack(len(payload) | flag, zlib.crc32(payload)) + payload


def _json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


def _object(payload: bytes, path: Path) -> dict[str, Any]:
    try:
        content = json.loads(payload)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise ConfigError(f"{path} is no spool file.", hint="It was made by something else, or is damaged.")
    return content


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
