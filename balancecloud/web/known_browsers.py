"""Browsers in which somebody has signed in before. Strangers' tries cannot use up theirs."""

import hashlib
import secrets
from typing import Final

from flask import request
from itsdangerous import BadSignature, URLSafeSerializer
from werkzeug.wrappers import Response

from balancecloud.config import Config

A_YEAR_SECONDS: Final = 365 * 24 * 3600


class KnownBrowsers:
    """Signs a number into a browser's cookie, for the account that signed in there last."""

    def __init__(self, config: Config) -> None:
        keys = [*config.secret_key_fallbacks, config.secret_key]  # the last one signs
        self._signer = URLSafeSerializer(
            [key.reveal() for key in keys],
            salt="balancecloud/known-browser",
            signer_kwargs={"digest_method": hashlib.sha256},
        )
        self._is_https = config.is_https

    @property
    def cookie_name(self) -> str:
        """The cookie's name; with its prefix no other host can set it."""
        return "__Host-balancecloud-known" if self._is_https else "balancecloud-known"

    def number(self, account: str) -> str | None:
        """Return this browser's number when this account has signed in here before."""
        try:
            known, number = self._signer.loads(request.cookies.get(self.cookie_name, ""))
        except (BadSignature, ValueError, TypeError):
            return None
        return str(number) if known == account else None

    def remember(self, response: Response, account: str) -> None:
        """Note in the browser that this account has signed in here."""
        number = self.number(account) or secrets.token_hex(16)
        response.set_cookie(
            self.cookie_name,
            self._signer.dumps([account, number]),
            max_age=A_YEAR_SECONDS,
            secure=self._is_https,
            httponly=True,
            samesite="Lax",
        )


def account_of(email: object) -> str:
    """Return what stands for an address in Redis and in cookies, where nobody shall read it."""
    spelled = email.strip().casefold() if isinstance(email, str) else ""
    return hashlib.sha256(b"balancecloud/account\0" + spelled.encode()).hexdigest()[:32]
