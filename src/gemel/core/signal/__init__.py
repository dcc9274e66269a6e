"""Waveforms: what a burst of vibration or sound is, in numbers. No I/O, NumPy alone.

A waveform is an artifact, not samples of a signal: `statistics`, `spectrum`, `envelope` and `mel`
turn it into features, `machine` says at which frequencies a bearing or gear shows that it is
damaged. A fast signal becomes one by `even`.
"""
