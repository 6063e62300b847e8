"""Models by name: bundled, local, or on the Hugging Face Hub."""
