"""Settings, as small as they may be; what counts is LOGGING."""

SECRET_KEY = "an example has no secrets"  # noqa: S105
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
INSTALLED_APPS = ["shop"]
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "mysite.wsgi.application"
USE_TZ = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "ecl": {
        "groups": {
            "orders": {
                "events": ["sold", "sold out", "delivered"],
                "intervals": ["1m", "1h"],
            },
            "refused": {"intervals": ["1m", "1h"], "auto_declare_events": True},
        },
        "rules": [
            {"group": "orders", "logger": "shop"},
            # Django logs each answer of 4xx and 5xx by itself, and says which in an attribute.
            {"group": "refused", "logger": "django.request", "event": "{status_code}"},
        ],
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "level": "CRITICAL"},
        "counts": {"class": "ecl_logging.handlers.CountingHandler", "config": "cfg://ecl"},
    },
    "root": {"level": "INFO", "handlers": ["console", "counts"]},
}
