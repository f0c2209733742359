/* Keeps a page up to date while work goes on: asks its address every second, and no more once all is over. */
"use strict";

(() => {
  const EVERY_MS = 1000;
  const PATIENCE_MS = 10000;

  function replace(parts) {
    for (const [id, html] of Object.entries(parts)) {
      const place = document.getElementById(id);
      // Only what differs from what was sent last, so that a selection in the page survives.
      if (place && place.dataset.sent !== html) {
        place.innerHTML = html;
        place.dataset.sent = html;
      }
    }
  }

  function append(list, lines) {
    if (!list || !lines) return;
    const wasAtEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 8;
    list.insertAdjacentHTML("beforeend", lines);
    if (wasAtEnd) list.scrollTop = list.scrollHeight;
  }

  function show(root, told) {
    replace(told.parts || {});
    for (const place of root.querySelectorAll("[data-percent]")) {
      if (place.dataset.percent === "width") place.style.width = `${told.percent}%`;
      else place.textContent = `${told.percent} %`;
    }
    for (const place of root.querySelectorAll("[data-shown]")) place.hidden = !told.shown[place.dataset.shown];
    append(root.querySelector("[data-lines]"), told.lines);
    root.dispatchEvent(new CustomEvent("told", { detail: told }));
  }

  async function follow(root) {
    let after = root.dataset.after || "0";
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
      if (document.hidden) continue;
      try {
        const address = new URL(root.dataset.live, window.location.href);
        address.searchParams.set("after", after);
        const answer = await fetch(address, {
          headers: { Accept: "application/json" },
          signal: AbortSignal.timeout(PATIENCE_MS),
        });
        if (answer.redirected || answer.status === 403 || answer.status === 404) return; // logged out, or gone
        if (!answer.ok) continue;
        const told = await answer.json();
        show(root, told);
        after = told.last ?? after;
        if (told.over) {
          if (root.hasAttribute("data-reload")) window.location.reload();
          return;
        }
      } catch {
        // The server is restarting or the network is away: asked again in a second.
      }
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const list of document.querySelectorAll("[data-lines]")) list.scrollTop = list.scrollHeight;
    for (const root of document.querySelectorAll("[data-live]")) follow(root);
  });
})();
