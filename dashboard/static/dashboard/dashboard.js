// The browser's part of the dashboard: the address as the one state, the colour scheme, and what happened to requests.
(function () {
  "use strict";

  // --- Callbacks that need no server ---------------------------------------------------------------------------
  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.dashboard = {
    // Writes what the controls say into the address. A control that says what the address says already changes nothing.
    navigate: function (values, ids, search, defaults) {
      const words = new URLSearchParams(search || "");
      const standard = (defaults && defaults.values) || {};
      const moving = (defaults && defaults.moving) || [];
      let changed = false;
      ids.forEach(function (id, index) {
        const name = id.control;
        const value = values[index];
        const said = words.has(name) ? words.get(name) : standard[name];
        if (value === null || value === undefined || value === said) {
          return;
        }
        changed = true;
        if (moving.includes(name) && value === standard[name]) {
          words.delete(name);
        } else {
          words.set(name, value);
        }
      });
      return changed ? "?" + words.toString() : window.dash_clientside.no_update;
    },

    // Lets a clock through while somebody can see the page.
    whenVisible: function (ticks) {
      return document.visibilityState === "visible" && ticks ? ticks : window.dash_clientside.no_update;
    },

    // A new figure, zoomed as the one on the page where both show the same, and with the same traces left out.
    keepChoices: function (figure) {
      const graph = document.querySelector("#power .js-plotly-plot");
      const held = (graph && graph.layout) || {};
      const layout = Object.assign({}, figure.layout);
      if (held.uirevision === layout.uirevision) {
        layout.dragmode = held.dragmode || layout.dragmode;
        Object.keys(layout).forEach(function (name) {
          if (/^[xy]axis\d*$/.test(name) && held[name] && held[name].autorange === false) {
            layout[name] = Object.assign({}, layout[name], { range: held[name].range, autorange: false });
          }
        });
      }
      let data = figure.data;
      if (held.legend && held.legend.uirevision === layout.legend.uirevision) {
        const leftOut = graph.data.filter((trace) => trace.visible === "legendonly").map((trace) => trace.uid);
        data = data.map((trace) => leftOut.includes(trace.uid) ? Object.assign({}, trace, { visible: "legendonly" }) : trace);
      }
      return { data: data, layout: layout };
    },

    colourScheme: function () {
      const scheme = window.ct6Scheme.current();
      return [scheme, scheme];
    },
  };

  document.addEventListener("ct6-scheme", function (event) {
    if (window.dash_clientside.set_props) {
      window.dash_clientside.set_props("scheme", { data: event.detail });
      window.dash_clientside.set_props("mantine", { forceColorScheme: event.detail });
    }
  });

  // --- The header ----------------------------------------------------------------------------------------------
  document.getElementById("scheme-switch").addEventListener("click", window.ct6Scheme.toggle);

  const userMenu = document.querySelector(".ct6-user");
  document.addEventListener("click", function (event) {
    if (!userMenu.contains(event.target)) {
      userMenu.open = false;
    }
  });
  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape" && userMenu.open) {
      userMenu.open = false;
      userMenu.querySelector("summary").focus();
    }
  });

  // --- Trouble with the server: said in a banner, since Dash itself would only stop drawing ---------------------
  const trouble = document.getElementById("trouble");

  function say(words, linkWords, target) {
    const link = trouble.querySelector("a");
    trouble.querySelector("span").textContent = words;
    link.hidden = !linkWords;
    link.textContent = linkWords || "";
    link.href = target || "";
    trouble.hidden = false;
  }

  function sayStatus(status) {
    const here = window.location.pathname + window.location.search;
    if (status === 401) {
      say("Your session has ended; what you see is no longer brought up to date.", "Log in again",
        trouble.dataset.login + "?ended=1&next=" + encodeURIComponent(here));
    } else if (status === 403) {
      say("The server does not allow this: you may not see this device, or the page is too old.", "Load the page again", here);
    } else if (status >= 400) {
      say("The server has a problem (" + status + "); the page keeps trying.", "", "");
    } else {
      trouble.hidden = true;
    }
  }

  const fetchOf = window.fetch;
  window.fetch = function (resource) {
    const address = typeof resource === "string" ? resource : resource.url;
    const answer = fetchOf.apply(this, arguments);
    if (!/\/_dash-(update-component|layout|dependencies)/.test(address)) {
      return answer;
    }
    return answer.then(
      function (response) {
        sayStatus(response.status);
        return response;
      },
      function (error) {
        if (error.name !== "AbortError") {
          say("The server cannot be reached; the page keeps trying.", "", "");
        }
        throw error;
      },
    );
  };
})();
