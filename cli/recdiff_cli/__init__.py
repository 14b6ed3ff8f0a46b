"""The command line of recdiff-sdk: a command parses, calls one function, prints."""
