"""Kinds of metrics as data: one entry says what people write, what is read for it, and which test judges it.

A new kind is one entry in one of these files; the CRD, its rules, the query of a look, the judge and the reference page follow.
"""
