"""Work that the serving process must not do itself: drawing maps in worker processes."""
