curl --version
exec python -u app.py
