"""Tasks in the live twin: fitted on history, asked of what is mirrored, renewed, and answered."""
