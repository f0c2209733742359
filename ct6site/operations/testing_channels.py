"""Tries an alert channel while somebody waits for the outcome."""

from datetime import datetime

from ct6site.models import AlertChannel
from ct6site.operations import alert_words, sending
from ct6site.operations.sending import NotSent
from devices.configuration.passwords import PasswordLost


def problem_of(address: str) -> str:
    """Why nothing can be sent to the address, as far as its form tells; empty when nothing speaks against it."""
    try:
        sending.check(address)
    except NotSent as failure:
        return str(failure.problem.label)
    return ""


def send_test_message(channel: AlertChannel, now: datetime) -> None:
    """Send one and note at the channel what became of it."""
    message = alert_words.test_message()
    try:
        sending.send(channel.address, message.title, message.body)
    except PasswordLost:
        channel.note_failure(now, AlertChannel.Problem.UNREADABLE, "")
    except NotSent as failure:
        channel.note_failure(now, failure.problem, failure.detail)
    else:
        channel.note_success(now)
