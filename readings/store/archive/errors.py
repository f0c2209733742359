"""What can be wrong with the archive. A sentence each, with the file, and the device that it belongs to."""


class ArchiveError(Exception):
    """``retryable`` tells whether the same may work later without anybody doing something."""

    retryable = False


class ArchiveOff(ArchiveError):
    def __init__(self) -> None:
        super().__init__("The archive is switched off (CT6_ARCHIVE=off), so its files cannot be reached.")


class ArchiveUnreachable(ArchiveError):
    """The store of the files does not answer, or refuses us."""

    retryable = True

    def __init__(self, root: str, reason: object) -> None:
        super().__init__(f"The archive at {root} cannot be reached: {reason}.")


class ArchiveBusy(ArchiveError):
    """Files were replaced by others each time that they were looked at."""

    retryable = True

    def __init__(self, kind: str) -> None:
        super().__init__(f"The archive's files of {kind} are being rewritten right now. Try again.")


class FileMissing(ArchiveError):
    """A file that the database names is not there."""

    def __init__(self, path: str, device_id: int | None = None) -> None:
        super().__init__(f"The archive's file {path}{_of(device_id)} is missing. Bring it back from a backup.")
        self.path = path


class FileDamaged(ArchiveError):
    """A file does not hold what was written."""

    def __init__(self, path: str, reason: object, device_id: int | None = None) -> None:
        super().__init__(
            f"The archive's file {path}{_of(device_id)} is damaged: {reason}. Bring it back from a backup."
        )
        self.path = path


def _of(device_id: int | None) -> str:
    return "" if device_id is None else f" of device {device_id}"
