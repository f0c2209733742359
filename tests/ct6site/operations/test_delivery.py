"""Messages reach channels in their order, each with patience, and none holds up another."""

import threading
from dataclasses import dataclass, field, replace

from ct6site.models import AlertChannel
from ct6site.operations.delivery import MOST_WAITING, Channel, Delivery, Message, Outcome
from ct6site.operations.sending import NotSent
from tests.processes import wait_for

ANNA = Channel(1, "Anna", "anna", about_units=True, about_parts=True)
BOB = Channel(2, "Bob", "bob", about_units=True, about_parts=True)
SHORT_S = (0.05,)
LONG_S = (3_600.0,)


@dataclass
class Post:
    """What was sent where. Addresses in ``refuses`` take nothing; those in ``hangs`` wait for ``go_on``."""

    sent: list[tuple[str, str]] = field(default_factory=list)
    tries: list[str] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)
    hangs: set[str] = field(default_factory=set)
    go_on: threading.Event = field(default_factory=threading.Event)

    def send(self, address: str, title: str, body: str) -> None:
        self.tries.append(address)
        if address in self.hangs:
            self.go_on.wait(20)
        if address in self.refuses:
            raise NotSent(AlertChannel.Problem.REFUSED, "HTTP 403")
        self.sent.append((address, title))


def message(title: str) -> Message:
    return Message(title, "")


def collected(delivery: Delivery, count: int) -> list[Outcome]:
    found: list[Outcome] = []

    def enough() -> bool:
        found.extend(delivery.outcomes())
        return len(found) >= count

    wait_for(enough)
    return found


def test_messages_arrive_in_their_order() -> None:
    post = Post()
    delivery = Delivery(post.send)
    delivery.know([ANNA])
    for title in "abc":
        delivery.hand_over(ANNA, message(title))
    assert [outcome.failure for outcome in collected(delivery, 3)] == [None] * 3
    assert post.sent == [("anna", "a"), ("anna", "b"), ("anna", "c")]
    delivery.end()


def test_a_message_that_is_not_taken_is_sent_again_before_the_next_one() -> None:
    post = Post(refuses={"anna"})
    delivery = Delivery(post.send, SHORT_S)
    delivery.know([ANNA])
    delivery.hand_over(ANNA, message("a"))
    delivery.hand_over(ANNA, message("b"))
    failure = collected(delivery, 2)[0].failure
    assert failure is not None
    assert str(failure) == "refused: HTTP 403"
    post.refuses.clear()
    wait_for(lambda: post.sent == [("anna", "a"), ("anna", "b")])
    delivery.end()


def test_a_channel_that_hangs_holds_up_no_other() -> None:
    post = Post(hangs={"anna"})
    delivery = Delivery(post.send)
    delivery.know([ANNA, BOB])
    delivery.hand_over(ANNA, message("a"))
    delivery.hand_over(BOB, message("a"))
    wait_for(lambda: post.sent == [("bob", "a")])
    post.go_on.set()
    wait_for(lambda: len(post.sent) == 2)
    delivery.end()


def test_an_address_that_was_corrected_is_tried_at_once() -> None:
    post = Post(refuses={"anna"})
    delivery = Delivery(post.send, LONG_S)
    delivery.know([ANNA])
    delivery.hand_over(ANNA, message("a"))
    collected(delivery, 1)
    delivery.know([replace(ANNA, address="anna's new one")])
    wait_for(lambda: post.sent == [("anna's new one", "a")])
    delivery.end()


def test_what_waits_for_a_channel_that_is_gone_is_forgotten() -> None:
    post = Post(refuses={"anna"})
    delivery = Delivery(post.send, SHORT_S)
    delivery.know([ANNA])
    delivery.hand_over(ANNA, message("a"))
    collected(delivery, 1)
    delivery.know([])
    assert delivery.channels == []
    wait_for(lambda: not any(thread.name == "alerts to Anna" for thread in threading.enumerate()))
    assert post.sent == []


def test_what_waits_is_bounded_and_the_oldest_go() -> None:
    post = Post(hangs={"anna"})
    delivery = Delivery(post.send)
    delivery.know([ANNA])
    delivery.hand_over(ANNA, message("first"))
    wait_for(lambda: post.tries == ["anna"])
    for number in range(MOST_WAITING + 5):
        delivery.hand_over(ANNA, message(str(number)))
    post.go_on.set()
    wait_for(lambda: len(post.sent) == MOST_WAITING + 1)
    assert [title for _, title in post.sent[:2]] == ["first", "5"]
    delivery.end()
