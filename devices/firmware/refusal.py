"""Why a file is no firmware release."""

from __future__ import annotations

from collections.abc import Mapping


class ReleaseRefused(ValueError):
    """The uploaded file is not accepted, and nothing was kept of it.

    The sentence names the file inside it, the line where there is one, and what to do. `template` is marked for
    translation, `values` are plain texts and numbers.
    """

    def __init__(self, template: str, values: Mapping[str, object] | None = None) -> None:
        super().__init__(template, values)
        self.template = template
        self.values = dict(values or {})

    def __str__(self) -> str:
        return self.template % self.values if self.values else self.template
