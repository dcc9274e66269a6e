"""Statistical process control: constants, charts, rules, capability, gauges. Computation only.

`constants` and `quantiles` are what the others stand on; `run_length` gives limits from theory;
`charts` makes Phase I limits and the points of Phase II, `rules` says where they are not random,
`capability` compares a process with its specification, `gauge` a measurement with what it measures.
"""
