"""Imaginary and real time by variation: ansaetze, the exact McLachlan engine, its integrators and its error bounds."""
