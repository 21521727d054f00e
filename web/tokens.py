"""Bearer tokens: who has one may use the JSON interface. Only their SHA-256 digests stand in the configuration.

A plain hash is enough, since a token is 256 random bits and no password that could be guessed.
"""

import hashlib
import hmac
import re
import secrets

from qa.errors import BadSetting

_DIGEST = re.compile(r"[0-9a-f]{64}")


def new_token() -> str:
    """Return a token that nobody can guess."""
    return secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """Return the SHA-256 digest of a token, in hexadecimal digits."""
    return hashlib.sha256(token.encode()).hexdigest()


def read_digests(value: str, variable: str) -> tuple[str, ...]:
    """Return the digests that a setting lists, separated by commas.

    Raises:
        BadSetting: something else stands among them. It is not repeated in the message: it may be the token itself.
    """
    digests = tuple(part.strip().lower() for part in value.split(","))
    if not all(_DIGEST.fullmatch(digest) for digest in digests):
        raise BadSetting(
            f"{variable} must list SHA-256 digests of tokens, 64 hexadecimal digits each, separated by commas; "
            "make one with: qa token"
        )
    return digests


def is_known(token: str, digests: tuple[str, ...]) -> bool:
    """Tell whether a token is one of those; the time it takes says nothing about them."""
    digest = digest_of(token)
    return any(hmac.compare_digest(digest, known) for known in digests)
