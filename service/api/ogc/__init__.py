"""OGC API – Features: what is announced, how parameters are read, how answers are written."""
