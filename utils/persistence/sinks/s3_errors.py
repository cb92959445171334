"""What S3 and stores like it answer when they do not do it, in our words.

Codes: the API reference's "Error responses", and what compatible stores (MinIO, Ceph) add. A HEAD has no body, so its
code is the HTTP status.
"""

import re
from collections.abc import Mapping
from typing import Any

from utils.persistence.sinks.base import (
    StoreConflict,
    StoreError,
    StoreFull,
    StoreMisconfigured,
    StoreRefused,
    StoreUnavailable,
)
from utils.secrets.redaction import HIDDEN, redact

CREDENTIALS_HINT = "Credentials are found by boto3's own rules: AWS_ACCESS_KEY_ID, AWS_PROFILE, ~/.aws, a role."
DENIED_HINT = "The key needs s3:ListBucket, s3:GetObject, s3:PutObject and, to compact or prune, s3:DeleteObject."
REGION_HINT = "Name the bucket's region with storage.s3.region."
OPTIONS_HINT = "Check storage.s3.server_side_encryption and storage.s3.storage_class."
ENDPOINT_HINT = "Check the network, and storage.s3.endpoint_url."
_SIGNATURE = re.compile(r"\b[0-9a-f]{64}\b")
"""Signatures and their like, in words that a store repeats."""

Meaning = tuple[type[StoreError], str, str]
_MISSING_BUCKET: Meaning = (StoreMisconfigured, "there is no such bucket", "Make the bucket, or correct its name.")
_BAD_KEY: Meaning = (StoreMisconfigured, "it does not accept the credentials", CREDENTIALS_HINT)
_DENIED: Meaning = (StoreRefused, "access is denied", DENIED_HINT)
_REGION: Meaning = (StoreMisconfigured, "the bucket is in another region", REGION_HINT)
_OPTIONS: Meaning = (StoreMisconfigured, "it does not take the storage options", OPTIONS_HINT)
_BUSY: Meaning = (StoreUnavailable, "it is busy", "It will be tried again; ask it for less at once.")
_DAMAGED: Meaning = (StoreUnavailable, "the data arrived damaged", "It will be tried again.")
_FULL: Meaning = (StoreFull, "there is no room left", "Make room in it, or raise its quota.")
CODES: Mapping[str, Meaning] = {
    "NoSuchBucket": _MISSING_BUCKET,
    "InvalidBucketName": (StoreMisconfigured, "that is no name of a bucket", "Correct the name after s3://."),
    "InvalidAccessKeyId": _BAD_KEY,
    "SignatureDoesNotMatch": _BAD_KEY,
    "ExpiredToken": (StoreMisconfigured, "the credentials have expired", CREDENTIALS_HINT),
    "ExpiredTokenException": (StoreMisconfigured, "the credentials have expired", CREDENTIALS_HINT),
    "InvalidToken": _BAD_KEY,
    "TokenRefreshRequired": (StoreMisconfigured, "the credentials have expired", CREDENTIALS_HINT),
    "RequestTimeTooSkewed": (StoreMisconfigured, "this machine's clock is wrong", "Set the clock."),
    "AccessDenied": _DENIED,
    "AllAccessDisabled": _DENIED,
    "AccountProblem": _DENIED,
    "403": _DENIED,
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "301": _REGION,
    "400": (StoreMisconfigured, "it does not take the request", f"{REGION_HINT} {CREDENTIALS_HINT}"),
    "InvalidStorageClass": _OPTIONS,
    "InvalidEncryptionAlgorithmError": _OPTIONS,
    "KMS.NotFoundException": _OPTIONS,
    "KMS.DisabledException": _OPTIONS,
    "ServerSideEncryptionConfigurationNotFoundError": _OPTIONS,
    "NotImplemented": (
        StoreMisconfigured,
        "it lacks something that is needed",
        "The store has to know conditional writes (If-Match, If-None-Match) and SHA-256 checksums.",
    ),
    "SlowDown": _BUSY,
    "ServiceUnavailable": _BUSY,
    "TooManyRequests": _BUSY,
    "RequestTimeout": (StoreUnavailable, "it waited too long for the data", ENDPOINT_HINT),
    "ConditionalRequestConflict": (StoreUnavailable, "others are writing the same object", "It will be tried again."),
    "OperationAborted": (StoreUnavailable, "others are writing the same object", "It will be tried again."),
    "BadDigest": _DAMAGED,
    "XAmzContentSHA256Mismatch": _DAMAGED,
    "XAmzContentChecksumMismatch": _DAMAGED,
    "IncompleteBody": _DAMAGED,
    "QuotaExceeded": _FULL,
    "XMinioStorageFull": _FULL,
    "InsufficientCapacity": _FULL,
    "PreconditionFailed": (StoreConflict, "the object is not as it was expected; nothing was written", ""),
    "412": (StoreConflict, "the object is not as it was expected; nothing was written", ""),
}
"""By S3's error code: our error, what it means, and what to do."""


def explained(error: Exception, place: str) -> StoreError | None:
    """Say what an error of boto3 means at `place` (`s3://bucket/prefix`); None for what boto3 would not raise."""
    import botocore.exceptions as known

    if isinstance(error, known.ClientError):
        return _answered(error.response, place, error.operation_name)
    if isinstance(error, known.NoCredentialsError):
        return StoreMisconfigured(f"There are no credentials for {place}.", hint=CREDENTIALS_HINT)
    missing = (known.PartialCredentialsError, known.ProfileNotFound)
    unusable = (known.CredentialRetrievalError, known.TokenRetrievalError, known.SSOError, known.ConfigParseError)
    if isinstance(error, missing):
        return StoreMisconfigured(f"There are no credentials for {place}: {_text(error)}.", hint=CREDENTIALS_HINT)
    if isinstance(error, unusable):
        return StoreMisconfigured(f"No credentials can be had for {place}: {_text(error)}.", hint=CREDENTIALS_HINT)
    if isinstance(error, known.ParamValidationError | known.NoRegionError | known.InvalidRegionError | ValueError):
        return StoreMisconfigured(
            f"{place} cannot be asked: {_text(error)}.", hint="Check the name after s3://, and storage.s3."
        )
    if isinstance(error, known.SSLError):
        return StoreMisconfigured(f"{place} has no certificate that this machine trusts.", hint=ENDPOINT_HINT)
    if isinstance(error, known.ConnectTimeoutError | known.ReadTimeoutError):
        return StoreUnavailable(f"{place} did not answer in time.", hint=ENDPOINT_HINT)
    if isinstance(error, known.FlexibleChecksumError):
        return StoreUnavailable(f"{place}: {_DAMAGED[1]}.", hint=_DAMAGED[2])
    if isinstance(error, known.HTTPClientError | known.ConnectionError):
        return StoreUnavailable(f"{place} cannot be reached.", hint=ENDPOINT_HINT)
    if isinstance(error, known.BotoCoreError):
        return StoreUnavailable(f"{place} gave no usable answer: {_text(error)}.", hint=ENDPOINT_HINT)
    return None


def code_of(error: Exception) -> str:
    """Return S3's error code (a HEAD's is its HTTP status), or an empty text."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def _answered(response: Any, place: str, asked: str) -> StoreError:
    code = str(response.get("Error", {}).get("Code", ""))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    if code in CODES:
        kind, meaning, hint = CODES[code]
        region = headers.get("x-amz-bucket-region") or response["Error"].get("Region")
        if CODES[code] is _REGION and region:
            meaning = f"the bucket is in the region {_clean(region)}"
        if CODES[code] is _DENIED:
            meaning = f"{meaning} ({asked})"
        return kind(f"{place}: {meaning}.", hint=hint or None)
    if status == 507:
        return _FULL[0](f"{place}: {_FULL[1]}.", hint=_FULL[2])
    if status == 429 or status >= 500:
        what = f"HTTP {status}" if code in ("", str(status)) else f"HTTP {status} {_clean(code)}"
        return StoreUnavailable(f"{place} fails: {what}.", hint=_BUSY[2])
    message = _clean(str(response.get("Error", {}).get("Message", "")))
    return StoreRefused(f"{place} refused: {message or _clean(code) or status}.", hint=OPTIONS_HINT)


def _text(error: Exception) -> str:
    return _clean(str(error))


def _clean(words: str) -> str:
    """Make a sentence's end of words that are not ours: they may repeat the request, and with it keys."""
    return _SIGNATURE.sub(HIDDEN, redact(" ".join(words.split())))[:200].rstrip(".")
