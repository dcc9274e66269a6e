"""Pictures of the running twin: taken, kept, looked at, told.

    folder ─┐                                          ┌─▶ signal (score over limit)
            ├─▶ Artifacts + Ledger ─▶ model, in a ─────┼─▶ Event `picture`
    POST ───┘   on disk: accepted     thread of its own └─▶ finding, where it is rejected

A picture that is in the ledger is there after any crash; it counts as told when its sample is on
disk, and one that is not told is looked at again when its task begins the next time.
"""
