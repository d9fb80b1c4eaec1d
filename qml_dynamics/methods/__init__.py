"""Classical methods: the references that every quantum run is compared with."""
