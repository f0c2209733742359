"""Tokens as a login to the REST API: ``Authorization: Token <text>``."""

from django.utils.translation import gettext as _
from rest_framework import authentication
from rest_framework.exceptions import AuthenticationFailed

from ct6site.models import ApiToken, User
from devices.access import may_change_anything

Scope = ApiToken.Scope


class TokenAuthentication(authentication.TokenAuthentication):
    """Who sends a token is its user, and ``request.auth`` the token; a text that opens nothing answers 401."""

    def authenticate_credentials(self, key: str) -> tuple[User, ApiToken]:
        token = ApiToken.objects.select_related("user").filter(digest=ApiToken.digest_of(key)).first()
        if token is None:
            raise AuthenticationFailed(
                _("This token is not known, or it was revoked. POST /api/v1/token/ makes a new one.")
            )
        if token.expired:
            problem = _("This token expired on %(moment)s UTC. POST /api/v1/token/ makes a new one.")
            raise AuthenticationFailed(problem % {"moment": f"{token.expires:%Y-%m-%d %H:%M}"})
        if not token.user.is_active:
            raise AuthenticationFailed(_("The user of this token is switched off. An administrator can switch it on."))
        token.note_use()
        return token.user, token


def scopes_of(user: User) -> list[Scope]:
    """What a token of this user may be allowed: never more than the user is."""
    return list(Scope) if may_change_anything(user) else [Scope.READ]


def may_revoke(used: ApiToken | None, token: ApiToken) -> bool:
    """Whether a token may be revoked by its user, who is logged in with ``used`` (None: with a password).

    A token that only reads revokes nothing but itself: who steals one cannot lock out the others.
    """
    return used is None or used.pk == token.pk or used.scope != Scope.READ
