from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class InquiriesConfig(AppConfig):
    name = "inquiries"
    label = "inquiries"
    verbose_name = _("Inquiries")

    def ready(self) -> None:
        from inquiries import exporting
        from shopdesk.accounts import facts

        facts.say("inquiries", "list", exporting.in_words)
