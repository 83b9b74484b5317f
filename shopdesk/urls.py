"""Where everything is. Only include()s: each room names its own addresses."""

from django.contrib import admin
from django.urls import include, path

handler500 = "shopdesk.middleware.server_error"

urlpatterns = [
    path("", include("faq.urls")),
    path("contact/", include("inquiries.urls.public")),
    path("returns/", include("returns.urls.public")),
    path("preferences/", include("followups.urls.public")),
    path("account/", include("shopdesk.accounts.urls")),
    path("hooks/events/", include("shopdesk.mail.urls_events")),
    path("hooks/mail/", include("shopdesk.mail.urls_hooks")),
    path("admin/inquiries/", include("inquiries.urls.desk")),
    path("admin/returns/", include("returns.urls.desk")),
    path("admin/followups/", include("followups.urls.desk")),
    path("admin/faq/", include("faq.urls_desk")),
    path("admin/mail/", include("shopdesk.mail.urls")),
    path("admin/shop/", include("shopdesk.shop.urls")),
    path("admin/", include("shopdesk.desk.urls")),
    path("admin/", admin.site.urls),
    path("", include("shopdesk.desk.urls_health")),
]
