"""Renewal: when a model is to be fitted anew, and whether the new one may replace the old one.

`drift` says that a stream is no longer what it was, `paired` whether one model is better than
another on the same rows, `policies` when to fit on which rows, and `prequential` what a policy
would have been worth. All of it computes only: rows come in, values come out.
"""
