// The page that calibrates: asks only for what the chosen target needs, and draws the rounds while they come.
"use strict";

(() => {
  function told(id) {
    const element = document.getElementById(id);
    return element ? JSON.parse(element.textContent) : null;
  }

  function showWhatIsNeeded(form) {
    const target = form.elements.target.value;
    for (const part of form.querySelectorAll("[data-for]")) {
      part.hidden = !part.dataset.for.split(" ").includes(target);
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    const form = document.getElementById("calibrate");
    if (form) {
      form.addEventListener("change", () => showWhatIsNeeded(form));
      showWhatIsNeeded(form);
    }
    const plot = document.querySelector("[data-plot]");
    if (plot) {
      ct6Plots.rounds(plot, told("plot-rounds"));
      const live = plot.closest("[data-live]");
      if (live) live.addEventListener("told", (event) => ct6Plots.rounds(plot, event.detail.plot));
    }
    const drift = told("drift") || {};
    for (const svg of document.querySelectorAll("[data-spark]")) ct6Plots.spark(svg, drift[svg.dataset.spark]);
  });
})();
