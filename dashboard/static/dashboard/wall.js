// Keeps the page of a wall display working for weeks without a hand: it sends the link's secret along with every
// callback, loads itself anew after trouble, and goes back to what the link shows when nobody touches it any more.
(function () {
  "use strict";
  const script = document.currentScript;
  const home = window.location.href;
  const opened = Date.now();
  const LOOK_EVERY_MS = 30_000;
  const LOOK_IN_TROUBLE_EVERY_MS = 5_000;
  const PATIENCE_MS = 10_000;
  const STAY_AT_LEAST_MS = 60_000; // so that an error that stays does not make it flicker
  const STAY_AT_MOST_MS = 6 * 3_600_000; // a new version of the page arrives by itself
  const LEFT_ALONE_AFTER_MS = 10 * 60_000;
  let troubled = false;
  let touched = opened;

  const fetchOf = window.fetch;
  window.fetch = function (resource, options) {
    const address = typeof resource === "string" ? resource : resource.url;
    if (!address.includes("/_dash-")) {
      return fetchOf.apply(this, arguments);
    }
    const headers = new Headers((options && options.headers) || {});
    headers.set(script.dataset.header, script.dataset.token);
    return fetchOf.call(this, resource, Object.assign({}, options, { headers: headers })).then(
      function (response) {
        if (response.status === 410) {
          window.location.replace(home); // which says that the link was revoked
          return new Promise(function () {}); // so that nothing else is said meanwhile
        }
        troubled = troubled || response.status >= 400;
        return response;
      },
      function (error) {
        troubled = troubled || error.name !== "AbortError";
        throw error;
      },
    );
  };

  for (const event of ["pointerdown", "keydown", "wheel"]) {
    document.addEventListener(event, function () {
      touched = Date.now();
    }, { passive: true });
  }

  function isTimeToLoadAnew() {
    const now = Date.now();
    const leftAlone = now - touched > LEFT_ALONE_AFTER_MS;
    const moved = window.location.href !== home;
    return (troubled && now - opened > STAY_AT_LEAST_MS) || (leftAlone && (moved || now - opened > STAY_AT_MOST_MS));
  }

  function look() {
    fetchOf(script.dataset.state, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) }).then(
      function (response) {
        const closed = response.status === 404 || response.status === 410; // the page says which
        if (closed || (response.ok && isTimeToLoadAnew())) {
          window.location.replace(home);
        } else {
          troubled = troubled || !response.ok;
        }
      },
      function () {
        troubled = true;
      },
    ).finally(function () {
      window.setTimeout(look, troubled ? LOOK_IN_TROUBLE_EVERY_MS : LOOK_EVERY_MS);
    });
  }

  window.setTimeout(look, LOOK_EVERY_MS);
})();
