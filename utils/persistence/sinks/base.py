"""What a store of files can do, wherever it is, and how it says that it could not.

Keys are relative paths with `/` (`order_books/2026-11-21/BTCUSDT/…`).
An object is complete or absent, never half there.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from domain.errors import CrossbookError
from domain.exit_codes import ExitCode

ABSENT = "*"
"""`only_if` of a put that must not replace anything (HTTP's `If-None-Match: *`); no etag looks like it."""
_CHUNK = 1 << 20


class StoreError(CrossbookError):
    """A store of files could not do what was asked; `category` says why in a word."""

    category = "store"


class StoreUnavailable(StoreError):
    """No answer, or none in time: asking again may help."""

    category = "store_unavailable"
    exit_code = ExitCode.UNAVAILABLE
    retryable = True


class StoreRefused(StoreError):
    """The store said no: a permission is missing."""

    category = "store_refused"
    exit_code = ExitCode.REFUSED


class StoreMisconfigured(StoreError):
    """There is no such bucket or folder, or no credentials to ask it with."""

    category = "store_misconfigured"
    exit_code = ExitCode.CONFIGURATION


class StoreConflict(StoreError):
    """The object is not as the caller said it had to be (`only_if`), or holds something else; nothing was replaced."""

    category = "store_conflict"
    exit_code = ExitCode.VERIFICATION_FAILED


class StoreMissing(StoreError):
    """There is no object of that key."""

    category = "store_missing"
    exit_code = ExitCode.VERIFICATION_FAILED


class StoreFull(StoreError):
    """There is no room left; asking again helps once there is."""

    category = "store_full"
    exit_code = ExitCode.UNAVAILABLE
    retryable = True


class Put(NamedTuple):
    """What a put wrote: the etag to update it with, and its SHA-256 (hex) where the store itself confirmed it."""

    etag: str
    sha256: str | None


class Stat(NamedTuple):
    """An object: size in bytes, etag and SHA-256 (hex); None where telling would mean to read the object."""

    key: str
    size: int
    etag: str | None
    sha256: str | None


class Sink(ABC):
    """A store of files. All methods may be called from several threads and raise `StoreError`s only."""

    name: str
    """The place as a user writes it: an absolute path, or `s3://bucket/prefix`."""

    @abstractmethod
    def put(self, key: str, source: Path | bytes, *, only_if: str | None = None) -> Put:
        """Store a file's or these bytes; on return they are on disk, or confirmed by checksum.

        `only_if`: None replaces what is there, `ABSENT` never does, an etag replaces exactly that version.

        Raises:
            StoreConflict: the object is not as `only_if` says; nothing was changed.
        """

    @abstractmethod
    def head(self, key: str) -> Stat | None:
        """Tell size, etag and checksum of an object as the store has it; None when there is none."""

    @abstractmethod
    def read(self, key: str, start: int | None = None, end: int | None = None) -> bytes:
        """Read an object, or its bytes from `start` to before `end`.

        Raises:
            StoreMissing: there is none.
        """

    @abstractmethod
    def list(self, prefix: str = "") -> Iterator[Stat]:
        """List the objects whose keys begin with the prefix, in order of their keys (without etag where it costs)."""

    @abstractmethod
    def folders(self, prefix: str = "") -> Sequence[str]:
        """List the names directly under a folder (`order_books/`) that have objects below them, in order."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Delete an object; nothing happens when there is none."""


def sha256_of(source: Path | bytes) -> str:
    """Hash a file or bytes (SHA-256, hex), without holding a file in memory.

    Raises:
        OSError: the file cannot be read.
    """
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    digest = hashlib.sha256()
    with source.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def checked(key: str) -> str:
    """Return a key that names one object inside the store.

    Raises:
        ValueError: it is empty, absolute, or leads out of the store or to a hidden file.
    """
    parts = key.split("/")
    if any(not part or part.startswith(".") or "\0" in part for part in parts):
        raise ValueError(f"not a key of a store: {key!r}")
    return key
