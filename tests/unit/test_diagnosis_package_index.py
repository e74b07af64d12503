"""The generated tables of the Python index: hard names, traps, near names, and their provenance."""

from __future__ import annotations

import pytest

from activities.diagnosis import knowledge
from activities.diagnosis.python import package_index
from activities.diagnosis.python import releases as python_releases

HARD = {
    "cv2": "opencv-python-headless", "yaml": "PyYAML", "bs4": "beautifulsoup4", "jwt": "PyJWT",
    "magic": "python-magic", "dateutil": "python-dateutil", "Crypto": "pycryptodome", "serial": "pyserial",
    "usb": "pyusb", "OpenSSL": "pyOpenSSL", "MySQLdb": "mysqlclient", "attr": "attrs", "git": "GitPython",
    "socks": "PySocks", "docx": "python-docx", "fitz": "PyMuPDF", "telegram": "python-telegram-bot",
    "skimage": "scikit-image", "zmq": "pyzmq", "nacl": "PyNaCl", "dns": "dnspython",
    "slugify": "python-slugify",
    "google.cloud.storage": "google-cloud-storage", "google.cloud.run_v2": "google-cloud-run",
    "azure.storage.blob": "azure-storage-blob", "Xlib": "python-xlib",
    "airflow.providers.google": "apache-airflow-providers-google", "absl": "absl-py", "pywt": "PyWavelets",
}  # fmt: skip


@pytest.mark.parametrize(("module", "distribution"), HARD.items())
def test_hard_names_are_known(module: str, distribution: str) -> None:
    """Names whose distribution is called otherwise, and where another one of the same name exists."""
    found = knowledge.distribution_of(module)
    assert found is not None
    assert found.name == distribution


@pytest.mark.parametrize(
    "module",
    ["app", "config", "utils", "tests", "src", "models", "core", "api", "main", "forum", "google", "azure",
     "services", "azure.storage.nonesuch"],
)  # fmt: skip
def test_words_that_are_anybodys_are_not(module: str) -> None:
    """A wrong package is worse than none."""
    assert knowledge.distribution_of(module) is None


def test_the_tables_are_large_popular_first_and_say_where_they_come_from() -> None:
    """Thousands of names, within the size that travels with the project."""
    popular = package_index.popular_distributions()
    assert len(popular) > 15_000
    assert popular.index("requests") < 100
    for file, key in (("python_index.json", "imports"), ("python_popular.json", "distributions")):
        table = package_index.data_file(file)
        assert "python_index.py" in table["about"]
        assert len(table[key]) > 10_000


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("requsts", "requests"), ("djano", "django"), ("pomegranade", "pomegranate"),
        ("flask-sqlalchmey", "flask-sqlalchemy"), ("requests", ""), ("acme-auth", ""),
        ("mycompany-utils", ""), ("os", ""),
    ],
)  # fmt: skip
def test_a_slip_of_the_pen_is_seen_and_no_more(wrong: str, right: str) -> None:
    """One letter, or two in a long name; a name that exists means itself."""
    assert package_index.meant_by(wrong) == right


@pytest.mark.parametrize(
    ("name", "python", "pin"),
    [
        ("whitenoise", "2.7.18", "<5"),
        ("Django", "3.5", "<3"),
        ("numpy", "3.7", "<1.22"),
        ("nobody", "3.7", ""),
    ],
)
def test_the_last_releases_for_an_old_python(name: str, python: str, pin: str) -> None:
    """From the table of what each release needs."""
    assert python_releases.last_for(name, python) == pin


def test_versions_are_read_as_tools_print_them() -> None:
    """Requires-Python in all spellings, the nearest release, the series before."""
    assert python_releases.oldest_python(">=3.5, <4") == "3.5"
    assert python_releases.newest_python("<3.8,>=3.6") == "3.7"
    assert python_releases.oldest_python("nonsense") == ""
    assert python_releases.nearest("1.8.0+cu111", ["1.7.0", "1.8.0"]) == "1.8.0"
    assert python_releases.nearest("2.0.1", ["2.0.0", "2.1.0"]) == "2.0.0"
    assert python_releases.before_this_series("5.1.0") == "<5"
    assert python_releases.before_this_series("0.20.1") == "<0.20"
    assert python_releases.before_this_series("2021.1") == ""
