"""Stages one after the other: `transfer`, what it has done already, and what each of them was worth."""
