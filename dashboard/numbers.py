"""Numbers in texts. The server writes them in English; the browser writes them anew in its own locale."""

from typing import Any


def numbered(sentence: str, **numbers: tuple[float, int]) -> dict[str, Any]:
    """The properties of an element that says a sentence with numbers in it.

    ``sentence`` has a ``{name}`` for each of them; a number comes with its digits after the point, e.g.
    ``numbered("{net} kWh", net=(1.5, 2))``.
    """
    said = {name: written(value, digits) for name, (value, digits) in numbers.items()}
    return {
        "children": sentence.format(**said),
        "data-sentence": sentence,
        "data-numbers": [[name, value, digits] for name, (value, digits) in numbers.items()],
    }


def written(value: float, digits: int) -> str:
    """A number with a true minus sign, and none before a zero."""
    text = f"{abs(value):,.{digits}f}"
    return f"−{text}" if value < 0 and text.strip("0.,") else text
