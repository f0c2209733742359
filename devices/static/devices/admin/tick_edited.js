// Ticks a setting as soon as its field is edited.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  for (const part of document.querySelectorAll("[data-ticks]")) {
    part.addEventListener("input", () => {
      document.getElementById(part.dataset.ticks).checked = true;
    });
  }
});
