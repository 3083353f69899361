"""Where frames come from; each module one kind of source, loaded when it is opened."""
