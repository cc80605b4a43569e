"""The routes, one module a topic; each exports ``router``."""
