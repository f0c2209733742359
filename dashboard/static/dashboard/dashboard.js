// The browser's part of the dashboard: the colour scheme, and what happened to requests.
(function () {
  "use strict";

  // --- Callbacks that need no server ---------------------------------------------------------------------------
  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.dashboard = {
    // Lets a clock through while somebody can see the page, and there is a device on it that they may see.
    whenVisible: function (ticks) {
      const isSeen = document.visibilityState === "visible" && !document.querySelector(".ct6-unknown-device");
      return isSeen && ticks ? ticks : window.dash_clientside.no_update;
    },

    // The files hold what the page shows, in both of its places. Their addresses lie beside the page's own.
    exportLinks: function (search) {
      return ["export.csv", "export.xlsx", "export.csv", "export.xlsx"].map((file) => file + (search || ""));
    },

    colourScheme: function () {
      const scheme = window.ct6Scheme.current();
      return [scheme, scheme, window.dash_clientside.plot.room()];
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
    if (userMenu && !userMenu.contains(event.target)) {
      userMenu.open = false;
    }
  });
  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape" && userMenu && userMenu.open) {
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
    trouble.dataset.status = status;
    const here = window.location.pathname + window.location.search;
    if (status === 401) {
      say(gettext("Your session has ended; what you see is no longer brought up to date."), gettext("Log in again"),
        trouble.dataset.login + "?ended=1&next=" + encodeURIComponent(here));
    } else if (status === 403) {
      say(gettext("The server does not allow this: you may not see this device, or the page is too old."),
        gettext("Load the page again"), here);
    } else if (status >= 400) {
      const words = gettext("The server has a problem (%(status)s); the page keeps trying.");
      say(interpolate(words, { status: status }, true), "", "");
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
          say(gettext("The server cannot be reached; the page keeps trying."), "", "");
        }
        throw error;
      },
    );
  };
})();
