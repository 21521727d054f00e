"""Bearer tokens: who has one may use the JSON interface. Only their SHA-256 digests stand in the configuration.

A plain hash is enough, since a token is 256 random bits and no password that could be guessed.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable


def new_token() -> str:
    """Return a token that nobody can guess."""
    return secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """Return the SHA-256 digest of a token, in hexadecimal digits."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_known(token: str, digests: Iterable[str]) -> bool:
    """Tell whether a token is one of those; the time it takes says nothing about them."""
    digest = digest_of(token)
    return any(hmac.compare_digest(digest, known) for known in digests)
