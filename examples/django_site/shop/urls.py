"""The shop's pages."""

from django.urls import path

from shop import views

urlpatterns = [path("buy/<fruit>", views.buy), path("break", views.break_down)]
handler404 = views.answer_not_found
handler500 = views.answer_broken
