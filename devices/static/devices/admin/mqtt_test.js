// Sends a test message to the MQTT server that is typed in the form, and says what came of it beside the button.
"use strict";

(() => {
  const PATIENCE_MS = 30000;

  async function test(button) {
    const place = button.parentElement.querySelector("[role=status]");
    place.textContent = button.dataset.wait;
    delete place.dataset.taken;
    button.disabled = true;
    try {
      const answer = await fetch(button.dataset.testMqtt, {
        method: "POST",
        body: new FormData(button.form),
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      const told = await answer.json();
      place.textContent = told.sentence;
      place.dataset.taken = told.taken ? "yes" : "no";
    } catch {
      place.textContent = button.dataset.failed;
      place.dataset.taken = "no";
    } finally {
      button.disabled = false;
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-test-mqtt]")) {
      button.addEventListener("click", () => test(button));
    }
  });
})();
