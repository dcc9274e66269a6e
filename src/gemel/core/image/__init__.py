"""Images as arrays: grey values, filters, what the texture of each patch is. No files, no network.

An image is float32[h, w], 0 black to 1 white. Reading one from a file is I/O, and lies in
`runtime/images.py`.
"""

from gemel.core.image.columns import described
from gemel.core.image.gallery import Gallery
from gemel.core.image.patches import Bank
from gemel.core.image.picture import Image, fitted, grey, resized, stretched

__all__ = ["Bank", "Gallery", "Image", "described", "fitted", "grey", "resized", "stretched"]
