"""Knowledge files; each says in `about` where its facts come from."""
