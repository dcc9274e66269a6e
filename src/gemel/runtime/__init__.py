"""The daemon: configuration, supervision, the way of samples and commands, health."""
