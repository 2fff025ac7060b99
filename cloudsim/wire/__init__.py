"""HTTP/1.1 as bytes: sockets, messages, bodies, ranges and multipart."""
