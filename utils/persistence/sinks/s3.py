"""A store in a bucket of S3, or of anything that speaks its API.

Each object is sent with its SHA-256, which the store checks; large ones in parts, each with its own. Conditional
writes (`If-None-Match: *`, `If-Match`) are decided by the store, at the completion of a multipart upload, too. boto3 is
loaded, and credentials are looked for, at the first use; both are boto3's own business.
"""

import base64
import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from utils.persistence.sinks.base import (
    ABSENT,
    Put,
    Sink,
    Stat,
    StoreConflict,
    StoreError,
    StoreMissing,
    StoreUnavailable,
    checked,
    sha256_of,
)
from utils.persistence.sinks.s3_errors import code_of, explained
from utils.secrets.redaction import remember

PART_BYTES = 8 * 1024 * 1024
"""What is larger is sent in parts of this size; S3 takes at least 5 MiB and at most 10,000 parts."""
PAGE = 1000
CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 20
DEADLINE_S = 60.0
"""No request is tried again after this long."""
ATTEMPTS = 5
_MULTIPART = re.compile(r'.*-[0-9]+"?')
_METADATA = "sha256"
_SIGNER = re.compile(r"Credential=([^/,\s]+)")
T = TypeVar("T")


class Options(NamedTuple):
    """How to talk to the store; what is None is left to boto3 (its environment variables and files)."""

    endpoint_url: str | None = None
    region: str | None = None
    server_side_encryption: str | None = None
    storage_class: str | None = None


class S3Sink(Sink):
    """Objects of a bucket below a prefix. Etags are the store's own.

    The SHA-256 of an object in parts is what its writer said of the whole, each part of which the store has checked.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str,
        options: Options,
        *,
        deadline_s: float = DEADLINE_S,
        read_timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        self.bucket = bucket
        self.prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self.name = f"s3://{bucket}/{self.prefix}".rstrip("/")
        self._options = options
        self._deadline_s = deadline_s
        self._read_timeout_s = read_timeout_s
        self._made: Any = None
        self._making = threading.Lock()

    def put(self, key: str, source: Path | bytes, *, only_if: str | None = None) -> Put:
        """Send an object with its checksums and see that the store confirms them."""
        checked(key)
        digest = sha256_of(source)
        condition = {} if only_if is None else {"IfNoneMatch": "*"} if only_if == ABSENT else {"IfMatch": only_if}
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        tries = 0

        def send() -> Put:
            nonlocal tries
            tries += 1
            try:
                if size > PART_BYTES:
                    return self._put_parts(key, source, digest, condition)
                return self._put_whole(key, source, digest, condition)
            except StoreConflict:
                # The answer to an earlier try may have been lost: then what is there is ours.
                there = self.head(key) if tries > 1 else None
                if there is None or there.etag is None or (there.size, there.sha256) != (size, digest):
                    raise
                return Put(there.etag, digest)

        return self._retried(send)

    def head(self, key: str) -> Stat | None:
        """Ask for size, etag and checksum."""
        try:
            answer = self._ask("head_object", Key=self._key(key), ChecksumMode="ENABLED")
        except StoreMissing:
            return None
        return Stat(key, answer["ContentLength"], answer["ETag"], _sha256(answer))

    def read(self, key: str, start: int | None = None, end: int | None = None) -> bytes:
        """Download an object or a part of it; boto3 checks a whole one against the store's checksum."""
        if start is None and end is None:
            span = {}
        elif end is not None and end <= (start or 0):
            return b""
        else:
            span = {"Range": f"bytes={start or 0}-{'' if end is None else end - 1}"}

        def download(client: Any) -> bytes:
            # Not the body's own `with`, which hands out the stream below the one that checks the checksum.
            with closing(client.get_object(Bucket=self.bucket, Key=self._key(key), **span)["Body"]) as body:
                return bytes(body.read())

        try:
            return self._retried(lambda: self._once(download))
        except StoreError as error:
            if code_of(error.__cause__ or error) in ("InvalidRange", "416"):  # type: ignore[arg-type]
                return b""
            if isinstance(error, StoreMissing):
                raise StoreMissing(f"{self.name} has no {key}.") from error
            raise

    def list(self, prefix: str = "") -> Iterator[Stat]:
        """List page by page (1,000 keys each)."""
        for page in self._pages(prefix):
            for entry in page.get("Contents", []):
                key = entry["Key"].removeprefix(self.prefix)
                if not key.endswith("/"):  # consoles make such an object to show a folder
                    yield Stat(key, entry["Size"], entry["ETag"], None)

    def folders(self, prefix: str = "") -> Sequence[str]:
        """List common prefixes: one request for a thousand of them, whatever is below."""
        base = f"{prefix.rstrip('/')}/" if prefix else ""
        found = [one["Prefix"] for page in self._pages(base, Delimiter="/") for one in page.get("CommonPrefixes", [])]
        return [each.removeprefix(self.prefix + base).rstrip("/") for each in found]

    def delete(self, key: str) -> None:
        """Delete an object (of a bucket with versions: hide it)."""
        self._ask("delete_object", Key=self._key(key))

    def _key(self, key: str) -> str:
        return self.prefix + checked(key)

    def _put_whole(self, key: str, source: Path | bytes, digest: str, condition: Mapping[str, str]) -> Put:
        body = source if isinstance(source, bytes) else source.read_bytes()
        _expect(hashlib.sha256(body).hexdigest(), digest, source)
        checksum = base64.b64encode(bytes.fromhex(digest)).decode()
        answer = self._once(
            lambda client: client.put_object(
                Bucket=self.bucket,
                Key=self._key(key),
                Body=body,
                **_sha(checksum),
                **self._stored_as(digest),
                **condition,
            ),
            key,
        )
        self._confirm(key, answer.get("ChecksumSHA256"), checksum)
        return Put(answer["ETag"], digest)

    def _put_parts(self, key: str, source: Path | bytes, digest: str, condition: Mapping[str, str]) -> Put:
        where = {"Bucket": self.bucket, "Key": self._key(key)}
        upload = self._ask("create_multipart_upload", Key=where["Key"], **_sha(None), **self._stored_as(digest))
        where["UploadId"] = upload["UploadId"]
        try:
            parts, checksums = [], b""
            whole = hashlib.sha256()
            for number, body in enumerate(_parts(source), 1):
                whole.update(body)
                part = hashlib.sha256(body).digest()
                checksum = base64.b64encode(part).decode()
                sent = {"PartNumber": number, "Body": body, **_sha(checksum)}
                answer = self._ask("upload_part", Key=where["Key"], UploadId=where["UploadId"], **sent)
                self._confirm(key, answer.get("ChecksumSHA256"), checksum)
                parts.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum})
                checksums += part
            _expect(whole.hexdigest(), digest, source)
            done = self._once(
                lambda client: client.complete_multipart_upload(**where, MultipartUpload={"Parts": parts}, **condition),
                key,
            )
            composite = base64.b64encode(hashlib.sha256(checksums).digest()).decode()
            self._confirm(key, done.get("ChecksumSHA256", "").partition("-")[0] or None, composite)
        except BaseException:
            # Parts that nobody completes cost money until they are given up.
            with suppress(StoreError):
                self._once(lambda client: client.abort_multipart_upload(**where), key)
            raise
        return Put(done["ETag"], digest)

    def _stored_as(self, digest: str) -> dict[str, Any]:
        chosen = {
            "ServerSideEncryption": self._options.server_side_encryption,
            "StorageClass": self._options.storage_class,
        }
        return {"Metadata": {_METADATA: digest}, **{name: value for name, value in chosen.items() if value}}

    def _confirm(self, key: str, confirmed: str | None, sent: str) -> None:
        """Compare the checksum that the store answers with; one that answers none is asked by `head` later."""
        if confirmed is not None and confirmed != sent:
            raise StoreUnavailable(f"{self.name} confirms other data than was sent for {key}.")

    def _pages(self, prefix: str, **options: str) -> Iterator[Any]:
        token: dict[str, str] = {}
        while True:
            page = self._ask("list_objects_v2", Prefix=self.prefix + prefix, MaxKeys=PAGE, **options, **token)
            yield page
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def _ask(self, method: str, **parameters: Any) -> Any:
        return self._retried(lambda: self._once(lambda c: getattr(c, method)(Bucket=self.bucket, **parameters)))

    def _retried(self, call: Callable[[], T]) -> T:
        deadline = time.monotonic() + self._deadline_s
        try:
            return call()
        except StoreError as error:
            if not error.retryable:
                raise
            from utils.resilience.retry import try_again  # loads what only failures need

            return try_again(call, error, deadline=deadline, attempts=ATTEMPTS)

    def _once(self, call: Callable[[Any], T], key: str | None = None) -> T:
        """Make one request; `key` is of an object that is being written, whose absence is a conflict."""
        try:
            return call(self._client())
        except StoreError:
            raise
        except Exception as error:
            meaning = self._meaning(error, key)
            if meaning is None:
                raise
            raise meaning from error

    def _meaning(self, error: Exception, key: str | None) -> StoreError | None:
        code = code_of(error)
        if code in ("NoSuchKey", "404", "NoSuchUpload"):
            if key is None:
                return StoreMissing(f"{self.name} has no such object.")
            return StoreConflict(f"{key} is gone from {self.name}; nothing was written.")
        if code in ("PreconditionFailed", "412") and key is not None:
            return StoreConflict(f"{key} in {self.name} is not as it was expected; nothing was written.")
        return explained(error, self.name)

    def _client(self) -> Any:
        with self._making:
            if self._made is None:
                self._made = self._make()
            return self._made

    def _make(self) -> Any:
        import boto3
        from botocore.config import Config

        config = Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=self._read_timeout_s,
            retries={"mode": "standard", "total_max_attempts": 1},  # trying again is ours: bounded by a deadline
            request_checksum_calculation="when_required",
            # Stores of one's own seldom have a name for every bucket.
            s3={"addressing_style": "path"} if self._options.endpoint_url else None,
        )
        session = boto3.session.Session()
        client = session.client(
            "s3", endpoint_url=self._options.endpoint_url, region_name=self._options.region, config=config
        )
        client.meta.events.register("before-send.s3", _remember_keys)
        return client


def _remember_keys(request: Any, **_: Any) -> None:
    """Have a request's key and token hidden, should an answer repeat them (the secret itself is never sent)."""
    said = (request.headers.get("Authorization"), request.headers.get("X-Amz-Security-Token"))
    signed, token = (each.decode("latin-1") if isinstance(each, bytes) else each or "" for each in said)
    key = _SIGNER.search(signed)
    for secret in (token, key[1] if key else ""):
        remember(secret)


def _sha(checksum: str | None) -> dict[str, str]:
    return {"ChecksumAlgorithm": "SHA256", **({"ChecksumSHA256": checksum} if checksum else {})}


def _sha256(answer: Any) -> str | None:
    """Tell an object's SHA-256 (hex) from the answer to a HEAD; None where the store keeps none.

    The checksum of an object in parts is one over the parts' checksums, which says nothing to who has the file.
    """
    checksum = answer.get("ChecksumSHA256")
    if not checksum:
        return None
    if _MULTIPART.fullmatch(answer["ETag"]):
        said = answer.get("Metadata", {}).get(_METADATA)
        return said if said and re.fullmatch("[0-9a-f]{64}", said) else None
    return base64.b64decode(checksum).hex()


def _parts(source: Path | bytes) -> Iterator[bytes]:
    if isinstance(source, bytes):
        for start in range(0, len(source), PART_BYTES):
            yield source[start : start + PART_BYTES]
        return
    with source.open("rb") as file:
        while part := file.read(PART_BYTES):
            yield part


def _expect(found: str, hashed: str, source: Path | bytes) -> None:
    if found != hashed:
        name = "what is sent" if isinstance(source, bytes) else str(source)
        raise StoreConflict(f"{name} has changed while it was being sent.")
