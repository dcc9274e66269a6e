"""Experiments with lines: what to change, how often to play it, and what that says.

`settings` is what a file says. `comparing` plays scenarios until `ranking` is certain of the best;
`sweeping` plays a design of `designs`, and `effects` says what its factors do; `new_line` asks what
to expect of a line that does not exist yet. `playing` cuts all of it into tasks, for whoever plays
them.
"""
