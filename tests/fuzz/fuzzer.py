"""The fuzzer itself, a process of its own with libFuzzer's options as arguments: see `tests.fuzz.running`."""

import random
import sys

import atheris

with atheris.instrument_imports(include=["devices.ct6"]):
    from tests.fuzz.expected import check

from tests.fuzz.mutations import mutated


def mutate(payload: bytes, most_bytes: int, seed: int) -> bytes:
    """In half of the cases something that hurts, else what libFuzzer finds promising."""
    chance = random.Random(seed)
    if chance.random() < 0.5:
        return bytes(atheris.Mutate(payload, most_bytes))
    for _ in range(chance.randint(1, 3)):
        payload = mutated(payload, chance)
    return payload[:most_bytes]


if __name__ == "__main__":
    atheris.Setup(sys.argv, check, custom_mutator=mutate)
    atheris.Fuzz()
