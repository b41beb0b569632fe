"""Superset beside the warehouse: its own small database and key under CBEC_SUPERSET_HOME."""

import os
import secrets
from pathlib import Path

HOME = Path(os.environ["CBEC_SUPERSET_HOME"])
KEY = HOME / "secret_key"
if not KEY.exists():
    KEY.touch(mode=0o600)
    KEY.write_text(secrets.token_urlsafe(42))

SECRET_KEY = KEY.read_text()
SQLALCHEMY_DATABASE_URI = f"sqlite:///{HOME / 'superset.db'}"
SQLALCHEMY_TRACK_MODIFICATIONS = False
BABEL_DEFAULT_LOCALE = os.environ.get("CBEC_SUPERSET_LANGUAGE", "en")
LANGUAGES = {"en": {"flag": "us", "name": "English"}, "zh": {"flag": "cn", "name": "中文"}}
ROW_LIMIT = 50_000
