"""Which address speaks for a label. Pure: times are milliseconds of a clock that never jumps.

A unit that gets a new address falls silent at the old one; two units that carry one label both go on answering. So an
answer from another address is kept back until the old one has been silent for some periods (then nothing is lost), or
has answered again (then nothing of that label is stored until one of the two has been silent for a minute).
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

_SILENT_PERIODS: Final = 2.5
_BOTH_ANSWER_MS: Final = 10_000
_SETTLED_MS: Final = 60_000
_ADDRESSES_KEPT: Final = 8


class Verdict(Enum):
    OWN = auto()  # from the unit's address
    KEEP_BACK = auto()  # from another address, and it is not clear yet why
    MOVED = auto()  # from the unit's new address: this one and those kept back count
    CONTESTED = auto()  # two units carry the label: nothing counts, those kept back neither


class Claim:
    """Who answered under one label, and when.

    `address` is where the unit is (None: not known yet); `rival`, while the label is contested, the other address that
    claims it.
    """

    def __init__(self, address: str | None, heard_ms: int, *, period_ms: int, rival: str | None = None) -> None:
        self.address = address
        self.rival = rival
        self._heard_ms = {} if address is None else {address: heard_ms}
        if rival is not None:
            self._heard_ms[rival] = heard_ms
        self._silent_ms = round(_SILENT_PERIODS * period_ms)
        self._both_answer_ms = max(_BOTH_ANSWER_MS, 2 * self._silent_ms)
        self._settled_ms = max(_SETTLED_MS, 2 * self._silent_ms)

    @property
    def contested(self) -> bool:
        return self.rival is not None

    def judge(self, address: str, at_ms: int) -> Verdict:
        """What an answer from this address, come at this time, is worth."""
        if self.address is None:
            self.address, verdict = address, Verdict.OWN
        elif self.contested:
            verdict = self._settle(address, at_ms)
        elif address != self.address:
            verdict = self._follow(address, at_ms)
        else:
            verdict = self._own(at_ms)
        self._note(address, at_ms)
        return verdict

    def _own(self, at_ms: int) -> Verdict:
        others = {other: heard for other, heard in self._heard_ms.items() if other != self.address}
        if not others:
            return Verdict.OWN
        other = max(others, key=others.__getitem__)
        if at_ms - others[other] < self._both_answer_ms:
            self.rival = other
            return Verdict.CONTESTED
        self._heard_ms.clear()
        return Verdict.OWN

    def _follow(self, address: str, at_ms: int) -> Verdict:
        if self.address in self._heard_ms and at_ms - self._heard_ms[self.address] < self._silent_ms:
            return Verdict.KEEP_BACK
        self._heard_ms.clear()  # should the old address speak again, it is the other one
        self.address = address
        return Verdict.MOVED

    def _settle(self, address: str, at_ms: int) -> Verdict:
        quiet_since = max((heard for other, heard in self._heard_ms.items() if other != address), default=None)
        if quiet_since is not None and at_ms - quiet_since < self._settled_ms:
            if address != self.address:
                self.rival = address
            return Verdict.CONTESTED
        self.rival = None
        self._heard_ms.clear()
        self.address = address
        return Verdict.MOVED

    def _note(self, address: str, at_ms: int) -> None:
        self._heard_ms[address] = at_ms
        if len(self._heard_ms) > _ADDRESSES_KEPT:
            spare = (one for one in self._heard_ms if one != self.address)
            del self._heard_ms[min(spare, key=self._heard_ms.__getitem__)]
