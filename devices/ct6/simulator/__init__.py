"""A faithful fake unit: the demo, the test double and the load generator."""
