"""The content of the gallery: the picture of each row, and the index in Markdown."""

from gallery_content._index import index_text, number
from gallery_content._picture import draw_row

__all__ = ["draw_row", "index_text", "number"]
