"""Programs that run inside a throwaway container, with the image's own interpreter; never imported here.

They use nothing but the standard library and what the tool they speak to brings along.
"""
