"""Keys of exchanges: found in the environment, a `.env` file or the keyring; never shown, never stored."""

from utils.secrets.credentials import Credentials, credentials_for, credentials_source, find_secret
from utils.secrets.redaction import redact, remember

__all__ = ["Credentials", "credentials_for", "credentials_source", "find_secret", "redact", "remember"]
