"""What a trained network listens to, and whether that is true."""
