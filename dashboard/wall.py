"""Links that show the dashboard on a wall: read only, without a login, of chosen devices, until they are revoked.

The page of such a link sends its secret part along with every callback, in a header of its own. So a wall display needs
no cookie, no session ends, and a browser in which somebody is logged in too does not mix the two up.
"""

import hashlib
import secrets
from datetime import timedelta

from django.utils import timezone

from dashboard.models import WallDisplay
from devices.access import Viewer
from devices.models import Device

HEADER = "X-Wall-Display"
LAST_USE_IS_WRITTEN_EVERY = timedelta(minutes=5)


def draw_token(display: WallDisplay) -> str:
    """A new secret part of the display's link, which opens it once the display is saved and cannot be had again.

    The link that it had before opens nothing more.
    """
    token = secrets.token_urlsafe(32)
    display.digest = _digest_of(token)
    return token


def display_of(token: str) -> WallDisplay | None:
    """The display whose link has this secret part, revoked or not."""
    return WallDisplay.objects.filter(digest=_digest_of(token)).first()


def viewer_of(token: str) -> Viewer | None:
    """Who looks at the display of this link; None where no such link is open."""
    display = display_of(token)
    if display is None or display.revoked is not None:
        return None
    return Viewer(Device.objects.filter(wall_displays=display))


def revoke(display: WallDisplay) -> bool:
    """Close the link for good; False if it was closed already."""
    found = WallDisplay.objects.filter(pk=display.pk, revoked=None)
    return found.update(revoked=timezone.now()) > 0


def note_use(display: WallDisplay) -> None:
    """Remember that somebody looks at it, once in some minutes, so that showing writes little."""
    now = timezone.now()
    if display.last_used is None or now - display.last_used >= LAST_USE_IS_WRITTEN_EVERY:
        WallDisplay.objects.filter(pk=display.pk).update(last_used=now)


def _digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
