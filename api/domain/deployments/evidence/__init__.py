"""Evidence: what several sources say of one deployment, and what follows from it.

A statement is what one event, or one report, says. The statements of one source with one external
id are a witness; witnesses of the same rollout are a group, which is one deployment. All of it is
worked out anew from the set of statements, so that the order in which they came leaves no trace.
"""
