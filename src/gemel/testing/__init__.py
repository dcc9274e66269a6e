"""What a part must promise, as suites that anybody can run on a part of his own. Needs pytest."""
