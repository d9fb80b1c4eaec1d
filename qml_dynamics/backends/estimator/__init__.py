"""V2 estimators as backends."""
