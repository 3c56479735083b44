"""Values and arithmetic of every room: numpy, scipy and the standard library only."""
