"""What is done with runs: packing, averaging, pictures, reports."""
