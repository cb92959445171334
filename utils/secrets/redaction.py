"""Hiding secrets in whatever is about to be shown or written."""

_known: set[str] = set()
HIDDEN = "[hidden]"


def remember(secret: str) -> None:
    """Have every later `redact` hide this secret (shorter than 4 characters would hide half the text)."""
    if len(secret) >= 4:
        _known.add(secret)


def redact(text: str) -> str:
    """Replace every known secret in a text."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text
