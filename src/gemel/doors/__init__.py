"""How people and programs come in. Doors are thin: they ask, show and contain almost nothing."""
