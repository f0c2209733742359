"""What reads the bytes that come from the net, tried with bytes that no unit sends.

``python -m tests.fuzz`` runs a coverage-guided fuzzer, `make test` 20,000 inputs of it and `make soak` a million.
"""
