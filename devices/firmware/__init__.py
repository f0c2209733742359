"""New firmware for units: looked through and kept as a release, compiled, sent, started, checked, and taken back."""
