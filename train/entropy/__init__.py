"""Training of the learned entropy coder: ``python -m train.entropy``."""
