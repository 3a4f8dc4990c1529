"""One module a tab. A tab places components and wires events; it computes nothing."""
