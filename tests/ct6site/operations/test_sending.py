"""One message to one address: what arrives, and what is said of one that does not."""

import logging
import time
from collections.abc import Iterator

import pytest

from ct6site.models import AlertChannel
from ct6site.operations import sending
from ct6site.operations.sending import NotSent
from tests.ct6site.receivers import mail_receiver, silent_receiver, web_receiver
from tests.servers import free_port

Problem = AlertChannel.Problem


def failure_of(address: str) -> NotSent:
    with pytest.raises(NotSent) as raised:
        sending.send(address, "House is silent", "since noon")
    return raised.value


def test_a_webhook_gets_the_message_as_json() -> None:
    with web_receiver() as web:
        sending.send(web.webhook, "House is silent", "since noon")
    assert web.received[0]["path"] == "/hook/secret-path"
    assert (web.received[0]["title"], web.received[0]["message"]) == ("House is silent", "since noon")


def test_ntfy_gets_the_message_in_its_topic() -> None:
    with web_receiver() as web:
        sending.send(web.ntfy, "House is silent", "since noon")
    assert web.received[0]["topic"] == "secret-topic"
    assert (web.received[0]["title"], web.received[0]["message"]) == ("House is silent", "since noon")


def test_a_mail_is_sent() -> None:
    with mail_receiver() as mails:
        sending.send(mails.address, "House is silent", "since noon")
    assert mails.received[0]["Subject"] == "House is silent"
    assert "anna@example.org" in mails.received[0]["To"]
    assert "since noon" in mails.received[0].as_string()


@pytest.mark.parametrize("scheme", ["json", "ntfy", "mailto"])
def test_a_server_that_is_not_there_is_unreachable(scheme: str) -> None:
    failure = failure_of(f"{scheme}://127.0.0.1:{free_port()}/topic?from=a@example.org&to=b@example.org")
    assert (failure.problem, failure.detail) == (Problem.UNREACHABLE, "Connection refused")


def test_a_server_that_says_nothing_is_unreachable_in_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "CONNECT_LIMIT_S", 0.2)
    monkeypatch.setattr(sending, "ANSWER_LIMIT_S", 0.2)
    began = time.monotonic()
    with silent_receiver() as port:
        for address in (f"json://127.0.0.1:{port}/", f"mailto://127.0.0.1:{port}/?from=a@b.org&to=c@d.org"):
            failure = failure_of(address)
            assert (failure.problem, failure.detail) == (Problem.UNREACHABLE, "timed out")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
@pytest.mark.parametrize("kind", ["webhook", "ntfy"])
def test_a_refusal_tells_the_status(kind: str, status: int) -> None:
    with web_receiver() as web:
        web.status = status
        failure = failure_of(getattr(web, kind))
    assert (failure.problem, failure.detail) == (Problem.REFUSED, f"HTTP {status}")


def test_a_mail_that_is_refused_tells_the_status() -> None:
    with mail_receiver() as mails:
        mails.answer = "554 not from you"
        failure = failure_of(mails.address)
    assert (failure.problem, failure.detail) == (Problem.REFUSED, "SMTP 554")


@pytest.mark.parametrize("address", ["", "nonsense", "unknown://host/", "mailto://127.0.0.1", "ntfy://", "json://"])
def test_an_address_that_leads_nowhere_is_wrong(address: str) -> None:
    assert failure_of(address).problem == Problem.WRONG_ADDRESS


class Lines(logging.Handler):
    """What the log of the product would hold at its most talkative."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += record.getMessage()


@pytest.fixture
def root_lines() -> Iterator[Lines]:
    lines, root = Lines(), logging.getLogger()
    level = root.level
    root.addHandler(lines)
    root.setLevel(logging.DEBUG)
    yield lines
    root.setLevel(level)
    root.removeHandler(lines)


@pytest.mark.parametrize("status", [200, 403])
def test_neither_the_log_nor_a_failure_holds_the_address(status: int, root_lines: Lines) -> None:
    said = ""
    with web_receiver() as web:
        web.status = status
        for address in (web.webhook, web.ntfy):
            try:
                sending.send(address, "title", "body")
            except NotSent as failure:
                said += str(failure)
    assert "secret" not in said + root_lines.text


def test_no_picture_is_fetched_from_anywhere() -> None:
    service = sending._service_at("ntfy://127.0.0.1/topic")
    assert service.image_url("info") in (None, "")
