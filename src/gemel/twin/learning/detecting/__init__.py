"""How a detector at work is renewed: what it may learn from, what its findings cost, who decides.

A slow fault must not become normal because a model has learned it. So a new model is fitted only
where the plant file or a person says so, on rows that nobody and nothing calls abnormal; it scores
beside the present one, raises nothing, and takes its place only where people have answered enough
findings to show that it costs less, however the unanswered ones turn out.
"""
