"""From datagrams and MQTT messages to readings: who is it, which window, is it sane?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import structlog
from django.db import DataError, IntegrityError

from devices.ct6.errors import NotAnAnswer, OtherProduct
from devices.ct6.protocol import AYT_QUESTION, Answer, decode_answer
from devices.registration import KnownUnit, Sighting, known_units, note_claim, register
from devices.seen import Seen
from readings.collect.claims import Claim, Verdict
from readings.collect.copies import Copies
from readings.collect.going_on import go_on
from readings.collect.inbox import Arrival
from readings.collect.ingest import Ingest, NewReading, last_answer, new_reading
from readings.collect.oddities import Oddities, Oddity
from readings.collect.regularity import Regularity
from readings.collect.units import Heard, Unit, log_hand_over, log_regularity, moment
from readings.collect.uptimes import PATIENCE_MS, Question, Uptimes
from readings.collect.ways import Counting, Way, Ways
from readings.collect.windows import PERIODS_BRIDGED

log = structlog.get_logger(__name__)

# How soon what was changed in the admin is noticed.
_LOOK_AGAIN_MS: Final = 3_000
_LEAST_SILENCE_MS: Final = 10_000
_NAMED_SINGLY: Final = 10
_KEPT_BACK: Final = 16
_REGISTERED_AT_ONCE: Final = 200
# Bounds against somebody who makes labels up: an address has one unit at a time, one LAN far fewer units.
_NEW_LABELS_AN_HOUR: Final = {Way.AYT: 8, Way.MQTT: 1_000}  # a topic has the units of a whole site
_HOUR_MS: Final = 3_600_000
_LABELS_KEPT: Final = 20_000


class Intake:
    """Sorts what arrives by unit and hands readings to `ingest`. One thread only, but the counters are for all.

    `waiting` counts answers that wait: for the database, because their unit says something new, or for the uptime of
    a unit that was silent.
    """

    def __init__(self, ingest: Ingest, oddities: Oddities, *, period_s: float, preferred: Way = Way.AYT) -> None:
        self.answers = 0
        self.by_way: Counter[Way] = Counter()
        self._preferred = preferred
        self.units_answering = 0
        self.waiting = 0
        self._ingest = ingest
        self._oddities = oddities
        self._uptimes = Uptimes()
        self._patience_ms = PATIENCE_MS
        self._period_ms = round(period_s * 1000)
        self._silence_ms = max(_LEAST_SILENCE_MS, PERIODS_BRIDGED * self._period_ms)
        self._known: dict[str, KnownUnit] = {}
        self._looked_ms: int | None = None
        self._units: dict[str, Unit] = {}
        self._new_labels: Counter[str] = Counter()
        self._new_labels_since_ms = 0
        self._newest: dict[str, tuple[NewReading, Arrival]] = {}
        self._shown_ms: dict[str, int] = {}
        self._lost_before_ms: int | None = None

    def look_into_database(self, steady_ms: int) -> None:
        """Take over what others changed there, unless that was done in the last seconds. Raises DatabaseError."""
        if self._looked_ms is not None and steady_ms - self._looked_ms < _LOOK_AGAIN_MS:
            return
        self._known = known_units()
        self._looked_ms = steady_ms
        for assy, unit in list(self._units.items()):
            if unit.known is None:
                continue
            before, unit.known = unit.known, self._known.get(assy)
            if unit.known is None:  # deleted: should it answer again, it is a new one
                del self._units[assy]
            elif not unit.known.is_stored:
                unit.timeline = None
                if not unit.mean_is_cut:
                    unit.cut_mean()
            if unit.known is not None and unit.known.calibrating != before.calibrating:
                _log_calibration(unit.known)

    def take(self, arrivals: Iterable[Arrival]) -> None:
        """Make readings of these, oldest first. Needs no database: answers that do are kept for `settle`."""
        for arrival in arrivals:
            answer = self._decode(arrival)
            if answer is None:
                continue
            unit = self._units.get(answer.assy) or self._first_heard(answer, arrival)
            if unit is not None:
                self.answers += 1
                self.by_way[arrival.way] += 1
                self._judge(unit, Heard(answer, arrival))

    def note_loss(self, steady_ms: int) -> None:
        """Answers are lost that came before this moment, which the next ones to take come after."""
        self._lost_before_ms = steady_ms
        for unit in self._units.values():
            unit.lost_before_ms = steady_ms

    def show(self, arrivals: Iterable[Arrival]) -> None:
        """Let these be what their units said last, though older ones are still to be taken. They are taken later."""
        for arrival in arrivals:
            answer = self._decode(arrival)
            known = None if answer is None else self._known.get(answer.assy)
            if answer is None or known is None or known.claimed_from is not None:
                continue
            if known.address == arrival.address or self._counts_by_mqtt(known.assy, arrival):
                reading = new_reading(known, answer, arrival.time_ms, 0, arrival.steady_ms)
                said = last_answer(reading, arrival)
                self._ingest.note_seen(Seen(known.device_id, moment(arrival.time_ms), said))
                self._shown_ms[known.assy] = arrival.steady_ms

    def _counts_by_mqtt(self, assy: str, arrival: Arrival) -> bool:
        unit = self._units.get(assy)
        return unit is not None and arrival.way is Way.MQTT and unit.ways.current is Way.MQTT

    def settle(self, now_ms: int, steady_ms: int) -> None:
        """Register what is new and take the answers that waited for that. Raises DatabaseError."""
        units = {assy: unit for assy, unit in self._units.items() if unit.waiting}
        registered = _register_all([sighting for unit in units.values() if (sighting := unit.sighting())])
        self._known |= registered
        for assy, unit in units.items():
            unit.known = registered.get(assy, unit.known)
            self._take_waiting(unit, now_ms, steady_ms)
        self._write_claims()
        self._say_silent(steady_ms)
        self._hand_over_newest()

    def wait_no_more(self) -> None:
        """The end is near: take what waits for an uptime as if that were not known."""
        self._patience_ms = 0

    def drop_waiting_before(self, steady_ms: int) -> int:
        """Give up answers that waited for the database since before this moment; returns how many."""
        dropped = 0
        for unit in self._units.values():
            kept = [heard for heard in unit.waiting if heard.arrival.steady_ms >= steady_ms]
            if len(kept) < len(unit.waiting):
                unit.lost_before_ms = steady_ms
            dropped += len(unit.waiting) - len(kept)
            unit.waiting = kept
        self.waiting -= dropped
        return dropped

    def forget(self) -> int:
        """Know nothing of any unit any more, as at the start; returns how many answers waited."""
        dropped, self.waiting = self.waiting, 0
        self.units_answering = 0
        self._known, self._looked_ms = {}, None
        self._units.clear()
        self._newest.clear()
        return dropped

    def _decode(self, arrival: Arrival) -> Answer | None:
        if arrival.payload == AYT_QUESTION:  # our own broadcast
            return None
        try:
            answer = decode_answer(arrival.payload)
        except OtherProduct as error:
            self._oddities.note(Oddity.OTHER_PRODUCT, arrival.source, arrival.steady_ms / 1000, str(error))
            return None
        except NotAnAnswer as error:
            self._oddities.note(Oddity.NO_ANSWER, arrival.source, arrival.steady_ms / 1000, str(error))
            return None
        if answer.implausible:
            names = ", ".join(answer.implausible[:_NAMED_SINGLY])
            self._oddities.note(Oddity.IMPLAUSIBLE, answer.assy, arrival.steady_ms / 1000, names)
        return answer

    def _first_heard(self, answer: Answer, arrival: Arrival) -> Unit | None:
        known = self._known.get(answer.assy)
        if known is None and not self._may_be_new(arrival):
            return None
        address = arrival.address if known is None or known.address is None else known.address
        rival = None if known is None else known.claimed_from
        claim = Claim(address, arrival.steady_ms, period_ms=self._period_ms, rival=rival)
        unit = Unit(
            claim,
            {way: Copies(self._period_ms) for way in Way},
            Regularity(self._period_ms),
            Ways(preferred=self._preferred, period_ms=self._period_ms),
            known,
        )
        unit.lost_before_ms = self._lost_before_ms
        self._units[answer.assy] = unit
        return unit

    def _may_be_new(self, arrival: Arrival) -> bool:
        if arrival.steady_ms - self._new_labels_since_ms > _HOUR_MS:
            self._new_labels.clear()
            self._new_labels_since_ms = arrival.steady_ms
        most = _NEW_LABELS_AN_HOUR[arrival.way]
        if self._new_labels[arrival.source] >= most or len(self._units) >= _LABELS_KEPT:
            self._oddities.note(Oddity.TOO_MANY_LABELS, arrival.source, arrival.steady_ms / 1000)
            return False
        self._new_labels[arrival.source] += 1
        return True

    def _judge(self, unit: Unit, heard: Heard) -> None:
        address = heard.arrival.address
        if address is None:  # it cannot be seen which of two units says it
            take = self._leave_out if unit.claim.contested else self._accept
            take(unit, heard)
            return
        match unit.claim.judge(address, heard.arrival.steady_ms):
            case Verdict.KEEP_BACK:
                unit.kept_back = [*unit.kept_back[-_KEPT_BACK:], heard]
                return
            case Verdict.CONTESTED:
                self._leave_out(unit, heard)
                return
            case Verdict.MOVED:
                for earlier in unit.kept_back:
                    if earlier.arrival.address == address:
                        self._accept(unit, earlier)
        unit.kept_back.clear()
        self._accept(unit, heard)

    def _leave_out(self, unit: Unit, heard: Heard) -> None:
        self._oddities.count(Oddity.CONTESTED)
        unit.kept_back.clear()
        unit.cut_mean()
        if unit.known is not None:
            self._ingest.note_seen(Seen(unit.known.device_id, moment(heard.arrival.time_ms), None))

    def _accept(self, unit: Unit, heard: Heard) -> None:
        if unit.known is not None and unit.can_take(heard):
            self._take_one(unit, unit.known, heard)
        else:
            unit.waiting.append(heard)
            self.waiting += 1

    def _take_one(self, unit: Unit, known: KnownUnit, heard: Heard, uptime_ms: int | None = None) -> None:
        arrival = heard.arrival
        if unit.copies[arrival.way].holds(arrival.payload, arrival.steady_ms):
            self._oddities.note(Oddity.DUPLICATE, known.assy, arrival.steady_ms / 1000, f"from {arrival.source}")
            return
        before_ms = arrival.steady_ms if unit.heard is None else unit.heard.arrival.steady_ms
        if (former := unit.newest.get(arrival.way)) is not None:
            arrival = arrival.behind(former)
            heard = replace(heard, arrival=arrival)
        unit.newest[arrival.way] = arrival
        if unit.hear(heard):
            silent_s = (arrival.steady_ms - before_ms) // 1000
            log.info("A unit answers again", unit=known.assy, name=known.name, silent_s=silent_s)
        if arrival.way is Way.AYT and unit.regularity.note(arrival.steady_ms):
            log_regularity(known, unit.regularity)
        before = unit.ways.current
        counted = unit.ways.take(arrival.way, arrival.steady_ms, heard)
        for counting in counted:
            self._count(unit, known, counting, uptime_ms if counting.item is heard else None)
        if counted and unit.ways.current is not before:
            log_hand_over(known, unit.ways.current)
        elif arrival.way is not unit.ways.current and unit.ways.is_overdue(arrival.steady_ms):
            self._ingest.note_seen(Seen(known.device_id, moment(arrival.time_ms), None))

    def _count(self, unit: Unit, known: KnownUnit, counting: Counting[Heard], uptime_ms: int | None) -> None:
        reading = unit.measure(known, counting, uptime_ms)
        if unit.timeline is not None:
            self._ingest.add(reading)
        self._newest[known.assy] = reading, counting.item.arrival

    def _take_waiting(self, unit: Unit, now_ms: int, steady_ms: int) -> None:
        known = unit.known
        waited = len(unit.waiting)
        if known is not None and known.is_stored and unit.timeline is None:
            go_on(unit, known, now_ms=now_ms, steady_ms=steady_ms, period_ms=self._period_ms)
        waiting, unit.waiting = unit.waiting, []
        self.waiting -= waited
        if known is None or unit.claim.contested:
            return
        for index, heard in enumerate(waiting):
            uptime_ms = None
            if unit.may_have_restarted(heard):
                question = self._uptime_of(unit, known, heard, steady_ms)
                if question is None:
                    unit.waiting = waiting[index:]
                    self.waiting += len(unit.waiting)
                    return
                uptime_ms = 0 if unit.regularity.is_suspicious else question.uptime_ms or 0
            self._take_one(unit, known, heard, uptime_ms)

    def _uptime_of(self, unit: Unit, known: KnownUnit, heard: Heard, steady_ms: int) -> Question | None:
        """What the unit was asked about its uptime; None while there is still hope for its answer."""
        late_ms = steady_ms - heard.arrival.steady_ms
        if unit.uptime is None or unit.uptime[0] is not heard:
            port = heard.answer.http_port
            unit.uptime = heard, self._uptimes.ask(known.assy, heard.arrival.source, port, late_ms)
        question = unit.uptime[1]
        if not question.settled:
            if late_ms - question.late_ms < self._patience_ms:
                return None
            question.given_up = True
        unit.uptime = None
        if question.uptime_ms is None:
            self._oddities.note(Oddity.UPTIME_UNKNOWN, known.assy, steady_ms / 1000)
        return question

    def _write_claims(self) -> None:
        for unit in self._units.values():
            known, rival = unit.known, unit.claim.rival
            if known is None or known.claimed_from == rival:
                continue
            note_claim(known.device_id, rival)
            unit.known = self._known[known.assy] = replace(known, claimed_from=rival)
            if rival is None:
                log.info("Only one unit carries this label now; it is stored again", unit=known.assy)
            elif known.claimed_from is None:
                log.warning(
                    "Two units claim one label; nothing is stored for it until only one of them answers",
                    unit=known.assy,
                    addresses=f"{unit.claim.address} and {rival}",
                    to_do="give one of them a serial number of its own, or switch it off",
                )

    def _say_silent(self, steady_ms: int) -> None:
        silent: list[KnownUnit] = []
        for unit in self._units.values():
            if unit.is_silent or unit.heard is None or unit.known is None:
                continue
            silence_ms = max(self._silence_ms, unit.ways.silent_after_ms)
            # What waits on disk was heard too.
            heard_ms = max(unit.heard.arrival.steady_ms, self._shown_ms.get(unit.known.assy, 0))
            if steady_ms - heard_ms > silence_ms and not unit.claim.contested:
                unit.silent_since_ms = steady_ms
                silent.append(unit.known)
        self.units_answering = sum(not unit.is_silent for unit in self._units.values())
        _log_silent(silent)

    def _hand_over_newest(self) -> None:
        for assy, (reading, arrival) in self._newest.items():
            if reading.kept_since_ms < self._shown_ms.get(assy, reading.kept_since_ms):
                continue
            self._shown_ms.pop(assy, None)
            unit = self._units.get(assy)
            said = last_answer(reading, arrival) if unit is None else unit.last_answer(reading, arrival)
            self._ingest.note_seen(Seen(reading.device_id, moment(reading.time_ms), said))
        self._newest.clear()


def _register_all(sightings: Sequence[Sighting]) -> dict[str, KnownUnit]:
    """Register these; one that the database refuses keeps none of the others out."""
    registered: dict[str, KnownUnit] = {}
    for start in range(0, len(sightings), _REGISTERED_AT_ONCE):
        batch = sightings[start : start + _REGISTERED_AT_ONCE]
        try:
            registered |= register(batch)
        except (DataError, IntegrityError):
            registered |= _register_one_by_one(batch)
    return registered


def _register_one_by_one(sightings: Sequence[Sighting]) -> dict[str, KnownUnit]:
    registered: dict[str, KnownUnit] = {}
    for sighting in sightings:
        try:
            registered |= register([sighting])
        except (DataError, IntegrityError) as error:
            log.error(  # noqa: TRY400 - the sentence says all
                "The database refuses what a unit says of itself", unit=sighting.answer.assy, reason=str(error)
            )
    return registered


def _log_calibration(unit: KnownUnit) -> None:
    if unit.calibrating:
        log.info("A unit is calibrated: its answers are not stored until that is over", unit=unit.assy, name=unit.name)
    else:
        log.info("A unit's calibration is over: its answers are stored again", unit=unit.assy, name=unit.name)


def _log_silent(units: Sequence[KnownUnit]) -> None:
    if len(units) > _NAMED_SINGLY:
        first = ", ".join(unit.name or unit.assy for unit in units[:_NAMED_SINGLY])
        log.warning("Many units do not answer any more", count=len(units), first=first)
        return
    for unit in units:
        log.warning("A unit does not answer any more", unit=unit.assy, name=unit.name, address=unit.address)
