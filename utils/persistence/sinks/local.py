"""A store in a folder: files appear whole or not at all, and survive a loss of power once a put has returned."""

import errno
import fcntl
import hashlib
import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from utils.persistence.sinks.base import (
    ABSENT,
    Put,
    Sink,
    Stat,
    StoreConflict,
    StoreError,
    StoreFull,
    StoreMisconfigured,
    StoreMissing,
    StoreRefused,
    StoreUnavailable,
    checked,
    sha256_of,
)

LOCK = ".crossbook.lock"
_CHUNK = 1 << 20
_ABANDONED_S = 3600
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS})
_counter = itertools.count()


class LocalSink(Sink):
    """Objects as files under `root`; an object's etag is its SHA-256.

    Names beginning with a dot are its own (the lock, files still being written) and no objects.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()
        self.name = str(self.root)

    def put(self, key: str, source: Path | bytes, *, only_if: str | None = None) -> Put:
        """Write beside the target, fsync, then let it appear under its name; conditions hold under a lock."""
        target = self.root / checked(key)
        with self._told(key):
            _make_folders(target.parent)
            temporary = target.parent / f".{target.name}.{os.getpid()}-{next(_counter)}.tmp"
            try:
                digest = _write(temporary, source)
                with self._locked():
                    self._appear(temporary, target, key, only_if)
            finally:
                temporary.unlink(missing_ok=True)
            _sync_folder(target.parent)
            _clear_abandoned(target)
        return Put(digest, digest)

    def head(self, key: str) -> Stat | None:
        """Read the file: size and SHA-256 are of what is on disk."""
        path = self.root / checked(key)
        with self._told(key):
            try:
                return _stat(key, path)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return None

    def read(self, key: str, start: int | None = None, end: int | None = None) -> bytes:
        """Read a file or a part of it."""
        path = self.root / checked(key)
        with self._told(key):
            try:
                with path.open("rb") as file:
                    file.seek(start or 0)
                    return file.read() if end is None else file.read(max(0, end - (start or 0)))
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                raise StoreMissing(f"{self.name} has no {key}.") from None

    def list(self, prefix: str = "") -> Iterator[Stat]:
        """Walk the folders that can hold such keys; hashes are left out, because they mean reading every file."""
        folder = prefix.rpartition("/")[0]
        base = self.root / checked(folder) if folder else self.root
        with self._told(prefix):
            for path in _walk(base):
                key = path.relative_to(self.root).as_posix()
                if key.startswith(prefix):
                    try:
                        yield Stat(key, path.stat().st_size, None, None)
                    except FileNotFoundError:
                        continue  # deleted since it was listed

    def folders(self, prefix: str = "") -> Sequence[str]:
        """List the folders of a folder; empty ones are left out, as a bucket has none."""
        base = self.root / checked(prefix.rstrip("/")) if prefix else self.root
        with self._told(prefix):
            names = [entry.name for entry in _entries(base) if entry.is_dir()]
            return [name for name in names if any(True for _ in _walk(base / name))]

    def delete(self, key: str) -> None:
        """Delete a file, and the folders that it leaves empty."""
        path = self.root / checked(key)
        with self._told(key), self._locked():
            try:
                path.unlink()
            except (FileNotFoundError, NotADirectoryError):
                return
            _sync_folder(path.parent)
            for folder in path.parents:
                if folder == self.root or self.root not in folder.parents:
                    break
                try:
                    folder.rmdir()
                except OSError:
                    break

    def _appear(self, temporary: Path, target: Path, key: str, only_if: str | None) -> None:
        """Give the written file its name. The lock is held, so that nobody of ours comes between look and write."""
        if only_if == ABSENT:
            _link(temporary, target, lambda: self._conflict(key, "is there already"))
        else:
            if only_if is not None:
                found = sha256_of(target) if target.exists() else None
                if found != only_if:
                    self._conflict(key, "has changed since it was read" if found else "is gone")
            temporary.replace(target)

    def _conflict(self, key: str, what: str) -> NoReturn:
        raise StoreConflict(f"{key} {what} in {self.name}; nothing was written.")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        _make_folders(self.root)
        with (self.root / LOCK).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _told(self, key: str) -> Iterator[None]:
        """Say what the operating system refused in our words."""
        try:
            yield
        except OSError as error:
            raise self._error(error, key) from error

    def _error(self, error: OSError, key: str) -> StoreError:
        reason = (error.strerror or str(error)).lower()
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return StoreFull(f"There is no room for {key} in {self.name}: {reason}.", hint="Free some disk space.")
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            hint = "Give yourself access to the folder, or name another one with storage.path."
            return StoreRefused(f"{self.name} may not be used: {reason}.", hint=hint)
        if error.errno in (errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOENT):
            hint = "Name a folder that exists or can be made, with storage.path or --to."
            return StoreMisconfigured(f"{self.name} is no folder that can hold {key}: {reason}.", hint=hint)
        return StoreUnavailable(f"{self.name} does not answer for {key}: {reason}.", hint="Check the disk.")


def _stat(key: str, path: Path) -> Stat:
    digest = sha256_of(path)
    return Stat(key, path.stat().st_size, digest, digest)


def _write(path: Path, source: Path | bytes) -> str:
    digest = hashlib.sha256()
    with path.open("xb") as file:
        if isinstance(source, bytes):
            digest.update(source)
            file.write(source)
        else:
            with source.open("rb") as content:
                while chunk := content.read(_CHUNK):
                    digest.update(chunk)
                    file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def _link(temporary: Path, target: Path, conflict: Callable[[], NoReturn]) -> None:
    """Give a file a second name that must be new: even writers that know nothing of the lock cannot be overwritten."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        conflict()
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if target.exists():
            conflict()
        temporary.rename(target)


def _make_folders(folder: Path) -> None:
    """Make a folder and those above it, each recorded in the one above before anything is put into it."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
        _sync_folder(each.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _clear_abandoned(target: Path) -> None:
    """Remove what a killed writer of the same object left behind long ago."""
    for path in target.parent.glob(f".{target.name}.*.tmp"):
        try:
            if time.time() - path.stat().st_mtime > _ABANDONED_S:
                path.unlink()
        except FileNotFoundError:
            continue


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except FileNotFoundError:
        return []


def _walk(folder: Path) -> Iterator[Path]:
    """List the files below a folder in the order of their keys, as a bucket lists them."""
    entries = [(f"{entry.name}/" if entry.is_dir() else entry.name, entry) for entry in _entries(folder)]
    for name, entry in sorted(entries):
        if name.endswith("/"):
            yield from _walk(entry)
        else:
            yield entry
