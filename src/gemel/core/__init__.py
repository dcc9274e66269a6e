"""The shared words of the platform: values and contracts, without I/O and without a clock."""
