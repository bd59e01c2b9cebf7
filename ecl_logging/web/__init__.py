"""Pages over HTTP: what may be asked for, and the server that answers."""
