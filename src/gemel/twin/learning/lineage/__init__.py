"""Lineage: from which data each model comes, who made it champion, and what it tells.

Told in the words of OpenLineage, so that a catalogue of the company can join it with what comes
before and after: `openlineage` has the words, `facets` those that are ours, `live` makes events of
the history of a plant's tasks, `trained` of one `gemel train`. All of it computes only.
"""
