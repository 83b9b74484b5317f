"""Django's own leaves no room between the day and the hour: 2026年11月22日9:05."""

DATETIME_FORMAT = "Y年n月j日 H:i"
TIME_FORMAT = "H:i"
