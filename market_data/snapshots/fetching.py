"""Taking a file of rows out of a store, once: hashed while it comes, then read as Parquet."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from typing import NamedTuple

from domain.errors import CrossbookError
from domain.exit_codes import ExitCode
from domain.snapshots import SeriesFacts, Snapshot
from market_data.snapshots.parquet import read_file
from utils.persistence.sinks.base import Sink

PART_BYTES = 8 << 20
IN_MEMORY_BYTES = 64 << 20
"""What a file may have to be held in memory; a larger one is put into the folder of temporary files."""


class NoRoom(CrossbookError):
    """The folder of temporary files is full, so that a large file cannot be looked at."""

    category = "no_room"
    exit_code = ExitCode.UNAVAILABLE
    retryable = True


class Fetched(NamedTuple):
    """An object as it was just now: its size and SHA-256 (hex), and a copy that can be read while it is open."""

    key: str
    size: int
    sha256: str
    copy: "_Copy"

    def rows(self) -> tuple[SeriesFacts, Iterator[Snapshot]]:
        """Read it as Parquet, row group by row group.

        Raises:
            SchemaError, DamagedFile: as `read_file`.
        """
        self.copy.seek(0)
        return read_file(self.copy)


class _Copy(SpooledTemporaryFile[bytes]):
    """A temporary file that is called as the object is, for what is said about it."""

    key = ""

    @property
    def name(self) -> str:
        return self.key


@contextmanager
def fetched(sink: Sink, key: str, size: int) -> Iterator[Fetched]:
    """Copy an object of about `size` bytes out of the store; every byte is asked for once.

    Raises:
        StoreError: it is missing, or the store does not answer.
        NoRoom: there is none for the copy.
    """
    digest, found = hashlib.sha256(), 0
    with _Copy(max_size=IN_MEMORY_BYTES) as copy:
        copy.key = key
        while True:
            whole = found == 0 and size <= PART_BYTES
            part = sink.read(key) if whole else sink.read(key, found, found + PART_BYTES)
            digest.update(part)
            found += len(part)
            try:
                copy.write(part)
            except OSError as error:
                raise NoRoom(f"There is no room for a copy of {key}: {error.strerror}.", hint="Set TMPDIR.") from error
            if whole or len(part) < PART_BYTES or found >= size:
                break
        yield Fetched(key, found, digest.hexdigest(), copy)
