"""Outside to SpectrumSet, Analysis to outside: one module a format, behind one registry."""
