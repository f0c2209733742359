"""What the collector knows of each unit that has answered since the start."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from devices.ct6.protocol import Answer
from devices.registration import KnownUnit, Sighting
from readings.collect.claims import Claim
from readings.collect.copies import Copies
from readings.collect.inbox import Arrival
from readings.collect.ingest import NewReading, last_answer, new_reading
from readings.collect.regularity import Regularity
from readings.collect.uptimes import Question
from readings.collect.ways import Counting, Way, Ways
from readings.collect.windows import Timeline

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer and how it came."""

    answer: Answer
    arrival: Arrival


@dataclass(slots=True)
class Unit:
    """A unit that has answered since the start. `heard` is its newest answer, `newest` that by each way, and `measured`
    the newest that became a reading.
    """

    claim: Claim
    copies: dict[Way, Copies]
    regularity: Regularity
    ways: Ways[Heard]
    known: KnownUnit | None
    timeline: Timeline | None = None
    heard: Heard | None = None
    newest: dict[Way, Arrival] = field(default_factory=dict)
    measured: Arrival | None = None
    silent_since_ms: int | None = None  # of the steady clock, when its silence was told
    kept_back: list[Heard] = field(default_factory=list)
    waiting: list[Heard] = field(default_factory=list)
    uptime: tuple[Heard, Question] | None = None  # asked for the first that waits
    # Its mean does not reach back to its last stored reading: answers in between were not stored, or it was calibrated.
    mean_is_cut: bool = False
    # Answers from before this moment of the steady clock are lost: the mean after it does not reach back over them.
    lost_before_ms: int | None = None

    @property
    def is_silent(self) -> bool:
        return self.silent_since_ms is not None

    def hear(self, heard: Heard) -> bool:
        """Whether that ends its silence: what came before it was told, and waited, does not."""
        self.heard = heard
        if self.silent_since_ms is None or heard.arrival.steady_ms <= self.silent_since_ms:
            return False
        self.silent_since_ms = None
        return True

    def cut_mean(self) -> None:
        """What comes next tells nothing about the time before it."""
        self.mean_is_cut = True
        self.ways.cut()

    def last_answer(self, reading: NewReading, arrival: Arrival) -> str:
        """What is kept of its newest reading, and of how it is heard."""
        answered = self.newest.get(Way.AYT)
        return last_answer(
            reading,
            arrival,
            other_poller=self.regularity.is_suspicious,
            answered_ms=None if answered is None else answered.time_ms,
            interval_ms=self.ways.interval_ms,
        )

    def leave_out(self, heard: Heard, *, is_last: bool) -> None:
        """It is stored already, and was the last one that was where that `is_last`."""
        self.hear(heard)
        self.newest[heard.arrival.way] = heard.arrival
        self.ways.leave_out(heard.arrival.way, heard.arrival.steady_ms, is_last=is_last)

    def may_have_restarted(self, heard: Heard) -> bool:
        """Whether it could have done so since its last answer without our noticing, so that it has to be asked.

        By MQTT it comes every few seconds or says nothing of the time before; what the other way measured meanwhile
        needs no question.
        """
        arrival = heard.arrival
        if self.timeline is None or self.mean_is_cut:
            return False
        if arrival.way is Way.MQTT or self.ways.current_at(arrival.steady_ms) is Way.MQTT:
            return False
        if self.ways.fills(arrival.way, arrival.steady_ms):
            return False
        return self.timeline.may_hide_restart(arrival.time_ms, arrival.steady_ms)

    def can_take(self, heard: Heard) -> bool:
        """Whether the answer becomes a reading without a look into the database, or at the unit's uptime."""
        known = self.known
        return (
            known is not None
            and not self.waiting
            and known.is_described_by(heard.answer, heard.arrival.address)
            and (self.timeline is not None or not known.is_stored)
            and not self.may_have_restarted(heard)
        )

    def measure(self, known: KnownUnit, counting: Counting[Heard], uptime_ms: int | None) -> NewReading:
        """The reading of an answer, which becomes the newest; `uptime_ms`, where known, bounds its window."""
        heard = counting.item
        arrival, window_ms, recovered = heard.arrival, 0, False
        if self.measured is not None:
            arrival = arrival.behind(self.measured)
        self.measured = arrival
        if self.timeline is not None:
            if self.mean_is_cut:
                uptime_ms, self.mean_is_cut = 0, False
            follows_loss = self.lost_before_ms is not None and arrival.steady_ms >= self.lost_before_ms
            if follows_loss:
                self.lost_before_ms = None
            window_ms = self.timeline.add(
                arrival.time_ms,
                arrival.steady_ms,
                uptime_ms=uptime_ms,
                follows_loss=follows_loss,
                longest_ms=counting.longest_ms,
            )
            recovered = counting.longest_ms is None and self.timeline.is_recovered(window_ms)
        if recovered:
            log.info("An outage's mean was recovered", unit=known.assy, name=known.name, window_s=window_ms // 1000)
        return new_reading(known, heard.answer, arrival.time_ms, window_ms, arrival.steady_ms, recovered=recovered)

    def sighting(self) -> Sighting | None:
        """What the newest waiting answer says that the database does not know yet."""
        # By MQTT it leaves out the half of what it is.
        heard = next((one for one in reversed(self.waiting) if one.arrival.way is Way.AYT), self.waiting[-1])
        if self.known is not None and self.known.is_described_by(heard.answer, heard.arrival.address):
            return None
        return Sighting(heard.answer, heard.arrival.address, moment(heard.arrival.time_ms))


def moment(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms / 1000, UTC)


def log_regularity(unit: KnownUnit, regularity: Regularity) -> None:
    if not regularity.is_suspicious:
        log.info("A unit answers regularly again", unit=unit.assy, name=unit.name)
        return
    log.warning(
        "A unit leaves many questions unanswered, or answers too often: somebody else may be asking it too, and then "
        "energy is missing here",
        unit=unit.assy,
        name=unit.name,
        to_do="end ct6_db_store, ct6_dash and other collectors that ask it; if there are none, see its Wi-Fi",
    )


def log_hand_over(unit: KnownUnit, way: Way) -> None:
    if way is Way.MQTT:
        log.info("A unit is heard by MQTT; what comes so counts from here on", unit=unit.assy, name=unit.name)
    else:
        log.info("A unit answers questions; its answers to them count from here on", unit=unit.assy, name=unit.name)
