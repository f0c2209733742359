"""Passwords that units should have: kept encrypted, and only until the unit has taken or refused them.

Fernet of the package cryptography (AES and HMAC in one), since signing alone would leave them readable. The key comes
from SECRET_KEY: a copy of the database without it tells no password.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.encoding import force_bytes
from django.utils.translation import gettext_noop as _

from devices.ct6.errors import UnitError

_PURPOSE = b"passwords wished for units"


class PasswordLost(UnitError):
    """The password cannot be read any more, since SECRET_KEY is another one now."""


def locked(text: str) -> str:
    """The password as it may be stored; nothing for nothing."""
    return _box().encrypt(text.encode()).decode() if text else ""


def unlocked(stored: str, *, unit: str = "") -> str:
    """The password again. Raises PasswordLost."""
    try:
        return _box().decrypt(stored.encode()).decode() if stored else ""
    except InvalidToken:
        template = _(
            "The password cannot be read any more, since SECRET_KEY was changed after it was typed; type it again. "
            "Nothing was sent."
        )
        raise PasswordLost(unit, template) from None


def _box() -> MultiFernet:
    return MultiFernet([Fernet(_key_from(secret)) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _key_from(secret: str | bytes) -> bytes:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(force_bytes(secret))
    return urlsafe_b64encode(derived)
