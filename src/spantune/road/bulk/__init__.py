"""Answers to more questions than one machine would hold.

In: a run, and Parquet of any size. Out: a folder of Parquet with an answer for each row, part by part; scores of labelled rows.
Does not know: the command line.

A part is answered by one worker and written in one step under its own name. One that is there is not done again: a worker that
dies, or a whole machine room, costs the parts that were under way, and no row is lost or written twice.
"""
