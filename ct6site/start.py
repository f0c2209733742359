"""How a process of the product ends when the operator, not the code, has something to mend: in one sentence."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, OperationalError, ProgrammingError

UNPREPARED = "The database is not prepared yet: run `make run` once, or `manage.py set_up`."
STOPPED_BY_CTRL_C = 130
_MYSQL_NO_SUCH_TABLE = 1146


def is_unprepared(error: BaseException | None) -> bool:
    """Whether the database misses a table, as one does that was never migrated."""
    if isinstance(error, OperationalError):
        return "no such table" in str(error)
    return isinstance(error, ProgrammingError) and error.args[:1] == (_MYSQL_NO_SUCH_TABLE,)


@contextmanager
def in_a_sentence(*, status: int = 1) -> Iterator[None]:
    """Exit with ``status`` and the sentence of a wrong setting or an unprepared database; with 130 after Ctrl-C."""
    try:
        yield
    except ImproperlyConfigured as error:
        _end(str(error), status)
    except Error as error:
        if not is_unprepared(error):
            raise
        _end(UNPREPARED, status)
    except KeyboardInterrupt:
        _end("Stopped.", STOPPED_BY_CTRL_C)


def _end(sentence: str, status: int) -> None:
    sys.stderr.write(f"{sentence}\n")
    sys.exit(status)
