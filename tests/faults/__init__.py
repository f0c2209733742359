"""The proof that nothing gets lost: faults, on real processes, each a line of artifacts/faults.md.

`make test` runs the short form of each; `make soak` sets CT6_SOAK, and they last longer and strike more often.
"""
