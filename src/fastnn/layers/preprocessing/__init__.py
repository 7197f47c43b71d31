"""Layers that prepare features: scaled, cut into bins, looked up, hashed, encoded."""
