"""Where a store's files are: recorded order books as Parquet, in a directory or in a bucket.

A file is `…/YYYY-MM-DD/SYMBOL/VENUE-HHMMSS.parquet`; the manifest `VENUE.manifest.json` beside it names those that
count. A store may be given whole or in part: its folder of days, a day, a symbol's folder of a day.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from simulator.state import SimulatorError

_FILE = re.compile(r"(?:^|/)(?P<folder>\d{4}-\d\d-\d\d/[^/]+)/(?P<name>(?P<venue>[^/]+)-\d{6}(?:\.c\d+)?\.parquet)$")
_MANIFEST = re.compile(r"(?:^|/)(?P<folder>\d{4}-\d\d-\d\d/[^/]+)/(?P<venue>[^/]+)\.manifest\.json$")
_BUCKET = re.compile(r"s3:/{1,2}(?P<bucket>[^/]+)/?(?P<prefix>.*)")
_NEWEST_MANIFEST = 1
_DEPTHS = ("*.parquet", "*/*.parquet", "*/*/*.parquet", "order_books/*/*/*.parquet")
"""Where files are below a series' folder, a day's, the folder of days, and a whole store."""


class Stored(NamedTuple):
    """One file of order books: its `DAY/SYMBOL/NAME`, and where it is on this machine."""

    key: str
    path: Path


class Stock(NamedTuple):
    """The files that count, in order of their keys, and in sentences what is wrong with the rest.

    `clear` lets go of what was downloaded for it.
    """

    files: list[Stored]
    faults: list[str]
    clear: Callable[[], None] = lambda: None


def is_bucket(tape: str | Path) -> bool:
    """Tell whether this is `s3://bucket/prefix`, also where a path has taken one of its slashes."""
    return _BUCKET.fullmatch(str(tape)) is not None


def full_name(tape: str | Path) -> str:
    """Write a tape's name so that it means the same everywhere: `s3://bucket/prefix`, or an absolute path."""
    if match := _BUCKET.fullmatch(str(tape)):
        return f"s3://{match['bucket']}/{match['prefix']}"
    return str(Path(tape).absolute())


def find(tape: str | Path) -> Stock | None:
    """Find the files of a store; None where a directory has none.

    Those of a bucket are downloaded to a temporary directory: `clear` removes it.

    Raises:
        SimulatorError: the bucket cannot be read, or has no such file below the prefix.
    """
    if match := _BUCKET.fullmatch(str(tape)):
        return _fetched(match["bucket"], match["prefix"])
    root = Path(tape).absolute()
    paths = [path for pattern in _DEPTHS for path in root.glob(pattern) if _FILE.search(path.as_posix())]
    if not paths:
        return None
    folders = {path.parent for path in paths}
    manifests = {path.as_posix(): path.read_bytes() for folder in folders for path in folder.glob("*.manifest.json")}
    chosen, faults = _named({path.as_posix() for path in paths}, manifests)
    return Stock([Stored(_tail(name), Path(name)) for name in chosen], faults)


def _tail(name: str) -> str:
    match = _FILE.search(name)
    assert match is not None
    return f"{match['folder']}/{match['name']}"


def _named(names: Iterable[str], manifests: Mapping[str, bytes]) -> tuple[list[str], list[str]]:
    """Choose the files that their manifest names, in order; of a day and series without a manifest all.

    Raises:
        SimulatorError: a file is there twice: these are several stores.
    """
    faults: list[str] = []
    listed: dict[tuple[str, str], set[str]] = {}
    for name, text in manifests.items():
        match = _MANIFEST.search(name)
        if match is None:
            continue
        try:
            manifest = json.loads(text)
            if manifest["schema"] > _NEWEST_MANIFEST:
                raise ValueError("a newer schema")
            kept = set() if manifest.get("pruned") else {_tail(file["key"]) for file in manifest["files"]}
        except (ValueError, LookupError, TypeError, AttributeError, AssertionError):
            faults.append(f"{match['folder']} {match['venue']}: its manifest cannot be read")
            continue
        listed[match["folder"], match["venue"]] = kept
    there: dict[tuple[str, str], dict[str, str]] = {}
    for name in names:
        if found := _FILE.search(name):
            other = there.setdefault((found["folder"], found["venue"]), {}).setdefault(_tail(name), name)
            if other != name:
                raise SimulatorError(f"The tape has several stores ({other} and {name}): name one of them.")
    chosen: dict[str, str] = {}
    for key in sorted(there.keys() | listed.keys()):
        files = there.get(key, {})
        wanted = listed.get(key, set(files))
        faults += [f"{tail}: its manifest names it, and it is missing" for tail in sorted(wanted - files.keys())]
        faults += [f"{tail}: no manifest names it" for tail in sorted(files.keys() - wanted)]
        chosen |= {tail: name for tail, name in files.items() if tail in wanted}
    return [chosen[tail] for tail in sorted(chosen)], faults


def _fetched(bucket: str, prefix: str) -> Stock:
    """Download the files below a prefix. Who may read them, where and how is what boto3 finds by itself."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    where = f"s3://{bucket}/{prefix}"
    prefix = f"{prefix.rstrip('/')}/" if prefix else ""
    settings = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 3})
    folder = Path(tempfile.mkdtemp(prefix="simulator-tape-"))
    try:
        client = boto3.client("s3", config=settings)
        keys = list(_keys(client, bucket, prefix))
        manifests = {
            key: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys if _MANIFEST.search(key)
        }
        chosen, faults = _named([key for key in keys if _FILE.search(key)], manifests)
        if not chosen:
            raise SimulatorError(f"{where} has no recorded order books: name a store, or a day in it.")
        files = [Stored(_tail(key), folder / _tail(key)) for key in chosen]
        for key, file in zip(chosen, files, strict=True):
            file.path.parent.mkdir(parents=True, exist_ok=True)
            client.download_file(bucket, key, str(file.path))
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, (BotoCoreError, ClientError)):
            raise SimulatorError(f"The tape {where} cannot be read: {error}") from None
        raise
    return Stock(files, faults, lambda: shutil.rmtree(folder, ignore_errors=True))


def _keys(client: Any, bucket: str, prefix: str) -> Iterator[str]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", ()):
            yield item["Key"]
