"""Opening a store by what a user wrote: a folder, or `s3://bucket/prefix`."""

import re
from pathlib import Path

from domain.errors import ConfigError, UsageError
from utils.config.paths import state_dir
from utils.config.settings import StorageSettings
from utils.persistence.sinks.base import Sink
from utils.persistence.sinks.local import LocalSink

DEFAULT_FOLDER = "snapshots"
REAL = frozenset({"live", "paper"})
"""Environments whose books are those of the live venues."""
_S3_HINT = "Write s3://bucket or s3://bucket/prefix."
_S3 = re.compile(r"s3://(?P<bucket>[^/?#\s]+)(/(?P<prefix>[^?#]*))?")


def open_store(text: str | None, settings: StorageSettings, environment: str = "live") -> Sink:
    """Open the store that a text names; None is `storage.path`, or else a folder of the state.

    That folder is `snapshots`; what the simulator or a test environment has made is in `snapshots-<environment>`, so
    that no invented book ever gets among real ones.

    Nothing is asked or made yet: a bucket's credentials are looked for when it is first used.

    Raises:
        UsageError: the text names neither a folder nor a bucket.
    """
    named = text if text is not None else settings.path
    if named is None:
        made_up = environment not in REAL
        return LocalSink(state_dir() / (f"{DEFAULT_FOLDER}-{environment}" if made_up else DEFAULT_FOLDER))
    scheme, separator, _ = named.partition("://")
    if not separator:
        if named.lower().startswith("s3:"):
            raise UsageError(f"{named} names no bucket.", hint=_S3_HINT)
        if not named.strip() or "\0" in named:
            raise UsageError("A store is a folder or s3://bucket/prefix.")
        path = Path(named)
        if path.expanduser().exists() and not path.expanduser().is_dir():
            raise UsageError(f"{named} is a file, not a folder.", hint="A store is a folder or s3://bucket/prefix.")
        return LocalSink(path)
    if scheme != "s3":
        raise UsageError(f"Stores of the kind {scheme}:// are not known.", hint="Name a folder or s3://bucket/prefix.")
    return _bucket(named, settings)


def configured_bucket(settings: StorageSettings) -> str:
    """Tell which bucket `--to-s3` means.

    Raises:
        ConfigError: none is configured.
    """
    if settings.s3.url:
        return settings.s3.url
    if settings.path and settings.path.startswith("s3://"):
        return settings.path
    raise ConfigError(
        "No bucket is configured for --to-s3.", hint="Set storage.s3.url to s3://bucket/prefix, or use --to s3://…"
    )


def _bucket(named: str, settings: StorageSettings) -> Sink:
    from utils.persistence.sinks.s3 import Options, S3Sink

    found = _S3.fullmatch(named)
    prefix = (found["prefix"] or "").strip("/") if found else ""
    if found is None or any(part in ("", ".", "..") for part in prefix.split("/") if prefix):
        raise UsageError(f"{named} names no bucket.", hint=_S3_HINT)
    s3 = settings.s3
    options = Options(s3.endpoint_url, s3.region, s3.server_side_encryption, s3.storage_class)
    return S3Sink(found["bucket"], prefix, options)
