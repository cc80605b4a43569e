"""The Musterkreis: an invented county in the official file formats."""

from geodata.sample.write import write_county

__all__ = ["write_county"]
