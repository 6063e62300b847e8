"""What every training reads: corpora decoded once, crops, labels, augmentation."""
