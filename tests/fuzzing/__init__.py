"""What is attacked with inputs that nobody would make: targets, and the inputs that are kept."""
