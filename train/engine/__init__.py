"""What every training is made of: the loop, checkpoints, optimizers, trackers."""
