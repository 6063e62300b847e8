"""The questions that the paper and its review leave open, as measurements on any saved codec."""
