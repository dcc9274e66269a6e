"""What mkdocs.yml cannot say: the pages about design are the files of their folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

FIRST = ("architecture", "frame-and-admission", "mirror", "history", "pipeline", "connectors")
"""These come first, in this order; the others follow by name."""


def on_config(config: Any) -> Any:
    """Fill the section Design of the navigation."""
    folder = Path(config["docs_dir"]) / "design"
    names = {page.stem for page in folder.glob("*.md")}
    order = [name for name in FIRST if name in names] + sorted(names - set(FIRST))
    for section in config["nav"]:
        if "Design" in section:
            section["Design"] = [f"design/{name}.md" for name in order]
    return config
