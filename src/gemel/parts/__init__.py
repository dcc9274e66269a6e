"""What can be exchanged: a folder per interface, a file per implementation."""
