// Light or dark: what the user chose on this browser, else what the system prefers. Runs before the first paint.
(function () {
  "use strict";
  const KEY = "ct6-colour-scheme";
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  function chosen() {
    try {
      return window.localStorage.getItem(KEY);
    } catch (error) {
      return null; // storage can be forbidden
    }
  }

  function current() {
    const scheme = chosen();
    if (scheme === "light" || scheme === "dark") {
      return scheme;
    }
    return system.matches ? "dark" : "light";
  }

  function apply() {
    const scheme = current();
    document.documentElement.dataset.mantineColorScheme = scheme;
    document.documentElement.style.colorScheme = scheme;
    document.dispatchEvent(new CustomEvent("ct6-scheme", { detail: scheme }));
  }

  function toggle() {
    const scheme = current() === "dark" ? "light" : "dark";
    const systems = system.matches ? "dark" : "light";
    try {
      if (scheme === systems) {
        window.localStorage.removeItem(KEY); // follow the system again
      } else {
        window.localStorage.setItem(KEY, scheme);
      }
    } catch (error) {
      return;
    }
    apply();
  }

  window.ct6Scheme = { current, toggle };
  system.addEventListener("change", apply);
  apply();
})();
