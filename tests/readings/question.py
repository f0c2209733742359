"""How tests ask the API for measurements."""

from typing import Any

from rest_framework.test import APIClient


class Question:
    """A GET of an address, with parameters that every question of a test file has unless it says otherwise."""

    def __init__(self, address: str, **usual: Any) -> None:
        self._address = address
        self._usual = usual

    def ask(self, client: APIClient, **parameters: Any) -> Any:
        return client.get(self._address, {**self._usual, **parameters})

    def found(self, client: APIClient, **parameters: Any) -> Any:
        answer = self.ask(client, **parameters)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def refusal(self, client: APIClient, **parameters: Any) -> dict[str, list[str]]:
        """The sentences of a refusal, by parameter."""
        answer = self.ask(client, **parameters)
        assert answer.status_code == 400
        problems: dict[str, list[str]] = answer.json()
        return problems
