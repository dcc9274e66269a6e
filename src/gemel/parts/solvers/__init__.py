"""What finds a plan: a folder per family of questions, a file per way to answer."""
