"""The mesh starter's world as drawings: one program for each kind of object, exact at any place and any resolution."""
