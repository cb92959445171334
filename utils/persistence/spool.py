"""Append-only files of checksummed records: what must survive a crash before it is anywhere else.

A file is `CBSPOOL2`, then frames: a word (u32: the payload's length and, in the two highest bits, what it is), CRC-32
of word and payload (u32), payload; little-endian. The first frame is a JSON object, the header; a closing frame, whose
payload is one, too, says that nothing will follow. Both are written twice, because more than a row hangs on them.

What follows the last whole frame was torn off by a crash, and is not read. Where a frame in between is damaged, reading
goes on at the next whole one: a flipped bit costs one record. Nothing inside of a damaged record is taken for a record
if records are text: the word of one has a byte below 5 in it.
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

MAGIC = b"CBSPOOL2"
LARGEST = 64 * 1024 * 1024
"""Longest payload in bytes; a longer one in a file is damage."""
_FRAME = struct.Struct("<II")
_RECORD, _HEADER, _CLOSING = 0, 0x4000_0000, 0x8000_0000
_LENGTH = 0x3FFF_FFFF
_CHUNK = 1 << 20


class NewerSpool(ConfigError):
    """The file was written by a newer version: it is left as it is."""


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
            spool._write(MAGIC + 2 * _framed(_json(header), _HEADER))
            os.fsync(descriptor)
            _sync_folder(path.parent)
        except BaseException:
            os.close(descriptor)
            path.unlink()
            raise
        return spool

    @classmethod
    def resume(cls, path: Path) -> "tuple[Spool, Contents]":
        """Open a file that was not closed, to go on after its last whole frame; what was torn off is cut away.

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
        self._write(2 * _framed(_json(note), _CLOSING))
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
    """What a file holds: `closing` is None where it was not closed.

    `damaged_bytes` lie between whole frames and cannot be read; `torn_bytes` follow the last whole one (`whole_bytes`).
    """

    header: dict[str, Any]
    records: int
    last: bytes | None
    closing: dict[str, Any] | None
    whole_bytes: int
    torn_bytes: int
    damaged_bytes: int = 0


class _Frame(NamedTuple):
    """A whole frame, from its first byte in the file to before its last."""

    start: int
    end: int
    kind: int
    payload: bytes


def examine(path: Path) -> Contents:
    """Read a file once, keeping only what is said about it.

    Raises:
        ConfigError: it is no spool file.
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        header = _header(stream, path)
        count, last, closing, whole, damaged = 0, None, None, len(MAGIC), 0
        for frame in _frames(stream):
            damaged += frame.start - whole
            whole = frame.end
            if frame.kind == _CLOSING:
                closing = _object(frame.payload, path)
            elif frame.kind == _RECORD:
                count, last = count + 1, frame.payload
        torn = 0 if closing is not None else os.fstat(stream.fileno()).st_size - whole
        return Contents(header, count, last, closing, whole, torn, damaged)


def read_header(path: Path) -> dict[str, Any]:
    """Read only the header.

    Raises:
        ConfigError: it is no spool file, or (`NewerSpool`) a newer one.
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        return _header(stream, path)


def records(path: Path) -> Iterator[bytes]:
    """Read the whole records one by one, in order; those that are damaged are left out.

    Raises:
        ConfigError: it is no spool file.
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        _header(stream, path)
        yield from (frame.payload for frame in _frames(stream) if frame.kind == _RECORD)


def newer(path: Path) -> NewerSpool:
    """Return what is to be raised for a file of a newer version."""
    return NewerSpool(f"{path} was written by a newer version of Crossbook.", hint="Run that version: it stores it.")


def _header(stream: BinaryIO, path: Path) -> dict[str, Any]:
    first = next(_frames(stream), None)
    if first is None or first.kind != _HEADER:
        stream.seek(0)
        magic = stream.read(len(MAGIC))
        if magic[:-1] == MAGIC[:-1] and MAGIC[-1:] < magic[-1:] <= b"9":
            raise newer(path)
        raise ConfigError(
            f"{path} is no spool file.", hint="It was made by something else, or is damaged: move it away."
        )
    return _object(first.payload, path)


def _frames(stream: BinaryIO) -> Iterator[_Frame]:
    """Read the whole frames of a file, up to the one that closes it."""
    size = os.fstat(stream.fileno()).st_size
    start = len(MAGIC)
    stream.seek(start)
    while start < size:
        frame = _frame(stream, start)
        if frame is None:
            start = _next_whole(stream, start + 1, size)
            stream.seek(start)
            continue
        yield frame
        start = frame.end
        if frame.kind == _CLOSING:
            return


def _frame(stream: BinaryIO, start: int) -> _Frame | None:
    """Read the frame that begins where the stream is; None: there is none, or it is not whole."""
    head = stream.read(_FRAME.size)
    if len(head) < _FRAME.size:
        return None
    word, checksum = _FRAME.unpack(head)
    length, kind = word & _LENGTH, word & ~_LENGTH
    if length > LARGEST or kind not in (_RECORD, _HEADER, _CLOSING):
        return None
    payload = stream.read(length)
    if len(payload) < length or _checksum(head[:4], payload) != checksum:
        return None
    return _Frame(start, start + _FRAME.size + length, kind, payload)


def _next_whole(stream: BinaryIO, start: int, size: int) -> int:
    """Find where the next whole frame begins; `size` where there is none."""
    while start < size:
        stream.seek(start)
        chunk = stream.read(_CHUNK)
        for place in range(len(chunk) - _FRAME.size + 1):
            # Most places are out of the question by their length alone: text is none, and neither is what is longer
            # than the rest of the file.
            length = int.from_bytes(chunk[place : place + 4], "little") & _LENGTH
            if start + place + _FRAME.size + length <= size:
                stream.seek(start + place)
                if _frame(stream, start + place) is not None:
                    return start + place
        if len(chunk) < _FRAME.size:
            break
        start += len(chunk) - _FRAME.size + 1
    return size


def _framed(payload: bytes, kind: int = _RECORD) -> bytes:
    if len(payload) > LARGEST:
        raise ValueError(f"a record of {len(payload)} bytes")
    word = (len(payload) | kind).to_bytes(4, "little")
    return word + _checksum(word, payload).to_bytes(4, "little") + payload


def _checksum(word: bytes, payload: bytes) -> int:
    """Take the word in, so that nothing becomes another kind of frame, and zeros (a torn file's end) are none."""
    return zlib.crc32(payload, zlib.crc32(word))


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
