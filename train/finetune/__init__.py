"""A codec that speaks like somebody after a few minutes, and reads its old tokens."""
