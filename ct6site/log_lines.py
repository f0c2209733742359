"""Which lines of the packages go into the log."""

from logging import LogRecord


def is_news(record: LogRecord) -> bool:
    """Whether django.request has something to tell: an unwell part that is answered to each poll of /health/ is none.

    A traceback always is.
    """
    path = getattr(getattr(record, "request", None), "path_info", "")
    return path != "/health/" or record.exc_info is not None
