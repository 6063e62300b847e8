"""Text front ends on the held-out lines of the hard cases: ``python -m benchmarks.text``."""
