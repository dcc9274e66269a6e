"""What a twin does, one room per job; upper rooms use lower ones."""
