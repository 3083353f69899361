"""Arrays in, arrays out: this room knows no file, no name of a nuclide, no plot."""
