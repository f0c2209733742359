from django.contrib import admin
from django.urls import include, path

from ct6site import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", include("ct6site.api")),
    path("health/", views.health, name="health"),
    path("favicon.ico", views.favicon),
    path("", include("dashboard.urls")),
]
handler400 = "ct6site.refusals.bad_request"
handler404 = "ct6site.refusals.not_found"
handler500 = "ct6site.refusals.server_error"
