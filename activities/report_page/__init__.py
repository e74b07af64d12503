"""``report.html``: what a run did and proved, on one page that needs nothing else to be read (US2, FR-010).

Pure: a masked report, and the evidence that is shown with it, become bytes. Markup is built by a few typed
functions instead of a template: what is no ``Html`` is text and gets escaped, and the type checker sees it.
"""
