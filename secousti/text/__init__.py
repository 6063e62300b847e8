"""Text for training and alignment: phonemes of English and Mandarin, and their place in time."""
