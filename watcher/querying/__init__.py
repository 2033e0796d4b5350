"""The language of `watcher search`: text becomes a tree of conditions, or a sentence that points at the mistake.

`arguments` joins what a shell hands over, `lexing` cuts it up, `parsing` builds the tree of `tree`, `terms` reads what
stands behind `field:` with `numbers`, `periods` and `questions`; `folding` says what a word is, to whoever writes the
index too; `reference` is the help. Stdlib only: what a tree means in SQL is for db/matching.py to say.
"""
