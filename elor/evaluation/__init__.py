"""Scores that can be trusted: definitions, intervals that respect speakers, tests, guards, and where a network fails.

The idea that everything here shares: a *tally* is what adds up over slices (a confusion matrix, or six sums for a
regression head), and a *statistic* turns a tally into a number. Slices of one speaker are not independent, speakers
are. So every tally is kept per speaker, and intervals and tests add up the tallies of drawn, left-out or exchanged
speakers. `evaluate.evaluate` puts the parts together.
"""
