"""Binary places of the integers that the entropy model computes with.

A product of a weight and a state has WEIGHT + STATE places; everything that is added to one is
stored with fewer and shifted. Sums stay below 2**24 in size, so that float32 holds them exactly
in any order of summation: matrices are multiplied by whatever BLAS is there, and no machine
differs from another.
"""

from __future__ import annotations

WEIGHT = 6  # int8 weights: +-2 in steps of 1/64
STATE = 7  # int8 view of the state: +-1
TABLE = 11  # int16 rows and biases: +-16
FINE = 15  # the state itself, and the gates
MIX = 5  # int8 view of a head's hidden layer: 0 to 4
LOGIT = WEIGHT + MIX
GATE = 8  # the gates' tables: +-8 in steps of 1/256
EXP = 6  # the exponential's table: 0 to -16 in steps of 1/64
EXACT = 1 << 24
