"""The settings of an installation that is there for a benchmark only."""

import os
from pathlib import Path


def environment(database_url: str, folder: Path) -> dict[str, str]:
    """Of its processes. Its data lie in the folder, which is there."""
    (folder / "static").mkdir()
    return {
        **os.environ,
        "CT6_DATA_DIR": str(folder),
        "DATABASE_URL": database_url,
        "DJANGO_SETTINGS_MODULE": "ct6site.settings",
        "SECRET_KEY": "only-for-benchmarks",
        "CT6_ADOPT": "all",
        "CT6_TIMEZONE": "Europe/London",
        "CT6_ADDRESSES": "127.0.0.1",
        "CT6_LOG_LEVEL": "WARNING",
    }
