"""Reading a model: what a file or folder really is, found from its bytes and never by running it.

Start at :func:`backends.assessment.assess.assess`. Every problem is a
:class:`~backends.domain.errors.BadInput` that names the file and what to do about it.
"""
